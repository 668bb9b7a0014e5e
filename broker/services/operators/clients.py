"""What operators ask and do about apps: all of them listed and shown, those in the database made and changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from broker.core.clients.kept import KeptClient
from broker.core.clients.registered import REGISTERED_PREFIX, RegisteredClient
from broker.core.errors import InvalidRequest, NotFound
from broker.core.operators.clients import KEEP_FOR
from broker.core.operators.question import Asked
from broker.services.clients.kept import Entry, Kept, KeptClients, Made
from broker.services.context import Context
from broker.services.operators.door import Handler
from broker.services.operators.told import Json
from broker.services.switches import Off
from broker.store.clients import ClientStore

_HOUR = 3600  # seconds


class File(Protocol):
    """The clients of the configuration file, in its own words."""

    def ids(self) -> frozenset[str]:
        """Their names."""

    def name(self, client_id: str) -> str | Mapping[str, str]:
        """What one is called, in one word or by language."""

    def tell(self, client_id: str) -> dict[str, Any]:
        """What the file says of one, without secrets and what it leaves as it is."""

    def render(self, client_id: str, settings: Mapping[str, Any], notes: tuple[str, ...]) -> str:
        """An entry as YAML for the file, with notes above it."""


class ClientCases:
    """The use cases of `core.operators.clients`."""

    def __init__(
        self,
        context: Context,
        store: ClientStore,
        entries: KeptClients,
        *,
        kept: Kept,
        file: File,
        off: Off,
    ) -> None:
        self._context = context
        self._store = store
        self._entries = entries
        self._kept = kept
        self._file = file
        self._off = off

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What answers each of them, by its name."""
        return {
            "client.list": self._list,
            "client.show": self._show,
            "client.create": self._create,
            "client.change": self._change,
            "client.rotate-secret": self._rotate,
            "client.delete": self._delete,
            "client.export": self._export,
        }

    async def _list(self, asked: Asked) -> Json:
        await self._entries.refresh()
        after, limit = asked.text("after"), asked.limit
        registered = {one.client_id: one for one in await self._store.registered(after=after, limit=limit)}
        here = {*self._file.ids(), *self._kept.entries, *self._off.clients}
        ids = sorted([*registered, *[one for one in here if one > after]])[:limit]
        told: Json = {"clients": [self._tell_line(one, registered.get(one)) for one in ids]}
        return told | {"next": ids[-1]} if len(ids) == limit else told

    def _tell_line(self, client_id: str, registered: RegisteredClient | None) -> Json:
        if registered is not None:
            source, name = "registered", registered.metadata.get("client_name", "")
        else:
            source, name = self._source(client_id), self._name(client_id)
        return {"client_id": client_id, "source": source, **({"name": name} if name else {}), **self._state(client_id)}

    def _source(self, client_id: str) -> str:
        if client_id in self._file.ids():
            return "file"
        return "kept" if client_id in self._kept.entries else "gone"

    def _name(self, client_id: str) -> str:
        """In English, or in whatever language it has one; "" of one that is gone."""
        entry, file = self._kept.entries.get(client_id), self._file
        name = file.name(client_id) if client_id in file.ids() else entry.kept.settings["name"] if entry else ""
        return name if isinstance(name, str) else name.get("en") or next(iter(name.values()))

    def _state(self, client_id: str) -> Json:
        switch, entry = self._off.clients.get(client_id), self._kept.entries.get(client_id)
        if switch is not None:
            return {"state": "switched_off", "off_at": switch.since, "by": switch.by, "why": switch.why}
        unfit = entry is not None and entry.client is None and client_id not in self._file.ids()
        return {"state": "unfit" if unfit else "on"}

    async def _show(self, asked: Asked) -> Json:
        await self._entries.refresh()
        client_id = asked.text("client_id")
        if client_id in self._file.ids():
            hidden = {"hides_kept": True} if client_id in self._kept.entries else {}
            said = {"settings": self._file.tell(client_id)}
            return {"client_id": client_id, "source": "file", **self._state(client_id), **hidden, **said}
        entry = self._kept.entries.get(client_id)
        if entry is not None:
            return {"client_id": client_id, "source": "kept", **self._state(client_id), **self._tell_entry(entry)}
        registered = await self._store.find(client_id) if client_id.startswith(REGISTERED_PREFIX) else None
        if registered is None:
            raise NotFound("there is no client of this name")
        told = {"created_at": registered.created_at, "metadata": dict(registered.metadata)}
        return {"client_id": client_id, "source": "registered", **self._state(client_id), **told}

    def _tell_entry(self, entry: Entry) -> Json:
        """Of its secrets only since when and until when they count."""
        kept = entry.kept
        secrets = [
            {"made_at": one.made_at, **({"until_at": one.until} if one.until else {})}
            for one in kept.good_secrets(self._context.now())
        ]
        problems = {"problems": list(entry.problems)} if entry.problems else {}
        times = {"created_at": kept.created_at, "changed_at": kept.changed_at}
        return {**times, **problems, "settings": dict(kept.settings), "secrets": secrets}

    async def _create(self, asked: Asked) -> Json:
        return self._tell_made(await self._entries.create(asked.text("client_id"), asked.object("settings")))

    async def _change(self, asked: Asked) -> Json:
        return self._tell_made(await self._entries.change(asked.text("client_id"), asked.object("settings")))

    async def _rotate(self, asked: Asked) -> Json:
        at_once, hours = asked.flag("at_once"), asked.number("hours", KEEP_FOR)
        if at_once and "hours" in asked.given:
            raise InvalidRequest("hours or at_once: the secret of before counts for a while, or no more")
        keep_for = 0 if at_once else hours * _HOUR
        return self._tell_made(await self._entries.rotate_secret(asked.text("client_id"), keep_for=keep_for))

    async def _delete(self, asked: Asked) -> Json:
        client_id = asked.text("client_id")
        await self._entries.delete(client_id)
        return {"client_id": client_id, "changed": True}

    def _tell_made(self, made: Made) -> Json:
        secret = {"client_secret": made.secret} if made.secret else {}
        warnings = {"warnings": list(made.warnings)} if made.warnings else {}
        return {"client_id": made.entry.kept.client_id, **secret, **warnings, **self._tell_entry(made.entry)}

    async def _export(self, asked: Asked) -> Json:
        await self._entries.refresh()
        client_id = asked.text("client_id")
        entry = self._kept.entries.get(client_id)
        if entry is None:
            raise NotFound("no client of this name is kept in the database")
        settings, notes = self._for_file(entry.kept)
        return {"client_id": client_id, "yaml": self._file.render(client_id, settings, notes)}

    def _for_file(self, kept: KeptClient) -> tuple[Json, tuple[str, ...]]:
        """With the secrets that last: in the file one would count for ever that is to end."""
        live = kept.good_secrets(self._context.now())
        lasting = [f"sha256:{one.digest}" for one in live if not one.until]
        ending = len(live) - len(lasting)
        notes = (f"{ending} secret(s) of before still count and are not in here: wait until they are over",)
        return {**kept.settings, **({"secret_hashes": lasting} if lasting else {})}, notes if ending else ()
