"""Userinfo answers, plain or signed as the client is registered (OIDC Core 5.3.2)."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx2
import jwt
import pytest

from tests.web.public_app import CONFIG, REDIRECT, PublicApp, answer_of, public_app

pytestmark = pytest.mark.anyio
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app(CONFIG.rstrip() + "\n    userinfo_alg: ES256\n") as app:
        yield app


async def tokens_of(site: PublicApp) -> dict[str, str]:
    """The token response after a login."""
    await site.authorize(idp_hint="alpha")
    code = answer_of(await site.browser.get(site.callback()))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    answer: dict[str, str] = (await site.browser.post("/token", data=form | {"client_id": "app"})).json()
    return answer


async def userinfo(site: PublicApp, token: str) -> httpx2.Response:
    """The answer to a bearer token."""
    return await site.browser.get("/userinfo", headers={"authorization": f"Bearer {token}"})


async def test_a_signed_answer_says_who_it_is_from_and_for(site: PublicApp) -> None:
    tokens = await tokens_of(site)
    response = await userinfo(site, tokens["access_token"])
    assert response.headers["content-type"] == "application/jwt"
    assert response.headers["cache-control"] == "no-store"
    jwks = jwt.PyJWKSet.from_dict((await site.browser.get("/jwks")).json())
    header = jwt.get_unverified_header(response.text)
    said = jwt.decode(response.text, jwks[header["kid"]].key, algorithms=["ES256"], audience="app")
    sub = jwt.decode(tokens["id_token"], options={"verify_signature": False})["sub"]
    assert (said["iss"], said["sub"]) == ("https://id.test", sub)


async def test_e8_a_signed_userinfo_answer_is_no_token(site: PublicApp) -> None:
    signed = (await userinfo(site, (await tokens_of(site))["access_token"])).text
    assert (await userinfo(site, signed)).status_code == 401
    answer = answer_of(await site.authorize(id_token_hint=signed, prompt="none"))
    assert answer["error"] == "invalid_request"
