"""Webhooks: what others are told of accounts and sessions, as security event tokens (RFC 8417).

Types of events are those of RISC and CAEP (OpenID RISC Profile 1.0, CAEP 1.0, OAuth Event Types 1.0; read 2026-11)
where they have one, else ours. Subjects are written as RFC 9493 says.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from types import MappingProxyType
from typing import Any, Final

from broker.core.people.history import AccountEvent, Happened
from broker.core.records import Record
from broker.core.terms import Algorithm
from broker.core.wire.strict_json import Malformed, parse_object

SET_TYPE: Final = "secevent+jwt"
SET_MEDIA_TYPE: Final = "application/secevent+jwt"
MOST_WAITING: Final = 100_000  # events on their way to one webhook; beyond, the oldest are given up
_RISC: Final = "https://schemas.openid.net/secevent/risc/event-type/"
_CAEP: Final = "https://schemas.openid.net/secevent/caep/event-type/"
_OAUTH: Final = "https://schemas.openid.net/secevent/oauth/event-type/"
_SSF: Final = "https://schemas.openid.net/secevent/ssf/event-type/"
_OURS: Final = "urn:broker:event-type:"


class Told(StrEnum):
    """What may be told, by the names that the configuration knows."""

    ACCOUNT_CREATED = "account.created"
    ACCOUNT_LINKED = "account.linked"
    ACCOUNT_UNLINKED = "account.unlinked"
    ACCOUNT_MERGED = "account.merged"  # of the one that is part of another now
    ACCOUNT_REVIVED = "account.revived"  # it is one of its own again
    ACCOUNT_BLOCKED = "account.blocked"
    ACCOUNT_UNBLOCKED = "account.unblocked"
    ACCOUNT_ENDED = "account.ended"  # every session and grant
    ACCOUNT_CLOSING = "account.closing"
    ACCOUNT_KEPT = "account.kept"
    ACCOUNT_DELETED = "account.deleted"
    SESSION_ENDED = "session.ended"


EVENT_TYPES: Final[Mapping[Told, str]] = MappingProxyType(
    {
        Told.ACCOUNT_CREATED: f"{_OURS}account-created",
        Told.ACCOUNT_LINKED: f"{_OURS}account-linked",
        Told.ACCOUNT_UNLINKED: f"{_OURS}account-unlinked",
        Told.ACCOUNT_MERGED: f"{_OURS}account-merged",
        Told.ACCOUNT_REVIVED: f"{_OURS}account-revived",
        Told.ACCOUNT_BLOCKED: f"{_RISC}account-disabled",
        Told.ACCOUNT_UNBLOCKED: f"{_RISC}account-enabled",
        Told.ACCOUNT_ENDED: f"{_OAUTH}tokens-revoked",
        Told.ACCOUNT_CLOSING: f"{_OURS}account-closing",
        Told.ACCOUNT_KEPT: f"{_OURS}account-kept",
        Told.ACCOUNT_DELETED: f"{_RISC}account-purged",
        Told.SESSION_ENDED: f"{_CAEP}session-revoked",
    }
)
_REFUSALS: Final = {
    "invalid_request": True,
    "invalid_issuer": True,
    "invalid_audience": True,
    "invalid_key": False,  # it may not have our newest key yet
    "authentication_failed": False,  # our token may be changed on both sides one after the other
    "access_denied": False,
}
VERIFICATION: Final = f"{_SSF}verification"
"""The type of an event that says nothing but that events arrive (OpenID SSF 1.0)."""

_OTHER_AS: Final = {Told.ACCOUNT_MERGED: "into", Told.ACCOUNT_UNLINKED: "gone_to", Told.ACCOUNT_REVIVED: "from"}
_OF_HISTORY: Final = {
    Happened.LINKED: Told.ACCOUNT_LINKED,
    Happened.UNLINKED: Told.ACCOUNT_UNLINKED,
    Happened.ABSORBED: Told.ACCOUNT_MERGED,
    Happened.REVIVED: Told.ACCOUNT_REVIVED,
    Happened.BLOCKED: Told.ACCOUNT_BLOCKED,
    Happened.UNBLOCKED: Told.ACCOUNT_UNBLOCKED,
    Happened.ENDED: Told.ACCOUNT_ENDED,
    Happened.CLOSING: Told.ACCOUNT_CLOSING,
    Happened.UNUSED: Told.ACCOUNT_CLOSING,
    Happened.KEPT: Told.ACCOUNT_KEPT,
}


class News(Record, frozen=True, tag="news"):
    """One thing to be told of an account. `provider` by its name where a way in is concerned, else "".

    `other`: the `sub` of the other account, where there is one.
    """

    what: Told
    provider: str = ""
    other: str = ""


def news_of(event: AccountEvent) -> News | None:
    """What is told of something in an account's history, None for nothing."""
    what = _OF_HISTORY.get(event.what)
    return None if what is None else News(what, event.provider, event.other)


