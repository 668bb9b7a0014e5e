"""What clients were given: grants, the codes spent for them, refresh token families and revocation."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from broker.core.logout import SessionClient
from broker.core.people.identity import Person
from broker.core.records import Grant, RefreshToken


@dataclass(frozen=True, slots=True)
class Redeemed:
    """This call spent the code."""


@dataclass(frozen=True, slots=True)
class SpentBefore:
    """The code was spent already; its grant is revoked now, in the same transaction."""

    grant_id: str


@dataclass(frozen=True, slots=True)
class SessionOver:
    """The session that the code came from has ended, or its person took back what the app may do; nothing was given."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """The token is spent and its child is live. `again`: it had been spent within the grace, the same child stands."""

    again: bool


@dataclass(frozen=True, slots=True)
class Reused:
    """A spent token came back after the grace; its whole grant is revoked now, in the same transaction."""

    grant_id: str


@dataclass(frozen=True, slots=True)
class LiveGrant:
    """A grant that is neither revoked nor expired, with the person it is about as they are now."""

    grant: Grant
    person: Person


@dataclass(frozen=True, slots=True)
class KnownRefresh:
    """A refresh token, spent, expired or good, and the grant it hangs on: None where that is not alive."""

    token: RefreshToken
    live: LiveGrant | None


class GrantStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common."""

    async def redeem(
        self,
        code_digest: str,
        grant: Grant,
        refresh: RefreshToken | None,
        *,
        now: int,
        agreed_at: float = 0,
        hears: SessionClient | None = None,
    ) -> Redeemed | SpentBefore | SessionOver:
        """Spend a code: its digest, the grant and the first refresh token in one transaction, once and for all.

        `agreed_at`: when its person said yes, which gives nothing if they took it back then or later (0: as old as can
        be). `hears`: who brings it has to hear when the session ends. SessionOver: nothing was kept.
        """

    async def spent(self, code_digest: str) -> str | None:
        """The id of the grant a code was spent for, or None."""

    async def find(self, grant_id: str, *, now: int) -> LiveGrant | None:
        """The grant with its person, in one read; None when unknown, revoked or expired."""

    async def refresh_token(self, token_digest: str, *, now: int) -> KnownRefresh | None:
        """A refresh token with its grant and person, in one read; None when unknown."""

    async def rotate(self, token_digest: str, child: RefreshToken, *, now: int, grace: int) -> Rotated | Reused | None:
        """Spend a refresh token for `child` in one transaction.

        A token spent no longer than `grace` seconds ago whose child is unspent yields the same child again (`child`
        must be the same token); any other spent token revokes the grant. None: unknown, expired, or of a dead grant.
        """

    async def prolong(self, token_digest: str, *, now: int, expires_at: int) -> bool:
        """Let an unspent refresh token live until `expires_at`; False when it, or its grant, is not alive.

        In place of a rotation, for tokens that nobody but their client can use.
        """

    async def revoke(self, grant_id: str, *, now: int, client_id: str | None = None) -> bool:
        """End a grant with everything that hangs on it; False when it was not alive, or not `client_id`'s.

        The grant of a blocked account is ended too, so that unblocking does not bring it back. None: any client's.
        """

    async def revoke_all(self, *, now: int) -> int:
        """End every grant of everybody; how many were alive. One statement, and other writes wait for it."""

    async def revoke_given(self, sub: str, client_id: str, *, now: int, access_until: int | None = None) -> int:
        """End what this client was given of this person: every grant, or its refresh tokens alone; how many grants.

        `access_until`: refresh tokens are gone, and what else a grant gave is good until then at most. None: all is.
        """

    async def revoke_token(self, token_id: str, *, expires_at: int) -> bool:
        """Remember until `expires_at` that a token that hangs on no grant was taken back; False when it was before."""

    async def is_revoked(self, token_id: str) -> bool:
        """Whether a token that hangs on no grant was taken back."""

    async def sweep(self, *, now: int) -> int:
        """Delete grants, refresh tokens and revocations that can never matter again; how many."""
