"""A YAML file as plain text values with their places.

Every scalar but null stays the text that was written: the schema says what is a number, so `0123` is a client_id and
`no` is a language. Anchors, aliases, tags, directives and duplicate keys are refused; they surprise, and an alias can
make a small file enormous.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from io import StringIO
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentEndEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
    StreamEndEvent,
    StreamStartEvent,
)

from broker.core.errors import ConfigError

SIZE_LIMIT = 1024 * 1024  # bytes of the file
DEPTH_LIMIT = 32  # mappings and lists inside each other
_MISTAKES = {  # what the YAML reader says -> what was probably done
    "cannot start any token": "a tab or a character with a meaning of its own; indent with spaces, quote such a value",
    "expected <block end>": "the indentation fits no line above: keys that belong together begin in one column",
    "mapping values are not allowed here": "a second `: ` in one line; quote the value, or end the line above",
    "could not find expected ':'": "a key without its `: `, or a line that begins too far to the left",
    "found unexpected end of stream": "a quote or bracket that is opened here is never closed",
    "expected ',' or": "a bracket that is opened here is not closed, or a comma is missing",
}
_NULL = frozenset({"", "~", "null", "Null", "NULL"})

Raw = str | None | list["Raw"] | dict[str, "Raw"]
KeyPath = tuple[str | int, ...]


@dataclass(frozen=True, slots=True, order=True)
class Mark:
    """A place in the file, counted from 1."""

    line: int
    column: int


@dataclass(frozen=True, slots=True)
class Document:
    """The file: `data` without any substitution, its lines, and where each key and each value begins and ends."""

    file: str
    data: dict[str, Raw]
    keys: Mapping[KeyPath, Mark]
    values: Mapping[KeyPath, Mark]
    ends: Mapping[KeyPath, Mark]  # of scalars: the place behind the last character
    lines: tuple[str, ...]

    def place(self, path: KeyPath, *, of_key: bool = False) -> Mark:
        """Where the value (or the key) of a path stands; for one that is absent, its nearest parent's key."""
        marks = self.keys if of_key else self.values
        for end in range(len(path), 0, -1):
            mark = marks.get(path[:end]) if end == len(path) else self.keys.get(path[:end])
            if mark is not None:
                return mark
        return Mark(1, 1)


def read_text(path: Path) -> str:
    """The file's text; raises ConfigError for one that is absent, unreadable, too large or not UTF-8."""
    try:
        with path.open("rb") as file:
            raw = file.read(SIZE_LIMIT + 1)
    except OSError as error:
        raise ConfigError([f"{path}: cannot be read: {error.strerror}"]) from None
    if len(raw) > SIZE_LIMIT:
        raise ConfigError([f"{path}: is larger than 1 MiB"])
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw.count(b"\n", 0, error.start) + 1
        raise ConfigError([f"{path}:{line}:1: is not UTF-8 text"]) from None


def parse(text: str, file: str) -> Document:
    """The document in `text`; raises ConfigError with every problem of its YAML. `file` is its name in messages."""
    builder = _Builder(file, tuple(text.split("\n")))
    try:
        return builder.document(_events(text))
    except MarkedYAMLError as error:
        raise builder.not_yaml(error) from None
    except (YAMLError, ValueError, OverflowError):
        # The reader refuses control characters and impossible escapes without saying where in a usable way.
        raise ConfigError(
            [*builder.problems, f"{file}:1:1: is not YAML: holds a character YAML does not allow"]
        ) from None


def _events(text: str) -> Iterator[Event]:
    yaml = YAML(typ="safe", pure=True)
    yield from yaml.parse(StringIO(text))


