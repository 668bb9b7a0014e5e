"""The life of accounts: found, switched off and on, merged, closed, deleted."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import Protocol

from broker.core.people.identity import Account
from broker.core.records import HeldIdentity, Login


@dataclass(frozen=True, slots=True)
class Merged:
    """One account is part of the other. `again`: it was before, and nothing changed."""

    again: bool


class Unmergeable:
    """The proof fell, or one is not there, blocked, closing, deleted, or part of a third; or both are one.

    Nothing changed.
    """


class OperatorsWord:
    """An operator says that two accounts are one person's. Nobody proved it, so what one agreed to binds not both."""


Proof = HeldIdentity | OperatorsWord
"""What a merge stands on."""


class KnownToMore:
    """Another client got to know the account that was to go, and it has no name for it yet. Nothing changed."""


@dataclass(frozen=True, slots=True)
class Decision:
    """An operator's: why, when (epoch seconds), and until when marks of sessions that end by it stay."""

    why: str
    at: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class Sought:
    """Which accounts to look for: all that everything fits that is not empty.

    `provider` is what a way in is called in the configuration, now or last, and `subject` who they are there; `address`
    and the words of `name` are folded, and each begins a word of one of their names, in this order.
    """

    sub: str = ""
    provider: str = ""
    subject: str = ""
    address: str = ""
    phone: str = ""
    name: tuple[str, ...] = ()
    blocked: bool = False
    closing: bool = False


@dataclass(frozen=True, slots=True)
class Found:
    """An account, and since when (epoch seconds) and why it is blocked: None and "" where nobody wrote it down."""

    account: Account
    blocked_at: int | None
    blocked_why: str


@dataclass(frozen=True, slots=True)
class Unused:
    """How many accounts nobody had signed in to, and the subs of those that are to be deleted by that."""

    looked_at: int
    closed: tuple[str, ...]


class AccountStore(Protocol):
    """A repository of `broker.store.base.Durable`, which says what all of them have in common."""

    async def resolve(self, sub: str) -> Account | None:
        """The account that goes by this `sub` today: its own, one that was merged into it, or a pairwise one kept.

        None when there is none, or it was deleted.
        """

    async def known_to(self, sub: str) -> tuple[str, ...]:
        """The ids of the clients that know the account by consents, grants or sessions, in the order of text."""

    async def unnamed(self, client_id: str, sector: str, *, limit: int) -> tuple[str, ...]:
        """Accounts that this client knows and whose name in its sector was never kept, in the order of text."""

    async def keep_names(self, sector: str, seen_as: Mapping[str, str]) -> None:
        """From now on these pairwise subs of the sector lead to the accounts that they map to."""

    async def is_proved(self, survivor: str, absorbed: str, proof: HeldIdentity) -> bool:
        """Whether `proof` stands: its way in opens `absorbed` (or `survivor`, once that has taken the other in).

        It fell when that account's person took the way in away or signed out everywhere after it set out, even where
        the way in came back (threats D6).
        """

    async def merge(
        self,
        survivor: str,
        absorbed: str,
        *,
        proof: Proof,
        now: int,
        expires_at: int,
        known: Collection[str],
        seen_as: Mapping[str, str],
    ) -> Merged | KnownToMore | Unmergeable:
        """Make `absorbed` part of `survivor` while `proof` stands, as ADR 48 says, in one transaction.

        Its links move, its consents are copied (by an operator's word alone: what was refused, and nothing that was
        agreed to, as ADR 78 says), its sessions and grants end and their apps are told; marks of ended sessions stay
        until `expires_at`. `seen_as` maps pairwise subs of accounts that are absorbed, as clients know
        them, to the account's own `sub`: they resolve from now on. `known` are the clients that were asked for them, as
        `known_to` gave them; KnownToMore where it would give another one by now.
        """

    async def search(self, sought: Sought, *, after: str, limit: int) -> tuple[Found, ...]:
        """Accounts in the order of their `sub`, from behind `after`. None that was deleted, or is part of another."""

    async def set_blocked(self, sub: str, blocked: bool, *, decision: Decision | None = None) -> bool:
        """Switch an account off or on; False when there is none, or it is part of another.

        A blocked account's grants stop being live. With a `decision` its history tells of it, and whoever blocks ends
        every session and grant in the same transaction, as `end_all`: unblocking brings none back.
        """

    async def end_all(self, sub: str, *, now: int, expires_at: int) -> bool:
        """End every session and grant of the account, and the logins that are under way; False when there is none.

        Their apps are told; marks of ended sessions stay until `expires_at`. The history tells of it.
        """

    async def sign_out(self, sub: str, *, now: int, expires_at: int, keep: Login | None = None) -> int:
        """End every session of the account but that of `keep`, with the grants that do not outlive theirs.

        Their apps are told, and logins that are under way are over too. The number of sessions that are known to have
        been alive. A session that was over stays so. The history tells of it where one of them ended.
        """

    async def close(self, sub: str, *, closes_at: int, now: int, expires_at: int) -> bool:
        """The account is to be deleted: every session and grant of it ends now, and nobody signs in any more.

        False when it is not there, or is to be deleted by then already.
        """

    async def close_unused(self, *, since: int, closes_at: int, now: int, expires_at: int, limit: int = 20) -> Unused:
        """Accounts that nobody has used since then are to be deleted, as by `close`; their history says why.

        Used is one that somebody signed in to, or an app holds a grant of, or that was kept, unblocked or joined to:
        at most a day late. One that is blocked stays as it is.
        """

    async def keep(self, sub: str, *, now: int) -> bool:
        """It is not to be deleted after all; False when it is not closing."""

    async def delete_due(self, *, now: int, limit: int = 20) -> tuple[str, ...]:
        """Delete accounts whose time has come, each with what was merged into it; the subs of the former.

        One that is blocked waits until it is so no more: else its ways in would make somebody new, who is not blocked.
        Links, consents, grants, sign-ins and events go; what remains of an account is its `sub`, so that nobody gets
        it again.
        """
