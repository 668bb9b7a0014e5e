"""Threats F11, F12, F13 and E8 over the network: clients that sign, at every endpoint where a client proves itself."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator, Iterator
from time import time
from typing import Any

import httpx2
import pytest

from broker.core.clients.assertion import ASSERTION_TYPE
from broker.core.jose.own_keys import mint_key
from broker.core.terms import Algorithm
from tests.services.client_app import published, signed
from tests.threats.journeys import http
from tests.threats.site import Site, running_site

pytestmark = pytest.mark.anyio
KEY = mint_key(Algorithm.ES256)
ENDPOINTS = {"/token": {"grant_type": "client_credentials"}, "/revoke": {"token": "x"}, "/introspect": {"token": "x"}}
SERVICE = {"grants": ["client_credentials"], "service_scopes": ["orders:read"]}


def add_signing(config: dict[str, Any]) -> None:
    """A client with a key, and one with the same key that may name an endpoint."""
    keyed = {"auth_method": "private_key_jwt", "jwks": published(KEY), **SERVICE}
    config["clients"]["signing"] = {"name": "Signing", **keyed}
    config["clients"]["lenient"] = {"name": "Lenient", "assertion_audience": "legacy", **keyed}


@pytest.fixture(scope="module")
def signing_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site of its own."""
    with running_site(tmp_path_factory.mktemp("signing"), add_signing) as site:
        yield site


@pytest.fixture
async def channel(signing_site: Site) -> AsyncIterator[httpx2.AsyncClient]:
    """The way from an app's server to ours."""
    async with http(signing_site) as client:
        yield client


def assertion(site: Site, client_id: str = "signing", **changes: Any) -> str:
    """One that is good as it stands."""
    now = int(time())
    claims = {"iss": client_id, "sub": client_id, "aud": site.issuer, "exp": now + 60, "jti": secrets.token_hex(8)}
    return signed(KEY, claims | changes, typ="client-authentication+jwt")


async def show(channel: httpx2.AsyncClient, path: str, token: str, **more: str) -> httpx2.Response:
    """A request with an assertion."""
    form = {"client_assertion_type": ASSERTION_TYPE, "client_assertion": token, **ENDPOINTS[path], **more}
    return await channel.post(path, data=form)


def is_refused(answer: httpx2.Response) -> bool:
    """By the one error there is for it."""
    return (answer.status_code, answer.json()["error"]) == (401, "invalid_client")


@pytest.mark.parametrize("path", sorted(ENDPOINTS))
async def test_f12_an_assertion_opens_one_door_once(signing_site: Site, channel: httpx2.AsyncClient, path: str) -> None:
    token = assertion(signing_site)
    assert (await show(channel, path, token)).status_code == 200
    for other in ENDPOINTS:
        assert is_refused(await show(channel, other, token)), "not again, and not at another endpoint"


@pytest.mark.parametrize("path", sorted(ENDPOINTS))
async def test_f13_an_endpoint_is_no_audience_unless_the_operator_said_so(
    signing_site: Site, channel: httpx2.AsyncClient, path: str
) -> None:
    issuer = signing_site.issuer
    for audience in (f"{issuer}{path}", [issuer], [issuer, "https://evil.example"], "https://evil.example"):
        assert is_refused(await show(channel, path, assertion(signing_site, aud=audience)))
    for audience, status in ((f"{issuer}{path}", 200), ([issuer, "https://evil.example"], 401)):
        answer = await show(channel, path, assertion(signing_site, "lenient", aud=audience))
        assert answer.status_code == status


async def test_e8_f11_nothing_else_a_client_signs_or_knows_is_its_proof(
    signing_site: Site, channel: httpx2.AsyncClient
) -> None:
    now = int(time())
    own = (await show(channel, "/token", assertion(signing_site))).json()["access_token"]
    request_object: dict[str, Any] = {
        "iss": "signing",
        "aud": signing_site.issuer,
        "client_id": "signing",
        "response_type": "code",
    }
    request_object |= {"sub": "signing", "jti": "r", "exp": now + 60}
    for token in (own, signed(KEY, request_object), signed(KEY, request_object, typ="oauth-authz-req+jwt")):
        assert is_refused(await show(channel, "/token", token))
    assert is_refused(await show(channel, "/token", assertion(signing_site), client_id="lenient"))
    assert is_refused(await show(channel, "/token", assertion(signing_site), client_secret="x" * 32))


async def test_an_assertion_is_in_no_log(signing_site: Site, channel: httpx2.AsyncClient) -> None:
    token = assertion(signing_site)
    await show(channel, "/token", token)
    await show(channel, "/token", token)
    assert token.encode() not in signing_site.log_bytes()
    assert token.rpartition(".")[2].encode() not in signing_site.log_bytes()
