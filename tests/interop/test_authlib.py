"""Authlib's Starlette client, told nothing but issuer, id and secret, signs people in and believes no forgery."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import jwt
import orjson
import pytest

from broker.demo.people import PEOPLE
from broker.demo.servers import take_port
from tests.interop.authlib_app import build_authlib_app
from tests.interop.meddler import FORGERIES
from tests.interop.world import ALGORITHMS, METHODS, PROVIDERS, World, client_id, shown

# joserfc, which Authlib uses, would rather read the name Ed25519 of RFC 9864; OpenID Connect libraries know EdDSA.
pytestmark = [pytest.mark.interop, pytest.mark.filterwarnings("ignore:EdDSA is deprecated")]
BASIC = client_id("RS256", "client_secret_basic")


@pytest.fixture
def app(world: World) -> Iterator[str]:
    """The address of a fresh app that has read neither metadata nor keys yet."""
    port = take_port("authlib", "127.0.0.1")
    redirect_uri = f"http://127.0.0.1:{port.number}/callback"
    with world.serving(port, build_authlib_app(world.issuer, world.broker.clients.values(), redirect_uri)) as url:
        yield url


def learnt(world: World, app: str, client: str, provider: str = "google", person: str = "ada") -> dict[str, Any]:
    page = world.sign_in(f"{app}/login/{client}", provider, person)
    assert page.status == 200, page.text
    found: dict[str, Any] = orjson.loads(page.text)
    return found


@pytest.mark.parametrize("person", [person.key for person in PEOPLE])
@pytest.mark.parametrize("provider", PROVIDERS)
def test_authlib_signs_everybody_in_through_every_upstream(world: World, app: str, provider: str, person: str) -> None:
    found = learnt(world, app, BASIC, provider, person)
    expected = shown(person, provider)
    for claims in (found["claims"], found["userinfo"], found["fresh_claims"], found["fresh_userinfo"]):
        assert claims["sub"] == found["claims"]["sub"]
    for claims in (found["userinfo"], found["fresh_userinfo"]):
        assert (claims["name"], claims.get("email")) == (expected.name, expected.email)
    assert found["claims"]["iss"] == world.issuer


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_authlib_verifies_every_algorithm_and_proves_itself_in_every_way(
    world: World, app: str, algorithm: str, method: str
) -> None:
    client = client_id(algorithm, method)
    found = learnt(world, app, client)
    for token in (found["token"], found["fresh_token"]):
        assert jwt.get_unverified_header(token["id_token"])["alg"] == algorithm
    assert found["claims"]["aud"] == client
    assert found["fresh_claims"]["sub"] == found["claims"]["sub"]
    assert found["fresh_token"]["access_token"] != found["token"]["access_token"]
    assert found["fresh_token"]["refresh_token"] != found["token"]["refresh_token"]


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("forgery", FORGERIES)
def test_authlib_refuses_an_id_token_that_the_broker_did_not_sign(
    world: World, app: str, forgery: str, algorithm: str
) -> None:
    world.meddler.start(forgery)
    page = world.sign_in(f"{app}/login/{client_id(algorithm, 'client_secret_basic')}")
    assert world.meddler.forged == 1
    assert (page.status, orjson.loads(page.text)) == (400, {"refused": "bad_signature"})
