"""`broker.store.clients` in SQL."""

from __future__ import annotations

from collections.abc import Collection

from broker.core.clients.registered import RegisteredClient, folded_names
from broker.store.clients import ClientStore
from broker.store.sql.steps import Repository, Steps, do, every, one, read, write


class SqlClients(Repository, ClientStore):
    """The ClientStore protocol, which says what each method promises."""

    @read
    def find(self, client_id: str) -> Steps[RegisteredClient | None]:
        row = yield from one("SELECT body FROM registered_clients WHERE client_id = ?", client_id)
        return None if row is None else RegisteredClient.from_bytes(row[0])

    @read
    def namesake(self, names: Collection[str], *, of: str) -> Steps[str | None]:
        entries = yield from every(
            "SELECT client_id, body FROM registered_clients WHERE client_id <> ? ORDER BY created_at", of
        )
        for client_id, body in entries:
            if not folded_names(RegisteredClient.from_bytes(body).metadata).isdisjoint(names):
                return str(client_id)
        return None

    @write
    def add(self, client: RegisteredClient, *, limit: int) -> Steps[bool]:
        added = yield from do(
            """INSERT INTO registered_clients (client_id, token_digest, created_at, body)
               SELECT ?, ?, ?, ? WHERE (SELECT count(*) FROM registered_clients) < ?""",
            client.client_id,
            client.token_digest,
            client.created_at,
            client.to_bytes(),
            limit,
        )
        return added == 1

    @write
    def replace(self, client: RegisteredClient, *, replacing: str) -> Steps[bool]:
        changed = yield from do(
            "UPDATE registered_clients SET token_digest = ?, body = ? WHERE client_id = ? AND token_digest = ?",
            client.token_digest,
            client.to_bytes(),
            client.client_id,
            replacing,
        )
        return changed == 1

    @write
    def delete(self, client_id: str) -> Steps[bool]:
        return (yield from do("DELETE FROM registered_clients WHERE client_id = ?", client_id)) == 1
