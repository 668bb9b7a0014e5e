"""oauth4webapi (npm), which lends single requests and single checks, finds every answer of ours as it has to be."""

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
    with node_client("oauth4webapi.mjs", world) as url:
        yield url


@pytest.mark.parametrize("provider", PROVIDERS)
def test_oauth4webapi_signs_people_in_through_every_upstream(world: World, app: str, provider: str) -> None:
    found = learnt(world, f"{app}/login/{BASIC}", provider, "zoe")
    expected = shown("zoe", provider)
    assert found["claims"]["iss"] == world.issuer
    for claims in (found["userinfo"], found["fresh_userinfo"]):
        assert claims["sub"] == found["claims"]["sub"]
        assert (claims["name"], claims.get("email")) == (expected.name, expected.email)


@pytest.mark.parametrize(("algorithm", "method"), [*zip(ALGORITHMS, METHODS, strict=True), ("EdDSA", METHODS[0])])
def test_oauth4webapi_takes_a_grant_from_its_beginning_to_its_end(
    world: World, app: str, algorithm: str, method: str
) -> None:
    client = client_id(algorithm, method)
    found = learnt(world, f"{app}/login/{client}")
    for token in (found["token"], found["fresh_token"]):
        assert jwt.get_unverified_header(token["id_token"])["alg"] == algorithm
    assert (found["claims"]["aud"], found["fresh_claims"]["sub"]) == (client, found["claims"]["sub"])
    for token in ("access_token", "refresh_token"):
        assert found["fresh_token"][token] != found["token"][token]
    if method != "none":
        told = found["fresh_introspected"]
        assert (told["active"], told["client_id"], told["sub"]) == (True, client, found["claims"]["sub"])
        assert found["revoked_introspected"] == {"active": False}
    assert (found["revoked_userinfo"], found["revoked_refresh"]) == (401, "invalid_grant")


def test_oauth4webapi_gets_a_token_for_the_app_itself(app: str) -> None:
    with urlopen(f"{app}/own/{ROBOT}", timeout=30) as answer:
        found = orjson.loads(answer.read())
    assert (found["token"]["scope"], "refresh_token" in found["token"]) == ("orders:read", False)
    told = found["introspected"]
    assert (told["active"], told["sub"], told["scope"]) == (True, f"client:{ROBOT}", "orders:read")
    assert found["revoked_introspected"] == {"active": False}


def test_oauth4webapi_encodes_a_secret_of_odd_characters_for_the_header(world: World, app: str) -> None:
    assert learnt(world, f"{app}/login/{ODD}")["claims"]["aud"] == ODD


@pytest.mark.parametrize("algorithm", ALGORITHMS)
@pytest.mark.parametrize("forgery", FORGERIES)
def test_oauth4webapi_refuses_an_id_token_that_the_broker_did_not_sign(
    world: World, app: str, forgery: str, algorithm: str
) -> None:
    world.meddler.start(forgery)
    page = world.sign_in(f"{app}/login/{client_id(algorithm, 'client_secret_basic')}")
    assert world.meddler.forged == 1
    told = {"refused": "OAUTH_INVALID_RESPONSE", "because": "JWT signature verification failed"}
    assert (page.status, orjson.loads(page.text)) == (400, told)
