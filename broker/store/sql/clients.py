"""`broker.store.clients` in SQL."""

from __future__ import annotations

from collections.abc import Collection

from broker.core.clients.kept import KeptClient
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

    @read
    def registered(self, *, after: str, limit: int) -> Steps[tuple[RegisteredClient, ...]]:
        rows = yield from every(
            "SELECT body FROM registered_clients WHERE client_id > ? ORDER BY client_id LIMIT ?", after, limit
        )
        return tuple([RegisteredClient.from_bytes(body) for (body,) in rows])

    @read
    def kept_revision(self) -> Steps[int]:
        row = yield from one("SELECT number FROM revisions WHERE name = 'kept_clients'")
        return 0 if row is None else int(row[0])

    @read
    def kept(self) -> Steps[tuple[KeptClient, ...]]:
        rows = yield from every("SELECT body FROM kept_clients ORDER BY client_id")
        return tuple([KeptClient.from_bytes(body) for (body,) in rows])

    @write
    def keep(self, client: KeptClient, *, limit: int) -> Steps[bool]:
        added = yield from do(
            """INSERT INTO kept_clients (client_id, version, body)
               SELECT ?, ?, ? WHERE (SELECT count(*) FROM kept_clients) < ?
               ON CONFLICT (client_id) DO NOTHING""",
            *(client.client_id, client.version, client.to_bytes(), limit),
        )
        return (yield from _noted(added))

    @write
    def change(self, client: KeptClient) -> Steps[bool]:
        changed = yield from do(
            "UPDATE kept_clients SET version = ?, body = ? WHERE client_id = ? AND version = ?",
            *(client.version, client.to_bytes(), client.client_id, client.version - 1),
        )
        return (yield from _noted(changed))

    @write
    def drop(self, client_id: str) -> Steps[bool]:
        dropped = yield from do("DELETE FROM kept_clients WHERE client_id = ?", client_id)
        return (yield from _noted(dropped))


def _noted(changed: int) -> Steps[bool]:
    """Whether there was a change; every node hears of one by the number."""
    if changed:
        yield from do(
            """INSERT INTO revisions (name, number) VALUES ('kept_clients', 1)
               ON CONFLICT (name) DO UPDATE SET number = revisions.number + 1"""
        )
    return changed == 1
