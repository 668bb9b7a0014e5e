"""Clients that operators keep in the database: made, changed and given other secrets while the broker runs (ADR 75).

They are trusted as those of config.yaml, which win a name. Every node knows them by heart, in one `Kept`, and looks
twice a second whether there is anything new.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from broker.core.clients.client import Client
from broker.core.clients.display_name import fold_name
from broker.core.clients.kept import MOST_SECRETS, Judged, KeptClient, KeptSecret, merge, rotate
from broker.core.errors import ConfigError, InvalidRequest, NotFound
from broker.core.events import Event
from broker.core.seal import digest
from broker.services.context import Context
from broker.store.base import Durable

MOST_KEPT = 1000  # entries: every node has all of them in its memory
_CHANGED = "somebody changed this client meanwhile: look at it and ask again"


class Rules(Protocol):
    """What the configuration asks of clients that are not in its file."""

    def is_in_file(self, client_id: str) -> bool:
        """Whether the file has a client of this name, which then is the one that counts."""

    def judge(self, client_id: str, said: Mapping[str, Any]) -> Judged:
        """The settings once every rule lets them pass; raises ConfigError with all that is wrong, a line for each."""

    def build(self, client: KeptClient) -> Client:
        """The client as services know it, without its secrets; raises ConfigError where it breaks a rule of today."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One that is kept. `client` is None where it breaks a rule of today's configuration: `problems` say which."""

    kept: KeptClient
    client: Client | None
    problems: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Made:
    """An entry as it is from now on. `secret` is shown this once, "" where none was made."""

    entry: Entry
    secret: str = ""
    warnings: tuple[str, ...] = ()


class Kept:
    """What this node knows of such clients. Everything is replaced as a whole, never changed."""

    def __init__(self) -> None:
        """Nothing, until `KeptClients` has looked."""
        self.replace({}, {})

    def replace(self, entries: Mapping[str, Entry], clients: Mapping[str, Client]) -> None:
        """These are kept, of which these clients are in use, each with the secrets that count now."""
        self.entries, self.clients = entries, clients
        self.origins = frozenset(origin for client in clients.values() for origin in client.origins)
        self.names = frozenset(fold_name(text) for client in clients.values() for text in client.name.values())


