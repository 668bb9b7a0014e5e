"""Apache's mod_auth_openidc (Debian), told nothing but issuer, id and secret, guards an app and believes no forgery."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import httpx2
import orjson
import pytest
from starlette.applications import Starlette
from starlette.routing import Route

from broker.demo.people import PEOPLE
from broker.demo.servers import take_port
from broker.demo.visitor import Page, Visitor
from tests.interop.apache import Apache, Site, apache, app_behind, learnt
from tests.interop.meddler import FORGERIES
from tests.interop.world import GUARDED, ODD, PROVIDERS, World, client_id, shown, walk

pytestmark = pytest.mark.interop
CLIENTS = (*(client_id(a, m) for a in ("RS256", "ES256") for m in ("client_secret_basic", "client_secret_post")), ODD)
"""cjose, which the module verifies with, knows no EdDSA; it has to pass over the keys of that kind in our set."""
POSTED = "form_post"
KEEPING = "keeping"
EAGER = "eager"
MORE = """
OIDCScope "openid profile email offline_access identities"
OIDCPassRefreshToken On
OIDCPassUserInfoAs json
"""
BASIC = client_id("RS256", "client_secret_basic")


@pytest.fixture
def server(world: World) -> Iterator[Apache]:
    """A fresh Apache that has read neither metadata nor keys yet, with a site for every client."""
    sites = {name: Site(world.broker.client(name)) for name in CLIENTS}
    sites[POSTED] = Site(world.broker.client(BASIC), "OIDCResponseMode form_post")
    sites[KEEPING] = Site(world.broker.client(BASIC), MORE)
    # Longer than an access token lives here: every request is one in which it is about to expire.
    sites[EAGER] = Site(world.broker.client(BASIC), f"{MORE}OIDCRefreshAccessTokenBeforeExpiry 901 logout_on_error")
    sites[GUARDED] = Site(world.broker.client(GUARDED), port=world.ports.apache)
    port = take_port("app", "127.0.0.1")
    app = Starlette(routes=[Route("/private/{path:path}", app_behind)])
    with world.serving(port, app), apache(world.issuer, port.number, sites) as running:
        yield running


@pytest.mark.parametrize("provider", PROVIDERS)
def test_apache_lets_everybody_in_through_every_upstream(world: World, server: Apache, provider: str) -> None:
    for person in (known.key for known in PEOPLE):
        headers = learnt(world.sign_in(f"{server.sites[BASIC]}/private/", provider, person).text)
        expected = shown(person, provider)
        assert headers["x-remote-user"] == headers["oidc_claim_sub"]
        assert headers["oidc_claim_iss"] == world.issuer
        assert (headers["oidc_claim_name"], headers.get("oidc_claim_email")) == (expected.name, expected.email)
        assert headers["x-remote-user"] == world.broker.login(provider, person).claims["sub"]


@pytest.mark.parametrize("client", CLIENTS)
def test_apache_verifies_the_algorithms_it_knows_and_proves_itself(world: World, server: Apache, client: str) -> None:
    headers = learnt(world.sign_in(f"{server.sites[client]}/private/").text)
    assert headers["oidc_claim_aud"] == client


def test_apache_takes_the_answer_as_a_posted_form(world: World, server: Apache) -> None:
    async def posted() -> tuple[Page, list[str]]:
        async with Visitor() as visitor:
            page = await walk(visitor, f"{server.sites[POSTED]}/private/", "vk", "ada")
            return page, [step.method for step in visitor.history if "/private/oidc" in step.url]

    page, methods = world.run(posted())
    assert methods == ["POST"]
    assert learnt(page.text)["oidc_claim_name"] == shown("ada", "vk").name


def test_apache_refreshes_its_tokens(world: World, server: Apache) -> None:
    site = server.sites[KEEPING]

    async def refreshed() -> tuple[dict[str, str], dict[str, str]]:
        async with Visitor() as visitor:
            before = learnt((await walk(visitor, f"{site}/private/", "google", "ada")).text)
            order = {"refresh": f"{site}/private/", "access_token": before["oidc_access_token"]}
            after = await visitor.get(f"{site}/private/oidc?{urlencode(order)}")
            return before, learnt(after.text)

    before, after = world.run(refreshed())
    assert after["x-remote-user"] == before["x-remote-user"]
    for token in ("oidc_access_token", "oidc_refresh_token"):
        assert after[token] != before[token]


def test_apache_refreshes_by_itself_and_lets_nobody_in_whose_grant_has_ended(world: World, server: Apache) -> None:
    site, client = server.sites[EAGER], world.broker.client(BASIC)

    async def seen() -> tuple[str, str, Page]:
        async with Visitor() as visitor, httpx2.AsyncClient(auth=(client.client_id, client.client_secret)) as http:
            first = learnt((await walk(visitor, f"{site}/private/", "google", "ada")).text)["oidc_access_token"]
            second = learnt((await visitor.get(f"{site}/private/")).text)["oidc_access_token"]
            assert (await http.post(f"{world.issuer}/revoke", data={"token": second})).status_code == 200
            return first, second, await visitor.get(f"{site}/private/")

    first, second, page = world.run(seen())
    assert first != second
    assert page.title == "Logged Out"
    assert "x-remote-user" not in page.text


def test_apache_lets_nobody_in_who_signed_out_elsewhere(world: World, server: Apache, leaving: str) -> None:
    private = f"{server.sites[GUARDED]}/private/"

    async def left() -> tuple[Page, Page, Page]:
        async with Visitor() as visitor:
            first = await walk(visitor, private, "google", "ada")
            return first, await visitor.get(leaving), await visitor.get(private)

    first, away, page = world.run(left())
    assert learnt(first.text)["oidc_claim_aud"] == GUARDED
    assert away.text == '{"left":true}'
    assert page.has("provider-google")


def test_apache_signs_people_out_of_everything(world: World, server: Apache, leaving: str) -> None:
    site = server.sites[GUARDED]

    async def left() -> tuple[Page, Page]:
        async with Visitor() as visitor:
            await walk(visitor, f"{site}/private/", "google", "ada")
            gone = await visitor.get(f"{site}/private/oidc?{urlencode({'logout': f'{site}/bye'})}")
            return gone, await visitor.get(leaving)

    gone, page = world.run(left())
    assert gone.url == f"{site}/bye"
    assert page.has("provider-google")


def test_apache_hands_on_which_upstream_vouched_for_the_person(world: World, server: Apache) -> None:
    headers = learnt(world.sign_in(f"{server.sites[KEEPING]}/private/", "telegram", "zoe").text)
    (identity,) = orjson.loads(headers["oidc_userinfo_json"])["identities"]
    assert identity["provider"] == "telegram"
    assert str(identity["telegram_id"]) == "4503599627370495"


@pytest.mark.parametrize("algorithm", ["RS256", "ES256"])
@pytest.mark.parametrize("forgery", FORGERIES)
def test_apache_refuses_an_id_token_that_the_broker_did_not_sign(
    world: World, server: Apache, forgery: str, algorithm: str
) -> None:
    world.meddler.start(forgery)
    page = world.sign_in(f"{server.sites[client_id(algorithm, 'client_secret_basic')]}/private/")
    assert world.meddler.forged > 0
    assert "x-remote-user" not in page.text
    assert "Error in handling response type" in page.text
    assert "id_token signature could not be validated" in server.errors
