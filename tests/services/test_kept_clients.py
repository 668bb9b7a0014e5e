"""Apps that operators make, change and delete while the broker runs: trusted as those of the file, and no more."""

from __future__ import annotations

from typing import Any

import pytest

from broker.config.kept_clients import Rulebook
from broker.core.clients.client import Client
from broker.core.errors import InvalidClient, InvalidClientMetadata, InvalidRequest, NotFound, StoreUnavailable
from broker.core.events import Event
from broker.core.seal import digest
from broker.core.switches import Switchable
from broker.core.terms import Pkce
from broker.core.wire.parameters import Parameters
from broker.services.clients.kept import Kept, KeptClients
from broker.services.clients.registrations import RegistrationPolicy, Registrations
from tests.contract.kept_clients import registered
from tests.core.test_registration import CB, RULES
from tests.services.bare_broker import NOW, World, proven, seal
from tests.services.test_operators import acts, ask

pytestmark = pytest.mark.anyio
URI = "https://wiki.test/cb"
WIKI: dict[str, Any] = {"name": "Wiki", "redirect_uris": [URI], "id_token_alg": "ES256"}
HOUR = 3600


async def make(world: World, client_id: str = "wiki", /, **changed: Any) -> dict[str, Any]:
    """An app, and what the operator was told."""
    return await ask(world, "client.create", client_id=client_id, settings=WIKI | changed)


async def proves(world: World, secret: str, client_id: str = "wiki") -> bool:
    """Whether this secret counts."""
    try:
        await proven(world.directory, "", Parameters({"client_id": client_id, "client_secret": secret}.items()))
    except InvalidClient:
        return False
    return True


async def known(world: World, client_id: str = "wiki") -> Client:
    client = await world.directory.find(client_id)
    assert client is not None
    return client


async def test_an_app_is_made_with_a_secret_that_nobody_keeps(world: World) -> None:
    told = await make(world, first_party="true")
    secret = told["client_secret"]
    assert (told["client_id"], told["settings"]) == ("wiki", WIKI | {"first_party": True}), "in the words of the file"
    assert told["secrets"] == [{"made_at": NOW}]
    assert await proves(world, secret)
    assert not await proves(world, f"{secret}x")
    client = await known(world)
    assert (client.first_party, client.pkce, client.origin.registered) == (True, Pkce.AUTO, False), "as of the file"
    (kept,) = await world.store.durable.clients.kept()
    assert secret not in str(kept)
    assert kept.secrets[0].digest == digest(secret)
    shown = await ask(world, "client.show", client_id="wiki")
    assert secret not in str(shown)
    assert digest(secret) not in str(shown)
    assert acts(world)[0] == {
        **{"use_case": "client.create", "sub": "", "client_id": "wiki", "by": "root"},
        **{"why": "asked for on the phone", "outcome": "done"},
    }
    assert secret not in str(world.notes.heard)


async def test_it_outlives_a_restart_and_another_node_knows_it_when_it_looks(world: World) -> None:
    kept = Kept()
    other = KeptClients(world.context, world.store.durable, kept, Rulebook(world.config))
    await other.refresh()
    secret = (await make(world, origins=[], auth_method="client_secret_post"))["client_secret"]
    assert kept.clients == {}
    await other.refresh()
    assert kept.clients["wiki"].secret_digests == (digest(secret),)
    await world.restart()
    assert await proves(world, secret)
    await ask(world, "client.delete", client_id="wiki")
    await other.refresh()
    assert kept.clients == {}
    seen = [fields for event, fields in world.notes.heard if event is Event.CLIENT_ENTRY_SEEN]
    assert seen == [{"client_id": "wiki", "version": version} for version in (1, 1, 1, 0, 0)]


async def test_a_look_reads_the_entries_only_where_something_changed(world: World) -> None:
    await make(world)
    before = world.kept.entries
    await world.entries.refresh()
    assert world.kept.entries is before