class KeptClients:
    """Makes, changes and removes entries, durably, and keeps this node's `Kept` what the store says."""

    def __init__(self, context: Context, durable: Durable, kept: Kept, rules: Rules) -> None:
        self._context = context
        self._durable = durable
        self._kept = kept
        self._rules = rules
        self._revision = -1
        self._next_end: float = 0

    async def refresh(self) -> None:
        """Look whether anything changed; raises StoreUnavailable, and what was known stays in force.

        A secret whose time is over counts no more whether or not the store answers.
        """
        if self._context.now() >= self._next_end:
            self._publish(self._kept.entries)
        revision = await self._durable.clients.kept_revision()
        if revision != self._revision:
            self._take_in(await self._durable.clients.kept())
            self._revision = revision

    async def create(self, client_id: str, said: Mapping[str, Any]) -> Made:
        """A new client; raises InvalidRequest with all that is wrong."""
        judged = self._judge(client_id, merge({}, said))
        if self._rules.is_in_file(client_id):
            raise InvalidRequest("config.yaml has a client of this name, and it wins: choose another")
        if await self._durable.accounts.resolve(client_id) is not None:
            raise InvalidRequest("this is the `sub` of a person; give the client another id")
        now = self._context.now()
        secret, secrets = self._first_secret(judged, now)
        made = KeptClient(client_id, judged.settings, now, now, secrets=secrets)
        if not await self._durable.clients.keep(made, limit=MOST_KEPT):
            raise InvalidRequest(f"there is a client of this name already, or there are {MOST_KEPT}")
        return await self._made(client_id, secret, judged.warnings)

    async def change(self, client_id: str, said: Mapping[str, Any]) -> Made:
        """Other settings, each replaced whole; null is as if it had never been said. Raises as `create`, and NotFound.

        One that comes to need a secret gets one; one that needs none any more loses those that it had.
        """
        if said.get("secret_hashes"):
            raise InvalidRequest("secret_hashes: rotate the secret instead, so that the app gets one that is new")
        before, now = await self._find(client_id), self._context.now()
        judged = self._judge(client_id, merge(before.settings, said))
        secret, secrets = "", before.good_secrets(now) if judged.needs_secret else ()
        if judged.needs_secret and not secrets:
            secret, secrets = self._first_secret(judged, now)
        await self._save(before.changed(now, settings=judged.settings, secrets=secrets))
        return await self._made(client_id, secret, judged.warnings)

    async def rotate_secret(self, client_id: str, *, keep_for: int) -> Made:
        """Another secret; those of before count for `keep_for` more seconds. Raises InvalidRequest and NotFound."""
        before, now = await self._find(client_id), self._context.now()
        if not before.secrets:
            raise InvalidRequest("this client proves itself without a secret")
        if keep_for and len(before.good_secrets(now)) >= MOST_SECRETS:
            raise InvalidRequest(f"{MOST_SECRETS} secrets count already: wait until one is over, or end them at once")
        secret = self._context.mint()
        await self._save(rotate(before, digest(secret), now=now, keep_for=keep_for))
        return await self._made(client_id, secret)

    async def delete(self, client_id: str) -> None:
        """No such entry any more; raises NotFound. Its grants are worth nothing without it, and expire."""
        await self._find(client_id)
        if not await self._durable.clients.drop(client_id):
            raise InvalidRequest(_CHANGED)
        await self.refresh()

    def _judge(self, client_id: str, said: Mapping[str, Any]) -> Judged:
        try:
            return self._rules.judge(client_id, said)
        except ConfigError as wrong:
            raise InvalidRequest("; ".join(wrong.problems[:9])) from None

    def _first_secret(self, judged: Judged, now: int) -> tuple[str, tuple[KeptSecret, ...]]:
        """The secret, where one has to be made, and how it is kept."""
        if not judged.needs_secret:
            return "", ()
        if judged.digests:
            return "", tuple([KeptSecret(one, now) for one in judged.digests])
        secret = self._context.mint()
        return secret, (KeptSecret(digest(secret), now),)

    async def _find(self, client_id: str) -> KeptClient:
        await self.refresh()
        entry = self._kept.entries.get(client_id)
        if entry is None:
            raise NotFound("no client of this name is kept here; those of config.yaml are changed there")
        return entry.kept

    async def _save(self, after: KeptClient) -> None:
        if not await self._durable.clients.change(after):
            raise InvalidRequest(_CHANGED)

    async def _made(self, client_id: str, secret: str, warnings: tuple[str, ...] = ()) -> Made:
        await self.refresh()
        entry = self._kept.entries.get(client_id)
        if entry is None:  # somebody else was faster to delete it
            raise InvalidRequest(_CHANGED)
        return Made(entry, secret, warnings)

    def _take_in(self, found: tuple[KeptClient, ...]) -> None:
        before = self._kept.entries
        after = {kept.client_id: self._build(kept, before.get(kept.client_id)) for kept in found}
        self._publish(after)
        for client_id in sorted(before.keys() | after.keys()):
            if before.get(client_id) is not after.get(client_id):
                self._tell(client_id, after.get(client_id))

    def _build(self, kept: KeptClient, before: Entry | None) -> Entry:
        if before is not None and before.kept == kept:
            return before
        try:
            return Entry(kept, self._rules.build(kept))
        except ConfigError as wrong:
            return Entry(kept, None, tuple(wrong.problems))

    def _publish(self, entries: Mapping[str, Entry]) -> None:
        """With the secrets that count now; and when the next one is over."""
        now = self._context.now()
        live = {client_id: entry.kept.good_secrets(now) for client_id, entry in entries.items()}
        clients = {
            client_id: replace(entry.client, secret_digests=tuple([one.digest for one in live[client_id]]))
            for client_id, entry in entries.items()
            if entry.client is not None and not self._rules.is_in_file(client_id)
        }
        ends = [one.until for secrets in live.values() for one in secrets if one.until]
        self._kept.replace(entries, clients)
        self._next_end = min(ends, default=float("inf"))

    def _tell(self, client_id: str, entry: Entry | None) -> None:
        if entry is not None and entry.client is None:
            reason = "; ".join(entry.problems)
            self._context.recorder.record(Event.CLIENT_ENTRY_UNFIT, client_id=client_id, reason=reason)
            return
        version = 0 if entry is None else entry.kept.version
        self._context.recorder.record(Event.CLIENT_ENTRY_SEEN, client_id=client_id, version=version)
