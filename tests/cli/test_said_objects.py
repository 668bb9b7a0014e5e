"""An object of a use case as a command line says it: key by key, from a file, from standard input."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

import pytest

from broker.cli.objects import take_object

ENTRY = "name: Wiki\nredirect_uris: [https://wiki.test/cb]\nlogo:\n"
READ: dict[str, Any] = {"name": "Wiki", "redirect_uris": ["https://wiki.test/cb"], "logo": None}


def said(*pairs: str, file: str | None = None, client_id: str = "wiki") -> dict[str, Any] | None:
    """What these options come to."""
    given = {"said": pairs, "from_file": file, "why": "x"}
    read = take_object(given, client_id)
    assert given == {"why": "x"}
    return read


def test_each_key_has_a_value_of_yaml_and_the_last_word() -> None:
    assert said() is None
    assert said("name=Our Wiki", "first_party=true", "scopes=[openid, email]", "jwks={keys: []}", "logo=") == {
        **{"name": "Our Wiki", "first_party": "true", "scopes": ["openid", "email"]},
        **{"jwks": {"keys": []}, "logo": None},
    }
    assert said("home_uri=https://a.test/?x=1", "home_uri=https://b.test/") == {"home_uri": "https://b.test/"}


@pytest.mark.parametrize("text", [ENTRY, f"wiki:\n{''.join(f'  {line}' for line in ENTRY.splitlines(keepends=True))}"])
def test_a_file_has_it_bare_or_below_its_id_as_the_configuration_does(tmp_path: Path, text: str) -> None:
    file = tmp_path / "wiki.yaml"
    file.write_text(text, encoding="utf-8")
    assert said(file=str(file)) == READ
    assert said("name=Other", file=str(file)) == READ | {"name": "Other"}


def test_json_is_yaml_and_may_come_by_standard_input(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO('{"name": "Wiki", "first_party": true}'))
    assert said(file="-") == {"name": "Wiki", "first_party": "true"}


@pytest.mark.parametrize("pair", ["name", "=x", "Name=x", "na me=x", "clients.shop=x"])
def test_a_word_that_is_no_pair_ends_the_command_without_its_value(
    pair: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        said(f"{pair}s3cret" if pair.endswith("x") else pair)
    told = capsys.readouterr().err
    assert "write key=value" in told
    assert "s3cret" not in told


@pytest.mark.parametrize(("pairs", "file"), [(("scopes=[a",), None), (("a=*b",), None), ((), "nowhere.yaml")])
def test_what_is_not_yaml_or_not_there_ends_the_command(
    pairs: tuple[str, ...], file: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        said(*pairs, file=file)
    assert capsys.readouterr().err
