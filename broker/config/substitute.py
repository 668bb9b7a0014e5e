"""`${...}` in values, after the YAML is parsed, so that a value never becomes structure.

`${NAME}` and `${env:NAME}` are environment variables, `${env:NAME:-text}` gives a default for one that is unset or
empty, `${file:/path}` is a file without its last line break, `${credential:name}` a systemd credential. `$${` is a
literal `${`. A dollar that no brace follows is an ordinary character.
"""

from __future__ import annotations

import os
import re
import stat
from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

_PLACEHOLDER = re.compile(r"(\$+)\{([^{}]*)\}?")
_ENV = re.compile(r"(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-(.*))?", re.DOTALL)
_CREDENTIAL = re.compile(r"[A-Za-z0-9_.\-]+")
_FILE_LIMIT = 64 * 1024  # bytes of a secret file


class SourceKind(StrEnum):
    """Where a value came from."""

    LITERAL = "literal"
    ENV = "env"
    FILE = "file"
    CREDENTIAL = "credential"


@dataclass(frozen=True, slots=True)
class Origin:
    """One source of a value. `name` is the variable, path or credential; `exposed`: any local user may read it."""

    kind: SourceKind
    name: str
    exposed: bool = False


@dataclass(frozen=True, slots=True)
class Substituted:
    """A value with what was put into it; `problems` when something could not be."""

    text: str
    origins: tuple[Origin, ...] = ()
    problems: tuple[str, ...] = ()


class Substitution:
    """Fills placeholders from one environment. `base` is the directory of relative `${file:}` paths."""

    def __init__(self, environ: Mapping[str, str], base: Path) -> None:
        self._environ = environ
        self._base = base

    def fill(self, text: str) -> Substituted:
        """`text` with every placeholder replaced; what was put in is not looked at again."""
        origins: list[Origin] = []
        problems: list[str] = []

        def replace(found: re.Match[str]) -> str:
            dollars, inner = len(found[1]), found[2]
            literal = "$" * (dollars // 2)
            if dollars % 2 == 0:
                return literal + found[0][dollars:]
            try:
                if not found[0].endswith("}"):
                    raise ValueError("a ${ without its }; write $${ for the characters themselves")
                value, origin = self._look_up(inner)
            except ValueError as error:
                problems.append(str(error))
                return ""
            origins.append(origin)
            return literal + value

        filled = _PLACEHOLDER.sub(replace, text)
        return Substituted(filled, tuple(origins), tuple(problems))

    def _look_up(self, inner: str) -> tuple[str, Origin]:
        kind, colon, rest = inner.partition(":")
        if colon and kind == SourceKind.FILE:
            return self._file(rest)
        if colon and kind == SourceKind.CREDENTIAL:
            return self._credential(rest)
        found = _ENV.fullmatch(inner)
        if found is None:
            raise ValueError("write ${NAME}, ${env:NAME:-default}, ${file:/path} or ${credential:name}")
        return self._variable(found[1], found[2])

    def _variable(self, name: str, default: str | None) -> tuple[str, Origin]:
        value = self._environ.get(name)
        if default is not None and not value:
            return default, Origin(SourceKind.LITERAL, name)
        if value is None:
            raise ValueError(f"the environment variable {name} is not set")
        return value, Origin(SourceKind.ENV, name)

    def _file(self, name: str) -> tuple[str, Origin]:
        if not name:
            raise ValueError("${file:} needs a path")
        text, mode = _read(self._base / name)
        return text, Origin(SourceKind.FILE, name, exposed=bool(mode & stat.S_IROTH))

    def _credential(self, name: str) -> tuple[str, Origin]:
        directory = self._environ.get("CREDENTIALS_DIRECTORY")
        if not _CREDENTIAL.fullmatch(name) or name in {".", ".."}:
            raise ValueError("a credential's name is letters, digits, dots, - and _")
        if not directory:
            raise ValueError(f"the credential {name} needs systemd's LoadCredential=: CREDENTIALS_DIRECTORY is not set")
        text, _ = _read(Path(directory) / name)
        return text, Origin(SourceKind.CREDENTIAL, name)


def _read(path: Path) -> tuple[str, int]:
    """The text of a secret file, without one last line break, and its mode."""
    try:
        # Without O_NONBLOCK a named pipe with no writer would hold the start up for ever.
        handle = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
        with os.fdopen(handle, "rb") as file:
            mode = os.fstat(file.fileno()).st_mode
            if not stat.S_ISREG(mode):
                raise ValueError(f"{path} is not a regular file")
            raw = file.read(_FILE_LIMIT + 1)
    except OSError as error:
        raise ValueError(f"the file {path} cannot be read: {error.strerror}") from None
    if len(raw) > _FILE_LIMIT:
        raise ValueError(f"the file {path} is larger than 64 KiB")
    try:
        text = raw.decode()
    except UnicodeDecodeError:
        raise ValueError(f"the file {path} is not UTF-8 text") from None
    return text.removesuffix("\r\n" if text.endswith("\r\n") else "\n"), mode
