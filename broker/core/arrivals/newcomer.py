"""Somebody who comes from another system, and what becomes of them here."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from broker.core.errors import InvalidRequest
from broker.core.people.identity import SUBJECT_LIMIT, Account, Link

_ID = re.compile(rf"[\x21-\x7e]{{1,{SUBJECT_LIMIT}}}")


@dataclass(frozen=True, slots=True)
class Way:
    """A way in: who somebody is (`subject`) at `provider`, by the name that it has where they come from, or here.

    `claims` are what the upstream said of them, and what they are called where they come from.
    """

    provider: str
    subject: str
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Newcomer:
    """`id` is what apps know them by there. `created_at`: epoch seconds, 0 where nobody knows."""

    id: str
    ways: tuple[Way, ...]
    created_at: int = 0
    blocked: bool = False


@dataclass(frozen=True, slots=True)
class Source:
    """What another system keeps: its people, and by its names of providers what it says of them.

    `kinds` are the types that it names them by, `apps` the client ids that it has at them; empty where it does not say.
    """

    people: tuple[Newcomer, ...]
    kinds: Mapping[str, str] = field(default_factory=dict)
    apps: Mapping[str, frozenset[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Arrival:
    """What is made of a newcomer, if it can be: `account` with its `links`. `why` of one that is blocked.

    The account's `sub` is their id; or a new one, and the id is the one `former`.
    """

    account: Account
    links: tuple[Link, ...]
    why: str = ""

    @property
    def id(self) -> str:
        """What apps knew them by."""
        return self.account.former[0] if self.account.former else self.account.sub


class Outcome(StrEnum):
    """What becomes of a newcomer. Only one that is `new` is brought; every other one is left as it is.

    `same`: they are here, with all their ways in. `lacks`: they are here, and one of their ways in is not. `taken`: one
    of them is the way into another account. `used`: the id is that of an account which has none of them, or of a
    client. `gone`: they were here and were deleted. `unfit`: the id, or a way in, is none that anybody can have here.
    """

    NEW = "new"
    SAME = "same"
    LACKS = "lacks"
    TAKEN = "taken"
    USED = "used"
    GONE = "gone"
    UNFIT = "unfit"


@dataclass(frozen=True, slots=True)
class Settled:
    """What became of the newcomer `id`. `sub`: the account that it is about, "" for none. `why` in words, or ""."""

    id: str
    outcome: Outcome
    sub: str = ""
    why: str = ""


def decide(newcomer: Arrival, known: str, owners: Sequence[str]) -> Settled:
    """By who goes by their id here (`known`) and whose each way in is (`owners`); "" for nobody."""
    strangers = [owner for owner in owners if owner and owner != known]
    if strangers:
        return Settled(newcomer.id, Outcome.TAKEN, strangers[0])
    if not known:
        return Settled(newcomer.id, Outcome.NEW, newcomer.account.sub)
    if not any(owners):
        return Settled(newcomer.id, Outcome.USED, known, f"it leads to account {known}, which has none of the ways in")
    return Settled(newcomer.id, Outcome.SAME if all(owners) else Outcome.LACKS, known)


def check_id(text: str) -> str:
    """An id that may be somebody's `sub`: 1 to 255 visible ASCII characters (OIDC Core 2); raises InvalidRequest."""
    if _ID.fullmatch(text) is None:
        raise InvalidRequest("the id is empty, longer than 255 characters, or not visible ASCII")
    return text
