"""Account history: what a person is shown of what happened to their account, sign-ins apart."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final, Self

from broker.core.records import Login, Record


class Happened(StrEnum):
    """The things that are remembered."""

    LINKED = "linked"
    UNLINKED = "unlinked"
    MERGED = "merged"  # another account was taken in
    ABSORBED = "absorbed"  # this one was taken in by another
    REVIVED = "revived"  # a way in went home
    SIGNED_OUT = "signed_out"  # everywhere
    ACCESS_ENDED = "access_ended"  # of an app
    WITHDRAWN = "withdrawn"  # apps may no longer use an account elsewhere
    CLOSING = "closing"  # deletion was asked for
    UNUSED = "unused"  # it is to be deleted, because nobody used it
    KEPT = "kept"  # and called off
    BLOCKED = "blocked"  # by the operator
    UNBLOCKED = "unblocked"
    ENDED = "ended"  # every session and grant, by the operator


class AccountEvent(Record, frozen=True, tag="event"):
    """One thing. `provider` is the name of the instance where a way in is concerned, `client_id` the app, else "".

    `other`: the `sub` of the other account of a merge. `at` in epoch seconds.
    """

    what: Happened
    at: int
    provider: str = ""
    client_id: str = ""
    other: str = ""


@dataclass(frozen=True, slots=True)
class SignIn:
    """A session of ours as its person may see it. `at` and `ends_at`, its absolute limit, in epoch seconds.

    `client_id` is the app that it began with, "" for the account page. `place` and `agent` are coarse: a network, and a
    kind of browser. `key` is the digest that its cookie is known by today, "" where that was not kept.
    """

    sid: str
    sub: str
    at: int
    provider: str
    provider_key: str
    subject: str
    client_id: str
    place: str
    agent: str
    ends_at: int
    key: str = field(default="", repr=False)

    @classmethod
    def of(cls, login: Login, *, at: int, client_id: str, whence: Whence, ends_at: int, key: str = "") -> Self:
        """That of this login; the rest as above."""
        return cls(
            sid=login.sid,
            sub=login.sub,
            at=at,
            provider=login.provider,
            provider_key=login.provider_key,
            subject=login.subject,
            client_id=client_id,
            place=whence.place,
            agent=whence.agent,
            ends_at=ends_at,
            key=key,
        )


@dataclass(frozen=True, slots=True)
class Whence:
    """Where somebody comes from, coarsely enough to be kept: a network, and a kind of browser; "" for unknown."""

    place: str = ""
    agent: str = ""


NOWHERE: Final = Whence()  # nothing is known of it

_Marks = tuple[tuple[str, str], ...]

# The first mark that is found counts: most browsers say that they are those before them, too.
_BROWSERS: _Marks = (
    ("Telegram", "Telegram"),
    ("VKAndroidApp", "VK"),
    ("VKiOSApp", "VK"),
    ("Instagram", "Instagram"),
    ("FBAN/", "Facebook"),
    ("FBAV/", "Facebook"),
    ("YaBrowser/", "Yandex Browser"),
    ("YaApp", "Yandex"),
    ("OPR/", "Opera"),
    ("OPT/", "Opera"),
    ("EdgA/", "Edge"),
    ("EdgiOS/", "Edge"),
    ("Edg/", "Edge"),
    ("SamsungBrowser/", "Samsung Internet"),
    ("Vivaldi/", "Vivaldi"),
    ("FxiOS/", "Firefox"),
    ("Firefox/", "Firefox"),
    ("CriOS/", "Chrome"),
    ("Chrome/", "Chrome"),
    ("Safari/", "Safari"),
)
_SYSTEMS: _Marks = (
    ("iPhone", "iPhone"),
    ("iPad", "iPad"),
    ("Android", "Android"),
    ("CrOS", "ChromeOS"),
    ("Windows", "Windows"),
    ("Macintosh", "macOS"),
    ("Linux", "Linux"),
)


def describe_agent(header: str) -> str:
    """A `User-Agent` in words of ours, "Firefox, Android"; "" where neither browser nor system is known.

    Nothing of the header itself is in it: that would tell one person's browser from all others.
    """
    return ", ".join(word for word in (_find(_BROWSERS, header), _find(_SYSTEMS, header)) if word)


def _find(marks: Iterable[tuple[str, str]], header: str) -> str:
    return next((word for mark, word in marks if mark in header), "")
