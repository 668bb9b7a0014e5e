"""Two protocols, because two kinds of state fail differently.

Durable: what was acknowledged survives `kill -9`. Transient: dies by itself; losing it means logging in again, never
that something refused before is allowed now (but for signed proofs of the last minutes, ADR 22). Every method raises
StoreUnavailable when it cannot answer; nothing was acknowledged then. Keys of secret things are digests, so a dump
holds nothing usable.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Protocol

from broker.core.identity import Account, Link, Person
from broker.core.logout import SessionClient
from broker.core.records import Grant, RefreshToken, SigningKey
from broker.core.registered_client import RegisteredClient
from broker.store.lasting import LastingTokens
from broker.store.logouts import Logouts


class Kind(StrEnum):
    """Every kind of transient value has a key space of its own: a state never answers for a code."""

    CODE = "code"
    CLAIM = "claim"  # a login attempt, a ticket or a signed reply that was used
    SESSION = "session"
    ASSERTION = "assertion"  # a client's proof of itself that was used
    LOGOUT = "logout"  # what came of a logout, while the browser is at the upstream
    FLOW = "flow"  # a login attempt too large for a cookie
    PAR = "par"  # a pushed authorization request
    PROOF = "proof"  # a proof of possession that was used
    DEVICE = "device"  # a device that waits, by its device code
    USER_CODE = "user-code"  # which device a code that people type stands for
    DEVICE_POLL = "device-poll"  # how often a device may ask
    DEVICE_ANSWER = "device-answer"  # what a person said about a device


class Transient(Protocol):
    """Values that expire. `ttl` is in whole seconds; a value is gone from the second it expires, swept or not."""

    async def put(self, kind: Kind, key: str, value: bytes, *, ttl: int) -> bool:
        """Store under a free key; False, and nothing changes, when an unexpired value is there."""
        ...

    async def get(self, kind: Kind, key: str) -> bytes | None:
        """The unexpired value, or None."""
        ...

    async def replace(self, kind: Kind, key: str, value: bytes, *, ttl: int) -> bool:
        """Overwrite an unexpired value; False when there is none."""
        ...

    async def take(self, kind: Kind, key: str) -> bytes | None:
        """Read and remove in one step: of any number of callers exactly one gets the value."""
        ...

    async def hit(self, key: str, *, ttl: int) -> int:
        """Count one hit and return the count since the first of a window of `ttl` seconds."""
        ...

    async def ping(self) -> None:
        """Return when the store can be written to."""
        ...

    async def close(self) -> None:
        """Finish what was accepted and let go of files and connections."""
        ...


@dataclass(frozen=True, slots=True)
class Redeemed:
    """This call spent the code."""


@dataclass(frozen=True, slots=True)
class SpentBefore:
    """The code was spent already; its grant is revoked now, in the same transaction."""

    grant_id: str


@dataclass(frozen=True, slots=True)
class SessionOver:
    """The session that the code came from has ended; nothing was given."""


@dataclass(frozen=True, slots=True)
class Rotated:
    """The token is spent and its child is live. `again`: it had been spent within the grace, the same child stands."""

    grant: Grant
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


class RegisteredClients(Protocol):
    """Entries of clients that registered themselves."""

    async def registered_client(self, client_id: str) -> RegisteredClient | None:
        """The entry, or None."""
        ...

    async def namesake(self, names: Collection[str], *, of: str) -> str | None:
        """The id of another entry than `of` that goes by one of these folded names, the oldest; None for none.

        Every entry is looked at: it is asked when somebody registers, which is seldom and counted.
        """
        ...

    async def add_client(self, client: RegisteredClient, *, limit: int) -> bool:
        """A new entry; False, and nothing changes, when there are `limit` already."""
        ...

    async def replace_client(self, client: RegisteredClient, *, replacing: str) -> bool:
        """The entry as it is from now on; False when its token digest is not `replacing` any more."""
        ...

    async def delete_client(self, client_id: str) -> bool:
        """Forget an entry; False when there was none."""
        ...


class Durable(LastingTokens, Logouts, RegisteredClients, Protocol):
    """Accounts, links, consents, grants, refresh families, keys; acknowledged only after commit. Epoch seconds."""

    async def person(self, provider_key: str, subject: str) -> Person | None:
        """Who is linked to exactly this subject, byte for byte, of this provider instance."""
        ...

    async def adopt(self, account: Account, link: Link) -> Person:
        """Make account and link in one transaction, or return who has the link already (then nothing changed)."""
        ...

    async def update_link(self, link: Link) -> None:
        """Store what the upstream says now: claims, raw ids, provider name and time of an existing link."""
        ...

    async def links(self, sub: str) -> tuple[Link, ...]:
        """All links of an account, oldest first."""
        ...

    async def consent(self, sub: str, client_id: str, promise: str) -> frozenset[str]:
        """The scopes this account agreed to for this client under exactly this promise; empty when it never did."""
        ...

    async def save_consent(self, sub: str, client_id: str, promise: str, scope: frozenset[str], at: int) -> None:
        """Add to the scopes agreed to under this promise."""
        ...

    async def redeem(
        self,
        code_digest: str,
        grant: Grant,
        refresh: RefreshToken | None,
        *,
        now: int,
        hears: SessionClient | None = None,
    ) -> Redeemed | SpentBefore | SessionOver:
        """Spend a code: its digest, the grant and the first refresh token in one transaction, once and for all.

        `hears`: who brings it has to hear when the session ends. SessionOver: it ended already, nothing was kept.
        """
        ...

    async def spent(self, code_digest: str) -> str | None:
        """The id of the grant a code was spent for, or None."""
        ...

    async def grant(self, grant_id: str, *, now: int) -> LiveGrant | None:
        """The grant with its person, in one read; None when unknown, revoked or expired."""
        ...

    async def refresh_token(self, token_digest: str) -> RefreshToken | None:
        """A refresh token, spent or not; None when unknown."""
        ...

    async def rotate(self, token_digest: str, child: RefreshToken, *, now: int, grace: int) -> Rotated | Reused | None:
        """Spend a refresh token for `child` in one transaction.

        A token spent no longer than `grace` seconds ago whose child is unspent yields the same child again (`child`
        must be the same token); any other spent token revokes the grant. None: unknown, expired, or of a dead grant.
        """
        ...

    async def revoke_grant(self, grant_id: str, *, now: int, client_id: str | None = None) -> bool:
        """End a grant with everything that hangs on it; False when it was not alive, or not `client_id`'s.

        The grant of a blocked account is ended too, so that unblocking does not bring it back. None: any client's.
        """
        ...

    async def revoke_all_grants(self, *, now: int) -> int:
        """End every grant of everybody; how many were alive. One statement, and other writes wait for it."""
        ...

    async def revoke_token(self, token_id: str, *, expires_at: int) -> bool:
        """Remember until `expires_at` that a token that hangs on no grant was taken back; False when it was before."""
        ...

    async def is_revoked(self, token_id: str) -> bool:
        """Whether a token that hangs on no grant was taken back."""
        ...

    async def end_upstream(
        self, provider_key: str, *, sid: str, subject: str, now: int, expires_at: int
    ) -> tuple[str, ...]:
        """An upstream says that its session `sid`, or without one all of `subject`, ended: in one transaction.

        Keeps a mark until `expires_at` and does `end_session` for every session of ours that living grants came from;
        returns their ids.
        """
        ...

    async def upstream_ended_at(self, provider_key: str, *, sid: str, subject: str) -> int | None:
        """When the upstream's session, or all of the subject's, was last said to have ended; None: never."""
        ...

    async def keep_login(self, sid: str, sealed: str, *, asked_at: int, expires_at: int) -> None:
        """Keep what asks an upstream about the session `sid`; what is kept already stays, for longer if need be."""
        ...

    async def claim_login(self, sid: str, *, now: int, every: int) -> str | None:
        """What is kept for `sid`, for exactly one caller in `every` seconds; None for the others, or without any."""
        ...

    async def renew_login(self, sid: str, sealed: str) -> None:
        """Keep something newer for `sid`."""
        ...

    async def lose_login(self, sid: str, *, now: int) -> None:
        """Forget what is kept for `sid` and end every grant of that session, also those that would outlive it."""
        ...

    async def namespace_key(self, alias: str, namespace: str) -> str:
        """The internal id of a provider instance's set of people, made on first sight and never changed.

        Raises NamespaceChanged when `alias` stood for another namespace that has links and `namespace` was never seen.
        """
        ...

    async def set_blocked(self, sub: str, blocked: bool) -> bool:
        """Switch an account off or on; False when there is none. A blocked account's grants stop being live."""
        ...

    async def secret(self, name: str) -> str | None:
        """A sealed secret of this installation, or None."""
        ...

    async def save_secret(self, name: str, sealed: str, *, replacing: str | None) -> str:
        """Keep a sealed secret where `replacing` (None: nothing) is kept now; what is kept afterwards, ours or not."""
        ...

    async def installation(self) -> str:
        """The id of this installation, made on first sight and never changed; no secret."""
        ...

    async def signing_keys(self) -> tuple[SigningKey, ...]:
        """Every key not yet deleted, oldest first."""
        ...

    async def add_signing_key(self, key: SigningKey) -> bool:
        """Keep a new key; False, and nothing changes, when there is one with this kid."""
        ...

    async def retire_signing_key(self, kid: str, *, at: int) -> bool:
        """Note when a key stopped signing; False when it had before, or is gone. What is gone stays gone."""
        ...

    async def delete_signing_key(self, kid: str) -> None:
        """Forget a key for good."""
        ...

    async def replace_signing_keys(
        self, heirs: Sequence[SigningKey], *, algorithms: Collection[str] | None
    ) -> tuple[SigningKey, ...]:
        """Forget all keys of these algorithms and keep the heirs, in one transaction; the forgotten. None: all keys."""
        ...

    async def sweep(self, *, now: int) -> int:
        """Delete what can never matter again; the number of rows. Housekeeping only: reads check times themselves."""
        ...

    async def ping(self) -> None:
        """Return when the store can be written to."""
        ...

    async def close(self) -> None:
        """Finish what was accepted and let go of files and connections."""
        ...
