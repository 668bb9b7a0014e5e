"""What the kits of emulated OpenID upstreams hand to apps on phones."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import jwt
import pytest

from broker.demo.people import ADA
from broker.demo.upstreams import Google, Oidc, RegisteredApp
from tests.demo.emulated import CALLBACK, NOW, Upstream, emulated

pytestmark = pytest.mark.anyio
APP = RegisteredApp("web", "secret", (CALLBACK,), {"native_client_ids": "android ios"})
OTHER = RegisteredApp("other", "other-secret", (CALLBACK,), {"native_client_ids": "other-phone"})
KEYS = {"google": "/oauth2/v3/certs", "oidc": "/jwks"}


@pytest.fixture(params=[Google, Oidc], ids=lambda kind: kind.type)
async def upstream(request: pytest.FixtureRequest, anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(request.param, (APP, OTHER))) as found:
        yield found


async def claims_of(upstream: Upstream, **order: Any) -> dict[str, Any]:
    """What is in a kit's token, whose signature fits."""
    token = (await upstream.order("kit", **order)).json()["id_token"]
    keys = jwt.PyJWKSet.from_dict((await upstream.get(KEYS[upstream.emulator.type])).json())
    key = keys[jwt.get_unverified_header(token)["kid"]]
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    found: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], options=options)
    return found


@pytest.mark.parametrize(
    ("order", "parties"),
    [
        ({"app": "android", "server": "web"}, ("web", "android")),
        ({"app": "ios"}, ("ios", "ios")),
        ({"app": "web"}, ("web", "web")),
        ({"app": "other-phone", "server": "other"}, ("other", "other-phone")),
    ],
)
async def test_a_token_is_for_the_app_or_its_server(
    upstream: Upstream, order: dict[str, str], parties: tuple[str, str]
) -> None:
    claims = await claims_of(upstream, nonce="n-1", issued_ago=60, **order)
    assert (claims["aud"], claims["azp"]) == parties
    assert (claims["sub"], claims["email"], claims["nonce"]) == (ADA.ids[upstream.emulator.type], ADA.email, "n-1")
    assert (claims["iat"], claims["exp"]) == (NOW - 60, NOW + 3540)


async def test_without_a_nonce_there_is_none_and_who_has_no_address_is_told_without(upstream: Upstream) -> None:
    claims = await claims_of(upstream, app="ios", person="boris")
    assert not {"nonce", "email"} & claims.keys()


@pytest.mark.parametrize(
    "order",
    [
        {"app": "nobody"},
        {"app": "android", "server": "other"},
        {"app": "ios", "person": "nobody"},
        {"app": "ios", "issued_ago": -1},
        {"app": "ios", "more": "x"},
        {},
    ],
    ids=str,
)
async def test_an_order_that_makes_no_sense_is_refused(upstream: Upstream, order: dict[str, Any]) -> None:
    assert (await upstream.order("kit", **order)).status_code == 400
