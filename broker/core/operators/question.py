"""A question of an operator: what a use case takes, and its values once they are what it takes.

Values go in and come out as JSON: the command line is one skin, an API over HTTP may be another.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum, IntEnum
from typing import Any

from broker.core.errors import InvalidRequest

PAGE = 50  # entries of a list, where nobody says how many
MOST = 500  # at once
LONGEST = 255  # characters of a value
LARGEST = 32 * 1024  # bytes of an object, as JSON
DEEPEST = 16  # objects and lists inside each other
_EXACT = 2**53  # numbers below are the same to everybody who reads JSON (RFC 8259 section 6)
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Kind(Enum):
    """What a value is: text on one line, a number from 1 to 500, true, or an object of JSON, up to 32 KiB."""

    TEXT = str
    NUMBER = int
    FLAG = bool
    OBJECT = dict


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of a use case. `named`: it goes by its name; one that is not, by its place on a command line.

    `choices`: it is one of these. `longest`: characters of a text.
    """

    name: str
    about: str
    kind: Kind = Kind.TEXT
    required: bool = False
    named: bool = True
    choices: tuple[str, ...] = ()
    longest: int = LONGEST


class Reach(IntEnum):
    """How far somebody may go: ask, change something too, or all that is done at the machine alone."""

    READ = 1
    WRITE = 2
    MACHINE = 3


@dataclass(frozen=True, slots=True)
class UseCase:
    """`name` is noun and verb with a dot between; `writes`: it changes something, so it wants to know why.

    `here`: it is for commands at the machine; no skin that is reached over a network has it.
    """

    name: str
    about: str
    writes: bool
    own: tuple[Parameter, ...]
    here: bool = False

    @property
    def needs(self) -> Reach:
        """What whoever asks for it has to have."""
        if self.here:
            return Reach.MACHINE
        return Reach.WRITE if self.writes else Reach.READ

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All of them. The last is `why` of whoever asks, which goes to the audit stream."""
        about = "What for: at most 255 characters, for the audit stream. No personal data."
        return (*self.own, Parameter("why", about, required=self.writes))


@dataclass(frozen=True, slots=True)
class Asked:
    """The values of one question, of the right kinds; what was not said is empty. `by`: who asks."""

    given: Mapping[str, Any]
    by: str = ""

    def text(self, name: str) -> str:
        """A text, or ""."""
        return str(self.given.get(name, ""))

    def flag(self, name: str) -> bool:
        """Whether it was said."""
        return bool(self.given.get(name, False))

    def object(self, name: str) -> Mapping[str, Any]:
        """An object, or an empty one."""
        return dict(self.given.get(name, {}))

    def number(self, name: str, otherwise: int) -> int:
        """A number, or the other one."""
        return int(self.given.get(name, otherwise))

    @property
    def limit(self) -> int:
        """How many entries are wanted."""
        return self.number("limit", PAGE)


LIMIT = Parameter("limit", f"How many at most: 1 to {MOST}, and {PAGE} where it is not said.", Kind.NUMBER)
AFTER = Parameter("after", "Go on behind this: `next` of the page before.")


def read_values(case: UseCase, values: object, *, by: str = "") -> Asked:
    """What was asked, once it is what the catalogue says; raises InvalidRequest with the name of what is not.

    An empty text, false and null count as not said.
    """
    if not isinstance(values, Mapping):
        raise InvalidRequest("the values are not an object")
    known = {one.name: one for one in case.parameters}
    strange = sorted(str(name)[:40] for name in values if name not in known)
    if strange:
        raise InvalidRequest(f"{case.name} takes no {', '.join(map(ascii, strange))}; it takes {', '.join(known)}")
    said = {name: value for name, value in values.items() if not (value is None or value is False or value == "")}
    for name, one in known.items():
        if one.required and name not in said:
            raise InvalidRequest(f"{name} is missing")
        if name in said:
            check_value(one, said[name])
    return Asked(said, by)


def check_value(parameter: Parameter, value: object) -> None:
    """Raise InvalidRequest for what is none of its values."""
    kind = parameter.kind
    # True is an int to Python and no number to anybody else.
    if not isinstance(value, kind.value) or (kind is Kind.NUMBER and isinstance(value, bool)):
        raise InvalidRequest(f"{parameter.name} is not a {kind.name.lower()}")
    most = parameter.longest
    if isinstance(value, str) and (len(value) > most or _CONTROL.search(value) or not value.strip()):
        raise InvalidRequest(f"{parameter.name} is empty, longer than {most} characters, or more than one line")
    if parameter.choices and value not in parameter.choices:
        raise InvalidRequest(f"{parameter.name} is one of {', '.join(parameter.choices)}")
    if kind is Kind.NUMBER and isinstance(value, int) and not 1 <= value <= MOST:
        raise InvalidRequest(f"{parameter.name} is not from 1 to {MOST}")
    if kind is Kind.OBJECT and not _is_json(value):
        raise InvalidRequest(f"{parameter.name} is larger than {LARGEST} bytes, or holds what JSON does not")


def _is_json(value: object) -> bool:
    """Whether it comes out of a store as it went in, and soon."""
    if not _is_shallow(value, DEEPEST):
        return False
    try:
        return len(json.dumps(value, allow_nan=False, ensure_ascii=False).encode()) <= LARGEST
    except ValueError:  # not a number, half a character
        return False


def _is_shallow(value: object, left: int) -> bool:
    if isinstance(value, dict | list):
        inner = value.values() if isinstance(value, dict) else value
        return left > 0 and all(_is_shallow(one, left - 1) for one in inner)
    return value is None or isinstance(value, str | bool | float) or (isinstance(value, int) and abs(value) < _EXACT)
