"""`broker.store.invitations` in SQL."""

from __future__ import annotations

from collections.abc import Iterable

from broker.core.invitations import Invitation, Named
from broker.store.invitations import InvitationStore
from broker.store.sql.steps import Repository, Steps, do, every, read, sweep, write


class SqlInvitations(Repository, InvitationStore):
    """The InvitationStore protocol, which says what each method promises."""

    @write
    def add(self, invitation: Invitation) -> Steps[None]:
        yield from do(
            """INSERT INTO invitations (id, kind, provider, made_at, expires_at, why) VALUES (?, ?, ?, ?, ?, ?)
               ON CONFLICT (id) DO UPDATE
               SET kind = excluded.kind, provider = excluded.provider, made_at = excluded.made_at,
                   expires_at = excluded.expires_at, why = excluded.why""",
            invitation.id,
            invitation.kind.value,
            invitation.provider,
            invitation.made_at,
            invitation.expires_at,
            invitation.why,
        )

    @read
    def page(self, *, after: str, limit: int, now: int) -> Steps[tuple[Invitation, ...]]:
        rows = yield from every(
            """SELECT id, kind, provider, made_at, expires_at, why FROM invitations
               WHERE id > ? AND expires_at > ? ORDER BY id LIMIT ?""",
            after,
            now,
            limit,
        )
        return tuple([Invitation(row[0], Named(row[1]), *row[2:]) for row in rows])

    @write
    def remove(self, invite: str) -> Steps[bool]:
        return (yield from do("DELETE FROM invitations WHERE id = ?", invite)) == 1

    async def sweep(self, *, now: int) -> int:
        return await sweep(self._sweep_some, now=now)

    @write
    def _sweep_some(self, over: int, limit: int) -> Steps[int]:
        return do(
            """DELETE FROM invitations WHERE id IN
               (SELECT id FROM invitations WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
            over,
            limit,
        )


def spend(invitations: Iterable[str], now: int) -> Steps[int]:
    """How many of them were good, and are gone; nobody but this transaction has had them."""
    spent = 0
    for invite in invitations:
        spent += yield from do("DELETE FROM invitations WHERE id = ? AND expires_at > ?", invite, now)
    return spent
