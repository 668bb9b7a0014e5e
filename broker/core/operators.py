"""What operators may ask for and change: one catalogue of use cases, as data that every skin is made from.

Values go in and come out as JSON: the command line is one skin, an API over HTTP may be another.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import Any, Final

from broker.core.errors import InvalidRequest

PAGE = 50  # entries of a list, where nobody says how many
MOST = 500  # at once
LONGEST = 255  # characters of a value
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff]")


class Kind(Enum):
    """What a value is: text on one line, a number from 1 to 500, or true."""

    TEXT = str
    NUMBER = int
    FLAG = bool


@dataclass(frozen=True, slots=True)
class Parameter:
    """One value of a use case. `named`: it goes by its name; one that is not, by its place on a command line."""

    name: str
    about: str
    kind: Kind = Kind.TEXT
    required: bool = False
    named: bool = True


@dataclass(frozen=True, slots=True)
class UseCase:
    """`name` is noun and verb with a dot between; `writes`: it changes something, so it wants to know why."""

    name: str
    about: str
    writes: bool
    own: tuple[Parameter, ...]

    @property
    def parameters(self) -> tuple[Parameter, ...]:
        """All of them. The last is `why` of whoever asks, which goes to the audit stream."""
        about = "What for: at most 255 characters, for the audit stream. No personal data."
        return (*self.own, Parameter("why", about, required=self.writes))


@dataclass(frozen=True, slots=True)
class Asked:
    """The values of one question, of the right kinds; what was not said is empty."""

    given: Mapping[str, Any]

    def text(self, name: str) -> str:
        """A text, or ""."""
        return str(self.given.get(name, ""))

    def flag(self, name: str) -> bool:
        """Whether it was said."""
        return bool(self.given.get(name, False))

    @property
    def limit(self) -> int:
        """How many entries are wanted."""
        return int(self.given.get("limit", PAGE))


_SUB = Parameter("sub", "The account: its `sub`, or one that leads to it since a merge.", required=True, named=False)
_LIMIT = Parameter("limit", f"How many at most: 1 to {MOST}, and {PAGE} where it is not said.", Kind.NUMBER)
_AFTER = Parameter("after", "Go on behind this: `next` of the page before.")
_SID = Parameter("sid", "The session, as `session list` names it.", required=True, named=False)
_APP = Parameter("client_id", "The app.", required=True, named=False)
_WAY = Parameter("way", "The way in, as `account show` names it.", required=True, named=False)


def _named(cases: Iterable[UseCase]) -> Mapping[str, UseCase]:
    return {case.name: case for case in cases}


USE_CASES: Final = _named(
    (
        UseCase(
            "account.find",
            "Find accounts, in the order of their `sub`: all, or those that everything fits that is said.",
            writes=False,
            own=(
                Parameter("sub", "Its `sub`, or one that leads to it since a merge."),
                Parameter("provider", "It has a way in by this provider, as the configuration calls it now or did."),
                Parameter("subject", "Who they are there, exactly as the provider says it; with `provider`."),
                Parameter("email", "A way in gave this address, proven or not. Case is folded, ASCII only."),
                Parameter("blocked", "It is blocked.", Kind.FLAG),
                Parameter("closing", "It is to be deleted.", Kind.FLAG),
                _LIMIT,
                _AFTER,
            ),
        ),
        UseCase(
            "account.show",
            "Show an account: its ways in, where it is signed in, its apps, and what happened to it last.",
            writes=False,
            own=(_SUB,),
        ),
        UseCase(
            "account.block",
            "Block an account: nobody signs in to it any more, and its sessions and grants end for good. Apps with a"
            " back-channel logout are told. Tokens that APIs check by themselves live on until they expire.",
            writes=True,
            own=(_SUB,),
        ),
        UseCase(
            "account.unblock",
            "Let the person of a blocked account sign in again. What ended when it was blocked does not come back.",
            writes=True,
            own=(_SUB,),
        ),
        UseCase(
            "account.end",
            "End every session and every grant of an account, also those that outlive their session. Its person may"
            " sign in again at once.",
            writes=True,
            own=(_SUB,),
        ),
        UseCase(
            "account.unlink",
            "Take a way in from an account, with the sessions and grants that came by it. The last that works stays.",
            writes=True,
            own=(_SUB, _WAY),
        ),
        UseCase(
            "account.delete",
            "Delete an account after `accounts.deletion_wait`, as its person could ask; sessions and grants end now.",
            writes=True,
            own=(_SUB, Parameter("at_once", "Do not wait: what is kept of it goes now.", Kind.FLAG)),
        ),
        UseCase("account.keep", "Call the deletion of an account off.", writes=True, own=(_SUB,)),
        UseCase("account.export", "Give out all that is kept of a person, as JSON.", writes=False, own=(_SUB,)),
        UseCase(
            "session.list",
            "List the sessions of an account that are alive, at most 50; or its sign-ins, newest first.",
            writes=False,
            own=(
                _SUB,
                Parameter(
                    "history", "Sign-ins instead, with those that are over, as long as they are kept.", Kind.FLAG
                ),
                _LIMIT,
                _AFTER,
            ),
        ),
        UseCase(
            "session.end",
            "End one session, as a logout there would: apps are told; grants that outlive their session stay.",
            writes=True,
            own=(_SUB, _SID),
        ),
        UseCase(
            "consent.list",
            "List the apps that a person agreed to, or that hold a grant of theirs.",
            writes=False,
            own=(_SUB,),
        ),
        UseCase(
            "consent.revoke",
            "Take back what a person agreed to at an app: its grants end, and it has to ask again.",
            writes=True,
            own=(_SUB, _APP),
        ),
    )
)


def find_use_case(name: str) -> UseCase:
    """By its name; raises InvalidRequest."""
    case = USE_CASES.get(name)
    if case is None:
        raise InvalidRequest(f"there is no such use case; there are {', '.join(USE_CASES)}")
    return case


def read_values(case: UseCase, values: object) -> Asked:
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
            _check(one, said[name])
    return Asked(said)


def _check(parameter: Parameter, value: object) -> None:
    kind = parameter.kind
    if type(value) is not kind.value:
        raise InvalidRequest(f"{parameter.name} is not a {kind.name.lower()}")
    if isinstance(value, str) and (len(value) > LONGEST or _CONTROL.search(value) or not value.strip()):
        raise InvalidRequest(f"{parameter.name} is empty, longer than {LONGEST} characters, or more than one line")
    if kind is Kind.NUMBER and not 1 <= value <= MOST:  # type: ignore[operator]  # its type was looked at above
        raise InvalidRequest(f"{parameter.name} is not from 1 to {MOST}")
