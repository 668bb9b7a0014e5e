"""How apps show the emulated OpenID Provider that it is them, and what they may push to it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from broker.demo.upstreams import Oidc, RegisteredApp
from broker.demo.upstreams.oidc_clients import public_half
from tests.demo.emulated import CALLBACK, Upstream, emulated
from tests.demo.test_emulated_oidc import ISSUER, REQUEST, TOKEN
from tests.providers.test_oidc_proof import pem

pytestmark = pytest.mark.anyio
KEY, OTHER = ec.generate_private_key(ec.SECP256R1()), ec.generate_private_key(ec.SECP256R1())
SECRET = "a-secret-of-an-app-that-signs-with-it"
BY_KEY = RegisteredApp("broker", "s", (CALLBACK,), {"issuer": ISSUER, "assertion_key": public_half(pem(KEY))})
BY_SECRET = RegisteredApp("signs", SECRET, (CALLBACK,))
PAR, AUTHORIZE = "/realms/x/par", "/realms/x/authorize"


@pytest.fixture
async def op(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(Oidc, (BY_KEY, BY_SECRET))) as upstream:
        yield upstream


def assertion(op: Upstream, jti: str, /, *, key: Any = KEY, alg: str = "ES256", **changes: Any) -> dict[str, str]:
    now = op.emulator.now()
    claims = {"iss": "broker", "sub": "broker", "aud": ISSUER, "iat": now, "exp": now + 60, "jti": jti} | changes
    signed = jwt.encode(claims, key, algorithm=alg)
    return {"client_id": str(claims["sub"]), "client_assertion": signed}


async def asked(op: Upstream, proof: dict[str, str]) -> int:
    """The status of a pushed request, which is taken from nobody who does not show who it is."""
    return (await op.post(PAR, REQUEST | proof)).status_code


async def test_an_assertion_counts_once_and_only_by_the_key_of_the_app(op: Upstream) -> None:
    now = op.emulator.now()
    assert await asked(op, assertion(op, "1")) == 201
    assert await asked(op, assertion(op, "2", aud=f"{ISSUER}/token")) == 201
    assert await asked(op, assertion(op, "3", key=SECRET, alg="HS256", iss="signs", sub="signs")) == 201
    for wrong in (
        assertion(op, "1"),
        assertion(op, "4", key=OTHER),
        assertion(op, "5", aud="https://other.example"),
        assertion(op, "6", iss="somebody"),
        assertion(op, "7", exp=now),
        assertion(op, "8", exp=now + 86400),
        assertion(op, "9", key=public_half(pem(KEY))[27:60], alg="HS256"),
        {"client_id": "broker", "client_secret": "s"},
        {"client_id": "nobody", "client_secret": ""},
    ):
        assert await asked(op, wrong) == 401
    assert (await op.post(TOKEN, {"grant_type": "authorization_code", "client_id": "broker"})).status_code == 401


async def test_a_pushed_request_is_used_by_its_name_and_by_its_app_alone(op: Upstream) -> None:
    name = (await op.post(PAR, REQUEST | assertion(op, "1"))).json()["request_uri"]
    answer = await op.answer_of(AUTHORIZE, client_id="broker", request_uri=name)
    assert (answer["state"], "code" in answer) == (REQUEST["state"], True)
    for client_id, asked_for in (("signs", name), ("broker", f"{name}x"), ("broker", "https://evil.example/r")):
        page = await op.get(AUTHORIZE, client_id=client_id, request_uri=asked_for)
        assert "location" not in page.headers
    assert (await op.post(PAR, {**REQUEST, **assertion(op, "2"), "request_uri": name})).status_code == 400