async def test_what_was_known_stays_in_force_while_the_store_is_away_but_no_secret_outlives_its_time(
    world: World,
) -> None:
    old = (await make(world))["client_secret"]
    new = (await ask(world, "client.rotate-secret", client_id="wiki", hours=1))["client_secret"]
    await world.store.close()
    with pytest.raises(StoreUnavailable):
        await world.entries.refresh()
    assert [await proves(world, one) for one in (old, new)] == [True, True]
    world.clock.now += HOUR
    with pytest.raises(StoreUnavailable):
        await world.entries.refresh()
    assert (await known(world)).secret_digests == (digest(new),)


async def test_two_secrets_count_for_as_long_as_it_was_said(world: World) -> None:
    first = (await make(world))["client_secret"]
    told = await ask(world, "client.rotate-secret", client_id="wiki", hours=2)
    second = told["client_secret"]
    assert told["secrets"] == [{"made_at": NOW}, {"made_at": NOW, "until_at": NOW + 2 * HOUR}]
    world.clock.now += HOUR
    third = (await ask(world, "client.rotate-secret", client_id="wiki"))["client_secret"]
    assert [await proves(world, one) for one in (first, second, third)] == [True] * 3, "an answer was lost: no harm"
    world.clock.now += HOUR
    await world.entries.refresh()
    assert [await proves(world, one) for one in (first, second, third)] == [False, True, True], "no later rotation adds"
    fourth = (await ask(world, "client.rotate-secret", client_id="wiki", at_once=True))["client_secret"]
    assert [await proves(world, one) for one in (first, second, third, fourth)] == [False] * 3 + [True]


async def test_no_more_secrets_count_than_a_few_and_nobody_says_both_at_once_and_later(world: World) -> None:
    await make(world)
    for _ in range(3):
        await ask(world, "client.rotate-secret", client_id="wiki", hours=5)
    with pytest.raises(InvalidRequest, match="4 secrets"):
        await ask(world, "client.rotate-secret", client_id="wiki", hours=5)
    with pytest.raises(InvalidRequest, match="hours or at_once"):
        await ask(world, "client.rotate-secret", client_id="wiki", hours=5, at_once=True)
    assert await ask(world, "client.rotate-secret", client_id="wiki", at_once=True)
    await make(world, "spa", auth_method="none")
    with pytest.raises(InvalidRequest, match="without a secret"):
        await ask(world, "client.rotate-secret", client_id="spa")


async def test_what_changes_is_replaced_whole_and_null_takes_it_back(world: World) -> None:
    await make(world, first_party=True, scopes=["openid", "email"])
    changed = {"scopes": ["openid"], "first_party": None}
    told = await ask(world, "client.change", client_id="wiki", settings=changed)
    assert told["settings"] == WIKI | {"scopes": ["openid"]}
    assert "client_secret" not in told
    client = await known(world)
    assert (sorted(client.scopes), client.first_party) == (["openid"], False)
    told = await ask(world, "client.change", client_id="wiki", settings={"auth_method": "none"})
    assert told["secrets"] == []
    told = await ask(world, "client.change", client_id="wiki", settings={"auth_method": None})
    assert await proves(world, told["client_secret"]), "it needs one again"
    with pytest.raises(InvalidRequest, match="rotate"):
        await ask(world, "client.change", client_id="wiki", settings={"secret_hashes": [f"sha256:{'a' * 64}"]})


async def test_of_two_who_change_at_once_one_is_told_to_look_again(world: World) -> None:
    await make(world)
    (kept,) = await world.store.durable.clients.kept()
    find = world.entries.refresh

    async def then_somebody_is_faster() -> None:
        await find()
        await world.store.durable.clients.change(kept.changed(NOW, settings=kept.settings))

    world.entries.refresh = then_somebody_is_faster  # type: ignore[method-assign]  # in between, as a node could
    with pytest.raises(InvalidRequest, match="meanwhile"):
        await ask(world, "client.change", client_id="wiki", settings={"first_party": True})