@dataclass(frozen=True, slots=True)
class Webhook:
    """Somebody who is told, as the configuration says. `keep_trying`: seconds for which an event is tried.

    `client_id`: who names people and sessions as that client knows them, "" for as the broker does. `token` goes along
    as a Bearer token, "" for none.
    """

    name: str
    url: str
    events: frozenset[Told]
    audience: str
    algorithm: Algorithm
    keep_trying: int
    client_id: str = ""
    token: str = field(default="", repr=False)


class Subscriptions:
    """Which webhooks hear of what, and for how long each is tried, in seconds."""

    def __init__(self, webhooks: Iterable[Webhook] = ()) -> None:
        self._by_event: dict[Told, list[tuple[str, int]]] = {}
        for one in webhooks:
            for what in one.events:
                self._by_event.setdefault(what, []).append((one.name, one.keep_trying))

    def to(self, what: Told) -> tuple[tuple[str, int], ...]:
        """Their names, each with its time."""
        return tuple(self._by_event.get(what, ()))


def read_refusal(body: bytes) -> tuple[str, bool]:
    """The word of a 400 answer (RFC 8935 section 2.4), "" for none that is known, and whether it is the last word.

    What a stranger writes besides goes into no log.
    """
    try:
        word = parse_object(body).get("err")
    except Malformed:
        word = None
    return (word, _REFUSALS[word]) if isinstance(word, str) and word in _REFUSALS else ("", False)


def name_account(issuer: str, sub: str) -> dict[str, str]:
    """An account by who calls it so (RFC 9493 section 3.2.3)."""
    return {"format": "iss_sub", "iss": issuer, "sub": sub}


def name_session(issuer: str, sub: str, sid: str) -> dict[str, Any]:
    """One session of an account: without it all of them would be meant (CAEP 1.0 section 2)."""
    return {
        "format": "complex",
        "user": name_account(issuer, sub),
        "session": {"format": "opaque", "id": sid},
    }


def build_payload(news: News, *, issuer: str, other: str, provider: str) -> dict[str, Any]:
    """What an event says besides whom it is about; `other` and `provider` as the receiver may know them, or ""."""
    payload: dict[str, Any] = {"provider": provider} if provider else {}
    return payload | ({_OTHER_AS[news.what]: name_account(issuer, other)} if other and news.what in _OTHER_AS else {})


def build_token(
    webhook: Webhook, *, issuer: str, jti: str, at: int, subject: Mapping[str, Any], event: Mapping[str, Any]
) -> dict[str, Any]:
    """The claims of a security event token. `at`: when it happened, in epoch seconds; `event`: its payload by its type.

    It has neither `exp` nor `sub` nor `nonce`, so that nobody takes it for another kind of token (RFC 8417 sections 4.5
    and 4.6).
    """
    return {
        "iss": issuer,
        "aud": webhook.audience,
        "iat": at,
        "jti": jti,
        "sub_id": dict(subject),
        "events": dict(event),
    }