@dataclass(slots=True)
class _Builder:
    file: str
    lines: tuple[str, ...]
    problems: list[str] = field(default_factory=list)
    keys: dict[KeyPath, Mark] = field(default_factory=dict)
    values: dict[KeyPath, Mark] = field(default_factory=dict)
    ends: dict[KeyPath, Mark] = field(default_factory=dict)

    def document(self, events: Iterator[Event]) -> Document:
        data: Raw = None
        documents = 0
        for event in events:
            if isinstance(event, DocumentStartEvent):
                documents += 1
                if documents > 1 or event.version or event.tags:
                    raise self._fatal(event, "one document without % directives, please")
            elif isinstance(event, NodeEvent):
                data = self._value((), event, events)
            elif not isinstance(event, StreamStartEvent | StreamEndEvent | DocumentEndEvent):
                raise self._fatal(event, "is not understood")
        if self.problems:
            raise ConfigError(self.problems)
        if not isinstance(data, dict):
            raise ConfigError([f"{self.file}:1:1: is not a mapping of keys such as `issuer: https://id.example.com`"])
        return Document(self.file, data, self.keys, self.values, self.ends, self.lines)

    def not_yaml(self, error: MarkedYAMLError) -> ConfigError:
        """What the reader stumbled over, in words of people who write configurations, with the line."""
        found = error.problem_mark or error.context_mark
        mark = Mark(found.line + 1, found.column + 1) if found else Mark(1, 1)
        said = str(error.problem or error.context)
        text = next((ours for theirs, ours in _MISTAKES.items() if theirs in said), said)
        line = f"{self.file}:{mark.line}:{mark.column}: is not YAML: {text}"
        return ConfigError([*self.problems, line], {line: self._excerpt(mark)})

    def _excerpt(self, mark: Mark) -> str:
        """The key of the line; what follows it may be a secret."""
        line = self.lines[mark.line - 1] if mark.line <= len(self.lines) else ""
        key, colon, value = line.partition(": ")
        shown = f"{key}: …" if colon and value.strip() else line
        return excerpt(shown, Mark(mark.line, min(mark.column, len(shown) + 1)))

    def _value(self, path: KeyPath, event: Event, events: Iterator[Event]) -> Raw:
        self.values[path] = _mark(event)
        if len(path) > DEPTH_LIMIT:
            raise self._fatal(event, f"is nested deeper than {DEPTH_LIMIT} levels")
        self._refuse_magic(path, event)
        if isinstance(event, MappingStartEvent):
            return self._mapping(path, events)
        if isinstance(event, SequenceStartEvent):
            return self._sequence(path, events)
        return self._scalar(path, event)

    def _refuse_magic(self, path: KeyPath, event: Event) -> None:
        if isinstance(event, AliasEvent) or getattr(event, "anchor", None) is not None:
            self._problem(
                path, event, "anchors (&) and aliases (*) are not read here: write the value out, or quote it"
            )
        elif getattr(event, "tag", None) is not None:
            self._problem(path, event, "YAML tags (!) are not read here: quote the value")

    def _scalar(self, path: KeyPath, event: Event) -> str | None:
        if not isinstance(event, ScalarEvent):
            return None
        text: str = event.value
        self.ends[path] = Mark(event.end_mark.line + 1, event.end_mark.column + 1)
        if event.style is None and text in _NULL:
            return None
        if not _encodable(text):
            self._problem(path, event, "holds half a character (a lone surrogate)")
        return text

    def _sequence(self, path: KeyPath, events: Iterator[Event]) -> list[Raw]:
        items: list[Raw] = []
        for event in events:
            if isinstance(event, SequenceEndEvent):
                break
            items.append(self._value((*path, len(items)), event, events))
        return items

    def _mapping(self, path: KeyPath, events: Iterator[Event]) -> dict[str, Raw]:
        found: dict[str, Raw] = {}
        for event in events:
            if isinstance(event, MappingEndEvent):
                break
            key = self._key(path, event)
            here = (*path, key)
            first = self.keys.get(here)
            if first is None:
                self.keys[here] = _mark(event)
                found[key] = self._value(here, next(events), events)
            else:
                self._problem(here, event, f"is given twice, first in line {first.line}, column {first.column}")
                self._value((*path, f"{key} "), next(events), events)
        return found

    def _key(self, path: KeyPath, event: Event) -> str:
        if not isinstance(event, ScalarEvent) or not event.value:
            raise self._fatal(event, f"{dotted(path)}: a key is a word" if path else "a key is a word")
        self._refuse_magic((*path, event.value), event)
        if not _encodable(event.value):
            raise self._fatal(event, "a key holds half a character (a lone surrogate)")
        return str(event.value)

    def _problem(self, path: KeyPath, event: Event, text: str) -> None:
        mark = _mark(event)
        self.problems.append(f"{self.file}:{mark.line}:{mark.column}: {dotted(path)}: {text}")

    def _fatal(self, event: Event, text: str) -> ConfigError:
        mark = _mark(event)
        return ConfigError([*self.problems, f"{self.file}:{mark.line}:{mark.column}: {text}"])


def excerpt(line: str, mark: Mark) -> str:
    """A line with its number and a caret below `mark`; tabs are shown, since they are often the mistake."""
    number = f"{mark.line:>6} | "
    return f"{number}{line.replace(chr(9), '→')}\n{' ' * (len(number) + mark.column - 1)}^"


def dotted(path: KeyPath) -> str:
    """A path as people write it: `clients.shop.redirect_uris[0]`."""
    text = ""
    for step in path:
        text += f"[{step}]" if isinstance(step, int) else f".{step}" if text else step
    return text


def _mark(event: Event) -> Mark:
    return Mark(event.start_mark.line + 1, event.start_mark.column + 1)


def _encodable(text: str) -> bool:
    return not any("\ud800" <= letter <= "\udfff" for letter in text)
