"""`/notify` as apps see it: an order is accepted or refused at once, and what became of it is told to its app alone."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import digest as hmac_digest
from typing import Any

from broker.core.clients.client import Client
from broker.core.errors import (
    AccountError,
    InvalidRequest,
    MessagesNotConfigured,
    NotFound,
    NoWayToWrite,
    Unreachable,
)
from broker.core.events import Event
from broker.core.notify import NOTIFY, Order, Pace, parse_order
from broker.core.seal import Seal
from broker.core.terms import SubjectType
from broker.services.context import Context
from broker.services.people.standing import Standing
from broker.services.people.subjects import Subjects
from broker.services.providers import Providers
from broker.services.tokens.admission import Admission
from broker.services.tokens.proofs import Shown
from broker.store.accounts import AccountStore
from broker.store.notify import Addressee, NotifyStore, OtherOrder, Queued, Silenced
from broker.store.people import PeopleStore

_NAMED_AT_ONCE = 500  # people whose pairwise names are kept in one step


@dataclass(frozen=True, slots=True)
class NotifyRules:
    """What the operator chose. `expires_after`: seconds for which sending is tried, `kept`: for which it is told of."""

    pace: Pace
    expires_after: int
    kept: int


class Addressees:
    """Finds whom a client may write to: people whom it knows, by the names that it knows."""

    def __init__(
        self,
        context: Context,
        store: NotifyStore,
        accounts: AccountStore,
        people: PeopleStore,
        *,
        providers: Providers,
        standing: Standing,
        subjects: Subjects,
    ) -> None:
        self._context = context
        self._store = store
        self._accounts = accounts
        self._people = people
        self._providers = providers
        self._standing = standing
        self._subjects = subjects

    async def find(self, client: Client, sub: str) -> Addressee:
        """The person, with one way at least by which they can be written to.

        Raises MessagesNotConfigured before anybody is looked for; NotFound, the same for nobody, for somebody whom this
        client does not know, and for who could not sign in (threats D18, L6); and NoWayToWrite.
        """
        keys = self._keys(client)
        if not keys:
            raise MessagesNotConfigured("none of this client's providers has a bot that may write; set bot_token")
        found = await self._find(client, sub, keys)
        if not found.ways:
            raise NoWayToWrite("the person has no way in by which they could be written to")
        return found

    def _keys(self, client: Client) -> frozenset[str]:
        """Of the providers that this client offers, those that can write."""
        offered = map(self._providers.find, self._providers.offered_to(client))
        return frozenset([one.key for one in offered if one.abilities.writes is not None])

    async def _find(self, client: Client, sub: str, keys: frozenset[str]) -> Addressee:
        found = await self._look(client, sub, keys)
        if found is None and client.tokens.subject_type is SubjectType.PAIRWISE:
            await self._learn_names(client)
            found = await self._look(client, sub, keys)
        if found is None or not found.known or not self._subjects.is_name_of(sub, found.account, client):
            raise NotFound("this client knows nobody by that sub")
        try:
            self._standing.check_account(found.account)
        except AccountError:
            raise NotFound("this client knows nobody by that sub") from None
        if not self._standing.admits_any(await self._people.links(found.account.sub), client):
            raise NotFound("this client knows nobody by that sub", detail="the access policy lets them in by no way")
        return found

    async def _look(self, client: Client, sub: str, keys: frozenset[str]) -> Addressee | None:
        return await self._store.addressee(
            sub, client.id, keys=keys, first_party=client.first_party, now=self._context.now()
        )

    async def _learn_names(self, client: Client) -> None:
        """A pairwise `sub` leads nowhere by itself: names that this client may know are kept when it first uses one."""
        sector = client.tokens.sector
        while subs := await self._accounts.unnamed(client.id, sector, limit=_NAMED_AT_ONCE):
            await self._accounts.keep_names(sector, {self._subjects.of(sub, client): sub for sub in subs})


class Orders:
    """Takes orders of clients that the operator gave the scope `notify`."""

    def __init__(
        self,
        context: Context,
        store: NotifyStore,
        addressees: Addressees,
        admission: Admission,
        *,
        seal: Seal,
        key: bytes,
        rules: NotifyRules,
        queued: Callable[[], None],
    ) -> None:
        """`seal` has the purpose "notification", `key` makes digests; `queued` is told that something is."""
        self._context = context
        self._store = store
        self._addressees = addressees
        self._admission = admission
        self._seal = seal
        self._key = key
        self._rules = rules
        self._queued = queued

    async def admit(self, shown: Shown) -> Client:
        """Whose token it is; raises as `Admission.admit_client` for the scope `notify`."""
        return await self._admission.admit_client(shown, NOTIFY)

    async def accept(self, client: Client, sent: Mapping[str, Any]) -> str:
        """The id of the message, which will be tried whatever happens now.

        Raises InvalidRequest, what `Addressees.find` does, and Unreachable.
        """
        order = parse_order(sent)
        message = self._prepare(client, order, await self._addressees.find(client, order.sub))
        kept = await self._store.queue(message, now=self._context.now())
        if isinstance(kept, OtherOrder):
            raise InvalidRequest("idempotency_key came with another order before; take a new one for a new message")
        if isinstance(kept, Silenced):
            raise Unreachable(f"{kept.reason}; they have to sign in by that way again")
        if not kept.again:
            self._context.recorder.record(Event.NOTIFY_QUEUED, client_id=client.id)
            self._queued()
        return kept.id

    async def tell(self, client: Client, message_id: str) -> dict[str, Any]:
        """What became of a message of this client; raises NotFound."""
        notice = await self._store.find(message_id, client.id)
        if notice is None:
            raise NotFound("there is no such message, or not any more, or it is another client's")
        return notice.describe()

    def _prepare(self, client: Client, order: Order, found: Addressee) -> Queued:
        provider_key, subject = found.ways[0]
        message_id, raw = self._context.mint_ordered("n_"), order.message.to_bytes()
        expires_at = self._context.now() + self._rules.expires_after
        return Queued(
            id=message_id,
            client_id=client.id,
            sub=found.account.sub,
            provider_key=provider_key,
            subject=subject,
            body=self._seal.seal(raw, bound_to=message_id.encode()),
            key=self._digest(b"key", order.key.encode()) if order.key else "",
            print=self._digest(found.account.sub.encode(), raw) if order.key else "",
            expires_at=expires_at,
            forget_at=expires_at + self._rules.kept,
        )

    def _digest(self, kind: bytes, value: bytes) -> str:
        """Keyed, so that nobody who has the store finds out by trying what was said."""
        return hmac_digest(self._key, kind + b"\0" + value, sha256).hex()
