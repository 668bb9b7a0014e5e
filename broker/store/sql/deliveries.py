"""`broker.store.deliveries` in SQL, and what other operations queue in their own transactions."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import replace
from hashlib import sha256

from broker.core.deliveries import Delivery, Waiting, to_webhook
from broker.core.logout import DELIVERED_WITHIN, SessionClient
from broker.core.webhooks import News, Subscriptions
from broker.store.deliveries import DeliveryStore
from broker.store.sql.steps import Repository, Row, Steps, do, every, read, write


class Outbox:
    """Where operations leave what others have to hear of, in the transaction of what they do."""

    def __init__(self, randomness: Callable[[int], bytes]) -> None:
        """`randomness` makes the ids of tokens. Nobody is subscribed yet."""
        self.randomness = randomness
        self.subscriptions = Subscriptions()

    def subscribe(self, subscriptions: Subscriptions) -> None:
        """From now on these hear of what happens."""
        self.subscriptions = subscriptions

    def tell_app(self, told: SessionClient, now: int) -> Steps[int]:
        """A logout token for an app that has to hear of the end of its session."""
        return self._queue(told.client_id, told.sid, told.sub, now, keep_trying=DELIVERED_WITHIN)

    def tell(self, sub: str, news: News, now: int, *, sid: str = "") -> Steps[None]:
        """Something happened to the account, or to its session `sid`: an event for every webhook that hears of it."""
        for name, keep_trying in self.subscriptions.to(news.what):
            yield from self._queue(to_webhook(name), sid, sub, now, keep_trying=keep_trying, news=news.to_bytes())

    def _queue(
        self, receiver: str, sid: str, sub: str, now: int, *, keep_trying: int, news: bytes | None = None
    ) -> Steps[int]:
        """The id is of this receiver alone: two that compare theirs see nothing that is the same."""
        delivery_id = sha256(f"{self.randomness(16).hex()} {sid} {receiver}".encode()).hexdigest()[:32]
        return do(
            """INSERT INTO deliveries (id, receiver, sid, sub, news, created_at, next_at, expires_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?)""",
            *(delivery_id, receiver, sid, sub, news),
            *(now, now, now + keep_trying),
        )


class SqlDeliveries(Repository, DeliveryStore):
    """The DeliveryStore protocol, which says what each method promises."""

    @write
    def claim(
        self, *, now: int, until: int, limit: int, share: int, under_way: Mapping[str, int]
    ) -> Steps[tuple[Delivery, ...]]:
        """Turns are taken among the longest due of all who have not got their share already."""
        rows = yield from every(
            """UPDATE deliveries SET attempts = attempts + 1, next_at = ? WHERE id IN
               (WITH busy AS MATERIALIZED
                     (SELECT key AS receiver, CAST(CAST(value AS TEXT) AS INTEGER) AS count FROM json_each(?)),
                     due AS MATERIALIZED
                     (SELECT id, receiver, next_at FROM deliveries
                      WHERE next_at <= ? AND receiver NOT IN (SELECT receiver FROM busy WHERE count >= ?)
                      ORDER BY next_at, id LIMIT 256)
                SELECT id FROM
                (SELECT id, next_at, coalesce(count, 0)
                        + row_number() OVER (PARTITION BY receiver ORDER BY next_at, id) AS turn
                 FROM due LEFT JOIN busy USING (receiver)) AS turns
                WHERE turn <= ? ORDER BY turn, next_at, id LIMIT ?)
               RETURNING id, receiver, sid, sub, created_at, attempts, expires_at, news""",
            until,
            json.dumps(dict(under_way)),
            now,
            share,
            share,
            limit,
        )
        return tuple(sorted(map(_delivery, rows), key=lambda one: (one.created_at, one.id)))

    @write
    def postpone(self, delivery_id: str, *, next_at: int) -> Steps[None]:
        yield from do("UPDATE deliveries SET next_at = ? WHERE id = ?", next_at, delivery_id)

    @write
    def finish(self, delivery_id: str) -> Steps[None]:
        yield from do("DELETE FROM deliveries WHERE id = ?", delivery_id)

    @read
    def waiting(self) -> Steps[Waiting]:
        return Waiting(*(yield from every("SELECT count(*) - count(news), count(news) FROM deliveries"))[0])

    @read
    def waiting_for(self, receiver: str) -> Steps[int]:
        return int((yield from every("SELECT count(*) FROM deliveries WHERE receiver = ?", receiver))[0][0])

    @write
    def drop_oldest(self, receiver: str, *, keep: int, limit: int) -> Steps[int]:
        """A limit below nothing would be none for SQLite, and an error for PostgreSQL."""
        count = (yield from every("SELECT count(*) FROM deliveries WHERE receiver = ?", receiver))[0][0]
        return (
            yield from do(
                """DELETE FROM deliveries WHERE id IN
                   (SELECT id FROM deliveries WHERE receiver = ? ORDER BY created_at, id LIMIT ?)""",
                receiver,
                max(0, min(count - keep, limit)),
            )
        )


def _delivery(row: Row) -> Delivery:
    """A Delivery from its eight columns, in the order of the fields."""
    return replace(Delivery(*row[:-1]), news=None if row[-1] is None else News.from_bytes(row[-1]))