async def test_no_name_is_taken_that_is_somebodys(world: World) -> None:
    somebody, _, _ = await world.log_in()
    for client_id, problem in (
        ("app", "config.yaml has"),
        ("dc_x", "register themselves"),
        ("a b", "up to 100 of"),
        (somebody.person.account.sub, "of a person"),
    ):
        with pytest.raises(InvalidRequest, match=problem):
            await make(world, client_id)
    await make(world)
    with pytest.raises(InvalidRequest, match="already"):
        await make(world)


async def test_the_file_wins_a_name(world: World) -> None:
    await make(world, name="Other")
    world.clients["wiki"] = Client("wiki", {"en": "Of the file"}, (URI,))
    await world.restart()
    assert (await known(world)).name == {"en": "Of the file"}
    assert "wiki" not in world.kept.clients
    shown = await ask(world, "client.show", client_id="wiki")
    assert (shown["source"], shown["hides_kept"]) == ("file", True)
    assert await ask(world, "client.export", client_id="wiki")
    assert await ask(world, "client.delete", client_id="wiki")


async def test_what_breaks_a_rule_of_today_is_not_there_and_says_why(world: World) -> None:
    await make(world, providers=["alpha", "beta"])
    world.config = world.config.model_copy(update={"providers": {"alpha": world.config.providers["alpha"]}})
    await world.restart()
    assert await world.directory.find("wiki") is None
    shown = await ask(world, "client.show", client_id="wiki")
    assert (shown["state"], shown["problems"]) == ("unfit", ["providers[1]: there is no provider beta"])
    unfit = [fields for event, fields in world.notes.heard if event is Event.CLIENT_ENTRY_UNFIT]
    assert unfit == [{"client_id": "wiki", "reason": "providers[1]: there is no provider beta"}]
    await ask(world, "client.change", client_id="wiki", settings={"providers": None})
    assert await known(world)


async def test_all_three_kinds_are_listed_a_page_at_a_time(world: World) -> None:
    await world.store.durable.clients.add(registered("dc_1"), limit=9)
    await make(world)
    await make(world, "able")
    await world.switches.off(Switchable.CLIENT, "wiki", why="a test", by="root")
    listed = (await ask(world, "client.list"))["clients"]
    assert [(one["client_id"], one["source"], one["state"]) for one in listed] == [
        ("able", "kept", "on"),
        ("app", "file", "on"),
        ("dc_1", "registered", "on"),
        ("wiki", "kept", "switched_off"),
    ]
    assert {name: listed[3][name] for name in ("why", "by", "off_at")} == {"why": "a test", "by": "root", "off_at": NOW}
    pages, after = [], ""
    while page := (await ask(world, "client.list", limit=1, after=after))["clients"]:
        pages += page
        after = page[-1]["client_id"]
    assert pages == listed
    assert (await ask(world, "client.show", client_id="app"))["settings"]["name"] == "App"
    assert (await ask(world, "client.show", client_id="dc_1"))["source"] == "registered"
    for nobody in ("nobody", "dc_2"):
        with pytest.raises(NotFound):
            await ask(world, "client.show", client_id=nobody)


async def test_no_secret_that_is_to_end_counts_for_ever_in_the_file(world: World) -> None:
    old = (await make(world))["client_secret"]
    new = (await ask(world, "client.rotate-secret", client_id="wiki"))["client_secret"]
    text = (await ask(world, "client.export", client_id="wiki"))["yaml"]
    assert text.startswith("  # 1 secret(s) of before still count")
    assert (digest(new) in text, digest(old) in text) == (True, False)


async def test_l8_nobody_registers_under_the_name_of_an_app_made_meanwhile(world: World) -> None:
    registrations = Registrations(
        world.context,
        world.store.durable.clients,
        world.apps,
        seal=seal("registered client"),
        policy=RegistrationPolicy((digest("t"),), 9, RULES),
        kept=world.kept,
    )
    assert await registrations.register("t", {"redirect_uris": [CB], "client_name": "Wíki"})
    await make(world)
    with pytest.raises(InvalidClientMetadata, match="name"):
        await registrations.register("t", {"redirect_uris": [CB], "client_name": "Wíki"})
