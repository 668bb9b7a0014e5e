"""Who the clients are, which providers they offer, and who may still come through them."""

from __future__ import annotations

from hashlib import sha256

import pytest

from broker.core.errors import InvalidClient, ProviderNotOffered
from broker.core.events import Event
from broker.core.terms import AuthMethod
from broker.core.wire.parameters import Parameters
from broker.services.people.standing import Standing
from broker.services.providers import ProviderInstance, Providers
from tests.services.bare_broker import Notes, World, app, proven
from tests.services.upstreams import Upstream

pytestmark = pytest.mark.anyio


async def test_a_client_proves_itself_and_failures_are_noted_without_made_up_names(world: World) -> None:
    digest = sha256(b"s3cret").hexdigest()
    world.clients["app"] = app(auth_method=AuthMethod.POST, secret_digests=(digest,))
    await world.restart()
    good = Parameters({"client_id": "app", "client_secret": "s3cret"}.items())
    assert await proven(world.directory, "", good) is world.clients["app"]
    for client_id in ("app", "<script>"):
        with pytest.raises(InvalidClient):
            await proven(world.directory, "", Parameters({"client_id": client_id, "client_secret": "x"}.items()))
    noted = [fields["client_id"] for event, fields in world.notes.heard if event is Event.CLIENT_AUTH_FAILED]
    assert noted == ["app", None]


async def test_origins_are_gathered_from_all_clients(world: World) -> None:
    world.clients["other"] = app("other", origins=frozenset({"https://spa.test"}))
    await world.restart()
    assert world.directory.origins() == {"https://spa.test"}
    assert await world.directory.find("other") is world.clients["other"]
    assert await world.directory.find("nobody") is None


@pytest.mark.parametrize(
    ("listed", "on", "offered"),
    [
        (None, {"alpha", "beta"}, ("alpha", "beta")),
        (("beta", "alpha"), {"alpha", "beta"}, ("beta", "alpha")),
        (("beta",), {"alpha", "beta"}, ("beta",)),
        (("beta", "alpha"), {"alpha"}, ("alpha",)),
        (("beta",), {"alpha"}, ()),
        (None, set(), ()),
    ],
)
async def test_b9_a_client_offers_what_it_lists_and_what_is_on(
    world: World, listed: tuple[str, ...] | None, on: set[str], offered: tuple[str, ...]
) -> None:
    world.clients["app"], world.on = app(providers=listed), on
    await world.restart()
    assert world.providers.offered_to(world.clients["app"]) == offered
    for name in ("alpha", "beta", "gamma"):
        if name in offered:
            assert world.providers.find_offered(name, world.clients["app"]).name == name
        else:
            with pytest.raises(ProviderNotOffered):
                world.providers.find_offered(name, world.clients["app"])


async def test_h14_a_hint_that_names_nothing_of_ours_is_not_repeated_in_a_detail(world: World) -> None:
    world.clients["app"] = app(providers=("alpha",))
    await world.restart()
    for asked, named in (("beta", True), ("A/" * 2000, False), ("gamma-token-abc", False), ("al\nha", False)):
        with pytest.raises(ProviderNotOffered) as refused:
            world.providers.find_offered(asked, world.clients["app"])
        assert (asked in refused.value.detail) is named
        assert len(refused.value.detail) < 100


async def test_a_provider_has_a_name_as_long_as_it_is_on(world: World) -> None:
    assert world.providers.name_of("alpha")["en"] == "Upstream"
    assert world.providers.name_of("gamma") == {}
    with pytest.raises(ProviderNotOffered):
        world.providers.find("gamma")


@pytest.mark.parametrize(
    ("providers", "admitted"),
    [(None, True), (("alpha",), True), (("alias",), True), (("beta",), False), (("alpha", "beta"), True), ((), False)],
)
def test_m7_the_gate_looks_at_the_people_not_at_the_name(providers: tuple[str, ...] | None, admitted: bool) -> None:
    instances = [
        ProviderInstance.of(name, "upstream", key, Upstream(None, None))
        for name, key in (("alpha", "k1"), ("alias", "k1"), ("beta", "k2"))
    ]
    standing = Standing(Providers(tuple(instances), autoselect_single=True, flow_ttl=600), Notes())
    assert standing.admits("k1", app(providers=providers)) is admitted
    assert not standing.admits("k3", app(providers=providers))
