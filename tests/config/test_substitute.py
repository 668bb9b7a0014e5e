"""`${...}`: what is filled in, what is left alone, what is refused."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from broker.config.substitute import SourceKind, Substitution


@pytest.fixture
def substitution(tmp_path: Path) -> Substitution:
    (tmp_path / "one").write_text("from a file\n")
    (tmp_path / "two").write_text("two\n\n")
    (tmp_path / "dos").write_text("dos\r\n")
    (tmp_path / "large").write_text("x" * 70_000)
    (tmp_path / "latin").write_bytes(b"\xe9")
    os.mkfifo(tmp_path / "pipe")
    environ = {"NAME": "value", "EMPTY": "", "NESTED": "${NAME}", "CREDENTIALS_DIRECTORY": str(tmp_path)}
    return Substitution(environ, tmp_path)


@pytest.mark.parametrize(
    ("text", "filled"),
    [
        ("${NAME}", "value"),
        ("${env:NAME}", "value"),
        ("a ${NAME} b ${NAME}", "a value b value"),
        ("${ABSENT:-default}", "default"),
        ("${env:ABSENT:-a:-b}", "a:-b"),
        ("${EMPTY:-default}", "default"),
        ("${EMPTY}", ""),
        ("${ABSENT:-}", ""),
        ("${NESTED}", "${NAME}"),
        ("$${NAME}", "${NAME}"),
        ("$$${NAME}", "$value"),
        ("$$$${NAME}", "$${NAME}"),
        ("$2b$12$abc$$", "$2b$12$abc$$"),
        ("$NAME", "$NAME"),
        ("${file:one}", "from a file"),
        ("${file:two}", "two\n"),
        ("${file:dos}", "dos"),
        ("${credential:one}", "from a file"),
    ],
)
def test_placeholders_are_filled_once(substitution: Substitution, text: str, filled: str) -> None:
    result = substitution.fill(text)
    assert (result.text, result.problems) == (filled, ())


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("${ABSENT}", "ABSENT is not set"),
        ("${file:absent}", "cannot be read: No such file"),
        ("${file:}", "needs a path"),
        ("${file:.}", "Is a directory"),
        ("${file:pipe}", "not a regular file"),
        ("${file:large}", "larger than 64 KiB"),
        ("${file:latin}", "not UTF-8"),
        ("${file:a\0b}", "null"),
        ("${credential:../one}", "a credential's name"),
        ("${credential:..}", "a credential's name"),
        ("${NAME", "without its }"),
        ("${vault:x}", "write ${NAME}"),
        ("${}", "write ${NAME}"),
        ("${A-B}", "write ${NAME}"),
    ],
)
def test_what_cannot_be_filled_is_a_problem(substitution: Substitution, text: str, problem: str) -> None:
    assert problem in "".join(substitution.fill(text).problems)


def test_every_problem_of_one_value_is_named(substitution: Substitution) -> None:
    assert len(substitution.fill("${A}${B}").problems) == 2


def test_a_credential_needs_systemd(tmp_path: Path) -> None:
    assert "LoadCredential" in "".join(Substitution({}, tmp_path).fill("${credential:x}").problems)


def test_the_origin_says_where_a_value_came_from_and_who_can_read_it(
    substitution: Substitution, tmp_path: Path
) -> None:
    (tmp_path / "one").chmod(0o640)
    assert not substitution.fill("${file:one}").origins[0].exposed
    (tmp_path / "one").chmod(0o644)
    origin = substitution.fill("${file:one}").origins[0]
    assert (origin.kind, origin.name, origin.exposed) == (SourceKind.FILE, "one", True)
    assert substitution.fill("${NAME}").origins[0].kind is SourceKind.ENV
    assert substitution.fill("${ABSENT:-x}").origins[0].kind is SourceKind.LITERAL
