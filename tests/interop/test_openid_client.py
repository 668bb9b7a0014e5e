"""openid-client (npm), told nothing but issuer, id and secret, signs people in and believes no forgery."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.request import urlopen

import jwt
import orjson
import pytest

from tests.interop.meddler import FORGERIES
from tests.interop.node import learnt, node_client
from tests.interop.world import ALGORITHMS, METHODS, ODD, PROVIDERS, ROBOT, World, client_id, shown

pytestmark = pytest.mark.interop
BASIC = client_id("RS256", "client_secret_basic")


@pytest.fixture(scope="session")
def app(world: World) -> Iterator[str]:
    """The address of the app; it reads metadata and keys anew for every login."""
    with node_client("openid_client.mjs", world) as url:
        yield url


@pytest.mark.parametrize("provider", PROVIDERS)
def test_openid_client_signs_people_in_through_every_upstream(world: World, app: str, provider: str) -> None:
    for person in ("boris", "zoe"):  # boris has no address, zoe has odd names
        found = learnt(world, f"{app}/login/{BASIC}", provider, person)
        expected = shown(person, provider)
        assert found["claims"]["iss"] == world.issuer
        for claims in (found["userinfo"], found["fresh_userinfo"]):
            assert claims["sub"] == found["claims"]["sub"]
            assert (claims["name"], claims.get("email")) == (expected.name, expected.email)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("algorithm", ALGORITHMS)
def test_openid_client_verifies_every_algorithm_and_proves_itself_in_every_way(
    world: World, app: str, algorithm: str, method: str
) -> None:
    client = client_id(algorithm, method)
    found = learnt(world, f"{app}/login/{client}")
    for token in (found["token"], found["fresh_token"]):
        assert jwt.get_unverified_header(token["id_token"])["alg"] == algorithm
    assert found["claims"]["aud"] == client
    assert found["fresh_claims"]["sub"] == found["claims"]["sub"]
    assert found["fresh_token"]["access_token"] != found["token"]["access_token"]
    assert found["fresh_token"]["refresh_token"] != found["token"]["refresh_token"]


@pytest.mark.parametrize("method", METHODS)
def test_openid_client_asks_about_a_token_and_gives_it_back(world: World, app: str, method: str) -> None:
    client = client_id("ES256", method)
    found = learnt(world, f"{app}/login/{client}")
    if method != "none":
        told = found["fresh_introspected"]
        assert (told["active"], told["client_id"], told["sub"]) == (True, client, found["claims"]["sub"])
        assert found["revoked_introspected"] == {"active": False}
    assert (found["revoked_userinfo"], found["revoked_refresh"]) == (401, "invalid_grant")


def test_openid_client_gets_a_token_for_the_app_itself(world: World, app: str) -> None:
    with urlopen(f"{app}/own/{ROBOT}", timeout=30) as answer:
        found = orjson.loads(answer.read())
    assert (found["token"]["scope"], "refresh_token" in found["token"]) == ("orders:read", False)
    told = found["introspected"]
    assert (told["active"], told["sub"], told["scope"]) == (True, f"client:{ROBOT}", "orders:read")
    assert found["revoked_introspected"] == {"active": False}


@pytest.mark.parametrize("provider", PROVIDERS)
def test_openid_client_takes_the_answer_as_a_posted_form(world: World, app: str, provider: str) -> None:
    found = learnt(world, f"{app}/login/{BASIC}?response_mode=form_post", provider)
    assert found["came_by"] == "POST"
    assert found["userinfo"]["name"] == shown("ada", provider).name


def test_a_secret_of_odd_characters_survives_the_header(world: World, app: str) -> None:
    assert learnt(world, f"{app}/login/{ODD}")["claims"]["aud"] == ODD


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("forgery", FORGERIES)
def test_openid_client_refuses_an_id_token_that_the_broker_did_not_sign(
    world: World, app: str, forgery: str, algorithm: str
) -> None:
    world.meddler.start(forgery)
    page = world.sign_in(f"{app}/login/{client_id(algorithm, 'client_secret_basic')}")
    assert world.meddler.forged == 1
    assert page.status == 400
    assert orjson.loads(page.text) == {
        "refused": "OAUTH_INVALID_RESPONSE",
        "because": "JWT signature verification failed",
    }
