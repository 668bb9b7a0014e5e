"""`broker.store.deliveries` in SQL."""

from __future__ import annotations

import json
from collections.abc import Mapping
from hashlib import sha256

from broker.core.logout import DELIVERED_WITHIN, Delivery, SessionClient
from broker.store.deliveries import DeliveryStore
from broker.store.sql.steps import Repository, Steps, do, every, read, write


class SqlDeliveries(Repository, DeliveryStore):
    """The DeliveryStore protocol, which says what each method promises."""

    @write
    def claim(
        self, *, now: int, until: int, limit: int, share: int, under_way: Mapping[str, int]
    ) -> Steps[tuple[Delivery, ...]]:
        """Turns are taken among the longest due of all who have not got their share already."""
        rows = yield from every(
            """UPDATE logout_deliveries SET attempts = attempts + 1, next_at = ? WHERE id IN
               (WITH busy AS MATERIALIZED
                     (SELECT key AS client_id, CAST(CAST(value AS TEXT) AS INTEGER) AS count FROM json_each(?)),
                     due AS MATERIALIZED
                     (SELECT id, client_id, next_at FROM logout_deliveries
                      WHERE next_at <= ? AND client_id NOT IN (SELECT client_id FROM busy WHERE count >= ?)
                      ORDER BY next_at, id LIMIT 256)
                SELECT id FROM
                (SELECT id, next_at, coalesce(count, 0)
                        + row_number() OVER (PARTITION BY client_id ORDER BY next_at, id) AS turn
                 FROM due LEFT JOIN busy USING (client_id)) AS turns
                WHERE turn <= ? ORDER BY turn, next_at, id LIMIT ?)
               RETURNING id, client_id, sid, sub, created_at, attempts, expires_at""",
            until,
            json.dumps(dict(under_way)),
            now,
            share,
            share,
            limit,
        )
        return tuple(sorted((Delivery(*row) for row in rows), key=lambda one: (one.created_at, one.id)))

    @write
    def postpone(self, delivery_id: str, *, next_at: int) -> Steps[None]:
        yield from do("UPDATE logout_deliveries SET next_at = ? WHERE id = ?", next_at, delivery_id)

    @write
    def finish(self, delivery_id: str) -> Steps[None]:
        yield from do("DELETE FROM logout_deliveries WHERE id = ?", delivery_id)

    @read
    def waiting(self) -> Steps[int]:
        return int((yield from every("SELECT count(*) FROM logout_deliveries"))[0][0])


def queue(told: SessionClient, now: int, fresh: str) -> Steps[int]:
    """A delivery to an app that has to hear of the end of its session; `fresh` is unguessable and makes the id."""
    delivery_id = sha256(f"{fresh} {told.sid} {told.client_id}".encode()).hexdigest()[:32]
    return do(
        """INSERT INTO logout_deliveries (id, client_id, sid, sub, created_at, next_at, expires_at)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        delivery_id,
        told.client_id,
        told.sid,
        told.sub,
        now,
        now,
        now + DELIVERED_WITHIN,
    )
