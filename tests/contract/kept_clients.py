"""What every durable store must do with clients that operators keep; see `tests.contract.accounts`."""

from __future__ import annotations

import pytest

from broker.core.clients.kept import KeptClient, KeptSecret, rotate
from broker.core.clients.registered import RegisteredClient
from broker.store.base import Durable
from tests.contract.people import NOW
from tests.contract.store import at_once

WIKI = KeptClient("wiki", {"name": "Wiki", "first_party": True}, NOW, NOW, secrets=(KeptSecret("d1", NOW),))


def registered(client_id: str) -> RegisteredClient:
    """An entry of an app that registered itself."""
    return RegisteredClient(client_id, {}, "", f"token of {client_id}", "", NOW)


class KeptClientRules:
    """Inherit, and provide the fixture `durable`, a fresh store."""

    pytestmark = pytest.mark.anyio

    async def test_an_entry_is_kept_changed_and_dropped_and_every_change_is_heard_of(self, durable: Durable) -> None:
        seen = [await durable.clients.kept_revision()]
        assert await durable.clients.keep(WIKI, limit=9)
        seen.append(await durable.clients.kept_revision())
        assert await durable.clients.kept() == (WIKI,)
        changed = rotate(WIKI, "d2", now=NOW + 5, keep_for=60)
        assert await durable.clients.change(changed)
        seen.append(await durable.clients.kept_revision())
        assert await durable.clients.kept() == (changed,)
        assert await durable.clients.drop("wiki")
        seen.append(await durable.clients.kept_revision())
        assert await durable.clients.kept() == ()
        assert len(set(seen)) == 4, "whoever compares two of them sees every change"

    async def test_what_changes_nothing_is_heard_of_by_nobody(self, durable: Durable) -> None:
        assert await durable.clients.keep(WIKI, limit=1)
        before = await durable.clients.kept_revision()
        assert not await durable.clients.keep(WIKI.replace(settings={}), limit=9), "the name is taken"
        assert not await durable.clients.keep(WIKI.replace(client_id="other"), limit=1), "there are as many as may be"
        assert not await durable.clients.change(WIKI.replace(version=3)), "another version is kept"
        assert not await durable.clients.change(WIKI.replace(client_id="nobody", version=2))
        assert not await durable.clients.drop("nobody")
        assert (await durable.clients.kept(), await durable.clients.kept_revision()) == ((WIKI,), before)

    async def test_of_fifty_who_change_one_version_one_did(self, durable: Durable) -> None:
        assert await durable.clients.keep(WIKI, limit=9)
        changed = WIKI.changed(NOW, settings={"name": "Other"})
        assert sum(await at_once(50, lambda: durable.clients.change(changed))) == 1

    async def test_those_that_registered_themselves_are_listed_a_page_at_a_time(self, durable: Durable) -> None:
        entries = [registered(f"dc_{letter}") for letter in "acb"]
        for entry in entries:
            assert await durable.clients.add(entry, limit=9)
        first, last, middle = entries
        assert await durable.clients.registered(after="", limit=2) == (first, middle)
        assert await durable.clients.registered(after="dc_b", limit=2) == (last,)
        assert await durable.clients.registered(after="dc_c", limit=2) == ()
