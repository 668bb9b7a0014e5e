"""Account merging: one account becomes part of another of the same person, who has proved both (ADR 48).

Or an operator says so (ADR 78).
"""

from __future__ import annotations

from collections.abc import Callable, Collection

from broker.core.events import Event
from broker.core.records import HeldIdentity
from broker.core.terms import SubjectType
from broker.services.clients.directory import Clients
from broker.services.context import Context
from broker.services.people.subjects import Subjects
from broker.store.accounts import AccountStore, KnownToMore, Merged, Proof, Unmergeable


class Merging:
    """Merges, and sees to it that what apps called the account that goes is known for ever."""

    def __init__(
        self,
        context: Context,
        accounts: AccountStore,
        clients: Clients,
        subjects: Subjects,
        *,
        remember_for: int,
        queued: Callable[[], None],
    ) -> None:
        """`remember_for`: seconds for which it is known that a session ended.

        `queued` is called when there may be apps to be told.
        """
        self._context = context
        self._accounts = accounts
        self._clients = clients
        self._subjects = subjects
        self._remember_for = remember_for
        self._queued = queued

    async def is_proved(self, survivor: str, absorbed: str, proof: HeldIdentity) -> bool:
        """Whether the proof stands that `absorbed` is theirs, too; see `AccountStore.is_proved`."""
        return await self._accounts.is_proved(survivor, absorbed, proof)

    async def merge(self, survivor: str, absorbed: str, proof: Proof) -> Merged | Unmergeable:
        """Make `absorbed` part of `survivor`, unless one is switched off, closing, or gone, or the proof fell."""
        merged: Merged | KnownToMore | Unmergeable = KnownToMore()
        while isinstance(merged, KnownToMore):
            now, known = self._context.now(), await self._accounts.known_to(absorbed)
            merged = await self._accounts.merge(
                survivor,
                absorbed,
                proof=proof,
                now=now,
                expires_at=now + self._remember_for,
                known=known,
                seen_as=await self._seen_as(absorbed, known),
            )
        self._queued()
        if isinstance(merged, Merged) and not merged.again:
            by = proof.provider if isinstance(proof, HeldIdentity) else ""
            self._context.recorder.record(Event.ACCOUNT_MERGED, sub=survivor, absorbed=absorbed, provider=by)
        return merged

    async def _seen_as(self, sub: str, known: Collection[str]) -> dict[str, str]:
        """What clients that see nobody's own `sub` call this account, and the `sub` itself.

        Of those that registered themselves the ones that it is `known` to; of the few in the configuration every one:
        nothing is kept of an app that asks for no consent once its grants are swept.
        """
        registered = [await self._clients.known(client_id) for client_id in known]
        clients = (*self._clients.configured.values(), *[client for client in registered if client is not None])
        return {
            self._subjects.of(sub, client): sub
            for client in clients
            if client.tokens.subject_type is SubjectType.PAIRWISE
        }
