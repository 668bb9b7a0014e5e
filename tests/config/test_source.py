"""The YAML that is read, and the YAML that is refused."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker.config.source import SIZE_LIMIT, parse, read_text
from broker.core.errors import ConfigError


def refusal(text: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(text, "c.yaml")
    return "\n".join(caught.value.problems)


def test_scalars_stay_the_text_that_was_written() -> None:
    data = parse("a: no\nb: 0123\nc: 1:30\nd: 1e3\ne: '~'\nf: ~\ng:\nh: $2b$12$x\n", "c.yaml").data
    assert data == {"a": "no", "b": "0123", "c": "1:30", "d": "1e3", "e": "~", "f": None, "g": None, "h": "$2b$12$x"}


@pytest.mark.parametrize(
    ("text", "place", "word"),
    [
        ("a: 1\nb:\n  c: 1\n  c: 2\n", "c.yaml:4:3: b.c: ", "given twice, first in line 3, column 3"),
        ("a: &x 1\n", "c.yaml:1:4: a: ", "anchors"),
        ("a: *x\n", "c.yaml:1:4: a: ", "aliases"),
        ("a: !!python/object:os.system x\n", "c.yaml:1:4: a: ", "tags"),
        ("a: {<<: {b: 1}}\n? [x]\n: 1\n", "c.yaml:2:3: ", "a key is a word"),
        ("%YAML 1.1\n---\na: 1\n", "c.yaml:2:1: ", "directives"),
        ("a: 1\n---\nb: 1\n", "c.yaml:2:1: ", "one document"),
        ("a: [1, 2\n", "c.yaml:2:1: ", "is not YAML"),
        ("a: \x00\n", "c.yaml:1:1: ", "does not allow"),
        ('a: "\\ud800"\n', "c.yaml:1:4: ", "surrogate"),
        ("- a\n", "c.yaml:1:1: ", "is not a mapping"),
        ("", "c.yaml:1:1: ", "is not a mapping"),
    ],
)
def test_what_surprises_is_refused_with_its_place(text: str, place: str, word: str) -> None:
    found = refusal(text)
    assert place in found
    assert word in found


def test_every_duplicate_and_every_alias_is_named_at_once() -> None:
    assert len(refusal("a: 1\na: 2\nb: &x 1\nc: *x\n").splitlines()) == 3


def test_a_small_file_cannot_become_an_enormous_one() -> None:
    bomb = "a: &a [x, x]\n" + "".join(f"{n}: &{n} [*{p}, *{p}]\n" for p, n in zip("abcdefg", "bcdefgh", strict=True))
    assert "aliases" in refusal(bomb)


def test_deep_nesting_is_refused_and_does_not_exhaust_the_stack() -> None:
    assert "deeper than 32" in refusal("a: " + "[" * 5000 + "]" * 5000)


def test_a_large_file_is_refused_before_it_is_parsed(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(b"#" * (SIZE_LIMIT + 1))
    with pytest.raises(ConfigError, match="larger than 1 MiB"):
        read_text(file)


def test_bytes_that_are_not_utf8_are_refused_with_their_line(tmp_path: Path) -> None:
    file = tmp_path / "c.yaml"
    file.write_bytes(b"a: 1\nb: \xff\n")
    with pytest.raises(ConfigError, match=r"c\.yaml:2:1: is not UTF-8"):
        read_text(file)


def test_a_missing_file_is_one_plain_line(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: No such file"):
        read_text(tmp_path / "absent.yaml")
