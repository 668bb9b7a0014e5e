"""Account history: what a person is shown of what happened to their account, sign-ins apart."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from broker.core.records import Record


class Happened(StrEnum):
    """The things that are remembered."""

    LINKED = "linked"
    UNLINKED = "unlinked"
    MERGED = "merged"  # another account was taken in
    ABSORBED = "absorbed"  # this one was taken in by another
    REVIVED = "revived"  # a way in went home
    SIGNED_OUT = "signed_out"  # everywhere
    ACCESS_ENDED = "access_ended"  # of an app
    CLOSING = "closing"  # deletion was asked for
    KEPT = "kept"  # and called off


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
    kind of browser.
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
