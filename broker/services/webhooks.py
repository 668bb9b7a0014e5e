"""Events to webhooks: pushed as RFC 8935 says, to each by the names that it may know."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

from broker.core.clients.client import Client
from broker.core.deliveries import Delivery, to_webhook, webhook_of
from broker.core.errors import FetchFailed, NotFound
from broker.core.events import Event
from broker.core.logout import Telling
from broker.core.webhooks import (
    EVENT_TYPES,
    MOST_WAITING,
    SET_MEDIA_TYPE,
    SET_TYPE,
    VERIFICATION,
    News,
    Webhook,
    build_payload,
    build_token,
    name_account,
    name_session,
    read_refusal,
)
from broker.services.clients.directory import Clients
from broker.services.context import Context, Outbound
from broker.services.deliveries import DELAYS, Attempt, Courier
from broker.services.keys.ring import KeyRing
from broker.services.people.subjects import Subjects
from broker.services.rounds import back_off
from broker.store.deliveries import DeliveryStore

_TAKEN = frozenset({202, 200, 204})  # RFC 8935 wants 202; what is no standard's receiver says one of the others
_REFUSED = 400
_DROPPED_AT_ONCE = 500  # rows per transaction


class Webhooks(Courier):
    """Those of the configuration: told, tested and listed here."""

    def __init__(
        self,
        context: Context,
        webhooks: Mapping[str, Webhook],
        queue: DeliveryStore,
        clients: Clients,
        *,
        keys: KeyRing,
        outbound: Outbound,
        subjects: Subjects,
        most_waiting: int = MOST_WAITING,
    ) -> None:
        """`webhooks` by name. `subjects` name people as clients know them.

        `most_waiting` for one webhook; beyond, the oldest are given up.
        """
        self._context = context
        self._webhooks = webhooks
        self._queue = queue
        self._clients = clients
        self._keys = keys
        self._outbound = outbound
        self._subjects = subjects
        self._most_waiting = most_waiting
        self._resting: dict[str, tuple[int, int]] = {}  # failures in a row, and until when, by receiver

    async def attempt(self, delivery: Delivery) -> Attempt:
        """One push. The token is signed anew with the key of today; what it says is the same each time."""
        webhook = self._webhooks.get(webhook_of(delivery.receiver))
        if webhook is None or delivery.news is None:
            return Attempt(Telling.FAILED, "no such webhook")
        if delivery.expires_at <= self._context.now():
            return Attempt(Telling.FAILED, "not taken in time")
        client = await self._clients.known(webhook.client_id) if webhook.client_id else None
        if webhook.client_id and client is None:
            return Attempt(Telling.FAILED, "no such client")
        subject = self._name(delivery, client)
        if subject is None:
            return Attempt(Telling.FAILED, "its client knows no sessions")
        return await self._push(webhook, delivery, subject, self._tell(delivery.news, client))

    def note(self, delivery: Delivery, attempt: Attempt) -> None:
        """Tell the operator. Whoever could not take one event rests from all of them, longer each time."""
        if attempt.outcome is Telling.WAITING:
            failures = self._resting.get(delivery.receiver, (0, 0))[0] + 1
            until = self._context.now() + back_off(DELAYS, failures, self._context.randomness)
            self._resting[delivery.receiver] = failures, until
        else:
            self._resting.pop(delivery.receiver, None)
        webhook, attempts = webhook_of(delivery.receiver), delivery.attempts
        what = delivery.news.what.value if delivery.news else ""
        if attempt.outcome is Telling.TOLD:
            self._context.recorder.record(Event.WEBHOOK_TOLD, webhook=webhook, what=what, attempts=attempts)
            return
        self._context.recorder.record(
            Event.WEBHOOK_FAILED,
            webhook=webhook,
            what=what,
            attempts=attempts,
            outcome=attempt.outcome.value,
            reason=attempt.reason,
        )

    async def count(self, waiting: int) -> None:
        """Tell the operator, and let go of what is too much."""
        self._context.recorder.record(Event.WEBHOOK_BACKLOG, waiting=waiting)
        if waiting <= self._most_waiting:
            return
        for name in self._webhooks:
            dropped = 0
            while gone := await self._queue.drop_oldest(
                to_webhook(name), keep=self._most_waiting, limit=_DROPPED_AT_ONCE
            ):
                dropped += gone
            if dropped:
                self._context.recorder.record(Event.WEBHOOK_OVERFLOWED, webhook=name, dropped=dropped)

    def resting(self) -> Sequence[str]:
        now = self._context.now()
        return [receiver for receiver, (_, until) in self._resting.items() if until > now]

    async def test(self, name: str) -> Attempt:
        """Push a verification event at once (OpenID SSF 1.0), past the queue; raises NotFound."""
        webhook = self._webhooks.get(name)
        if webhook is None:
            raise NotFound("there is no such webhook in the configuration")
        now = self._context.now()
        probe = Delivery(self._context.mint(size=16), to_webhook(name), "", "", now, 1, now)
        return await self._push(webhook, probe, {"format": "opaque", "id": name}, {VERIFICATION: {}})

    async def list_all(self) -> list[dict[str, Any]]:
        """Each as an operator may see it: a URL may hold a secret, so only its host is told."""
        now, told = self._context.now(), []
        for one in self._webhooks.values():
            failures, until = self._resting.get(to_webhook(one.name), (0, 0))
            told.append(
                {
                    "name": one.name,
                    "host": urlsplit(one.url).hostname or "",
                    "events": sorted(one.events),
                    "audience": one.audience if one.audience != one.url else "",
                    "client_id": one.client_id,
                    "waiting": await self._queue.waiting_for(to_webhook(one.name)),
                    **({"failures": failures, "rests_until_at": until} if until > now else {}),
                }
            )
        return told

    def _name(self, delivery: Delivery, client: Client | None) -> Mapping[str, Any] | None:
        """Whom it is about; None where the session would have no name, and the event mean every one of them."""
        issuer, sub = self._context.issuer, self._sub(delivery.sub, client)
        if not delivery.sid:
            return name_account(issuer, sub)
        sid = delivery.sid if client is None else self._subjects.sid_of(delivery.sid, client)
        return name_session(issuer, sub, sid) if sid else None

    def _tell(self, news: News, client: Client | None) -> Mapping[str, Any]:
        """What happened. By which provider people come in is nothing that an app hears without asking for it."""
        other = self._sub(news.other, client) if news.other else ""
        provider = news.provider if client is None else ""
        payload = build_payload(news, issuer=self._context.issuer, other=other, provider=provider)
        return {EVENT_TYPES[news.what]: payload}

    def _sub(self, sub: str, client: Client | None) -> str:
        return sub if client is None else self._subjects.of(sub, client)

    async def _push(
        self, webhook: Webhook, delivery: Delivery, subject: Mapping[str, Any], event: Mapping[str, Any]
    ) -> Attempt:
        claims = build_token(
            webhook,
            issuer=self._context.issuer,
            jti=delivery.id,
            at=delivery.created_at,
            subject=subject,
            event=event,
        )
        token = await self._keys.signer(webhook.algorithm).sign(claims, typ=SET_TYPE)
        headers = {"Content-Type": SET_MEDIA_TYPE, "Accept": "application/json"}
        if webhook.token:
            headers["Authorization"] = f"Bearer {webhook.token}"
        try:
            status, body = await self._outbound.push(webhook.url, token, headers)
        except FetchFailed as error:
            return Attempt(Telling.WAITING, error.detail)
        if status in _TAKEN:
            return Attempt(Telling.TOLD)
        word, final = read_refusal(body) if status == _REFUSED else ("", False)
        return Attempt(Telling.FAILED if final else Telling.WAITING, f"status {status} {word}".strip())
