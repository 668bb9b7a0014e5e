"""Sessions that end, ours and those at upstreams, and what is asked at an upstream later on.

Living sessions are transient (`Kind.SESSION`); that one has ended must never be forgotten, so it is durable.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from broker.core.logout import SessionClient
from broker.core.records import Login


@dataclass(frozen=True, slots=True)
class Ending:
    """What is known of the end of a session. `here`: it was ended, or the cookie it is known by was retired.

    It may have been ended with all of its person's, or with the way it came in by.

    `upstream_at`: when the upstream's session, or all of the person's, was last said to have ended; None: never.
    """

    here: bool
    upstream_at: int | None


class SessionStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common.

    An app is bound to hear of a session from the redemption of its code on (`GrantStore.redeem`). Ending the session
    turns that into deliveries in one transaction, so nothing that happens in between can swallow one.
    """

    async def end(self, sid: str, *, now: int, expires_at: int) -> tuple[SessionClient, ...]:
        """End the grants of a session, except those that outlive it, and queue a delivery for every back channel.

        Returns every app that has to hear of it, by any channel; codes of the session give nothing from here on. A mark
        of the end is kept until `expires_at`: the session itself is in a store that may go back in time.
        """

    async def ending(self, login: Login, key: str, *, now: int) -> Ending:
        """How the session of this login stands that is known by the cookie `key`, a digest. One read."""

    async def end_upstream(
        self, provider_key: str, *, sid: str, subject: str, now: int, expires_at: int
    ) -> tuple[str, ...]:
        """An upstream says that its session `sid`, or without one all of `subject`, ended: in one transaction.

        Keeps a mark until `expires_at` and does `end` for every session of ours that living grants came from; returns
        their ids.
        """

    async def withdraw_upstream(self, provider_key: str, subject: str, *, now: int, expires_at: int) -> tuple[str, ...]:
        """As `end_upstream` of a person, and nothing is left that came from the upstream: in one transaction.

        Grants that outlive their sessions end, no upstream is asked about them, and no tokens of it are kept.
        """

    async def keep_login(self, sid: str, sealed: str, *, asked_at: int, expires_at: int) -> None:
        """Keep what asks an upstream about the session `sid`; what is kept already stays, for longer if need be."""

    async def claim_login(self, sid: str, *, now: int, every: int) -> str | None:
        """What is kept for `sid`, for exactly one caller in `every` seconds; None for the others, or without any."""

    async def renew_login(self, sid: str, sealed: str) -> None:
        """Keep something newer for `sid`."""

    async def lose_login(self, sid: str, *, now: int) -> None:
        """Forget what is kept for `sid` and end every grant of that session, also those that would outlive it."""

    async def sweep(self, *, now: int) -> int:
        """Delete marks, kept logins and apps of sessions that can never matter again; how many."""
