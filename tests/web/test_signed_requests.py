"""A signed request in the browser: answered like any other, once, and by links that never repeat the object."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any
from urllib.parse import urlencode

import httpx2
import pytest

from broker.core.authorize.pushed import PREFIX
from broker.core.jose.own_keys import mint_key
from broker.core.terms import Algorithm
from tests.services.bare_broker import CHALLENGE, ISSUER
from tests.services.client_app import published, signed
from tests.web.public_app import CONFIG, REDIRECT, PublicApp, answer_of, public_app

pytestmark = pytest.mark.anyio
KEY = mint_key(Algorithm.ES256)
SIGNER = f"""\
  signer:
    name: Signer
    redirect_uris: [{REDIRECT}]
    auth_method: none
    first_party: true
    id_token_alg: ES256
    require_signed_request_object: true
    jwks: {json.dumps(published(KEY))}
"""


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app(CONFIG + SIGNER) as app:
        yield app


async def come(site: PublicApp, *, outside: dict[str, str] | None = None, **inside: Any) -> httpx2.Response:
    """The browser comes with a signed request."""
    claims = {
        "iss": "signer",
        "aud": ISSUER,
        "exp": int(site.clock.now) + 300,
        "client_id": "signer",
        "redirect_uri": REDIRECT,
        "response_type": "code",
        "scope": "openid",
        "state": "inside",
        "code_challenge": CHALLENGE,
        "code_challenge_method": "S256",
    }
    sent = {"client_id": "signer", "request": signed(KEY, claims | inside)} | (outside or {})
    return await site.browser.get(f"/authorize?{urlencode(sent)}")


async def test_a_signed_request_is_answered_once(site: PublicApp) -> None:
    page = await come(site, outside={"state": "outside", "scope": "openid email"})
    assert page.status_code == 200
    assert "request=" not in page.text, "no link repeats the object"
    assert page.text.count(f"request_uri={urlencode({'': PREFIX})[1:]}") >= 2
    assert (await come(site, idp_hint="alpha")).status_code == 303
    answer = answer_of(await site.browser.get(site.callback()))
    assert (answer["state"], "code" in answer) == ("inside", True)
    for again in (await come(site, idp_hint="alpha"), await come(site, outside={"prompt": "none"}, idp_hint="alpha")):
        assert (again.status_code, "location" in again.headers) == (400, False)
        assert "invalid_request_uri" in again.text


async def test_a19_what_is_wrong_with_it_reaches_the_app_only_at_a_registered_address(site: PublicApp) -> None:
    told = await come(site, outside={"redirect_uri": REDIRECT, "state": "outside"}, aud="https://evil.test")
    answer = answer_of(told)
    assert (answer["error"], answer["state"], answer["iss"]) == ("invalid_request_object", "outside", ISSUER)
    for wrong in ({}, {"redirect_uri": "https://evil.test/"}):
        page = await come(site, outside=wrong, aud="https://evil.test")
        assert (page.status_code, "location" in page.headers) == (400, False)
        assert "invalid_request_object" in page.text
    inside = answer_of(await come(site, outside={"redirect_uri": REDIRECT, "state": "outside"}, scope="admin"))
    assert (inside["error"], inside["state"]) == ("invalid_scope", "inside")


async def test_k21_nobody_has_us_keep_more_objects_than_they_could_depart(site: PublicApp) -> None:
    answers = [await come(site, state=str(number)) for number in range(121)]
    assert [answer.status_code for answer in answers].count(200) == 120
    assert answers[-1].status_code == 429


async def test_f31_who_floods_us_with_objects_shuts_out_no_browser_that_was_here_before(site: PublicApp) -> None:
    await come(site, idp_hint="alpha")  # which makes the browser a known one
    known = httpx2.Cookies(site.browser.cookies)
    site.browser.cookies.clear()
    flood = [await come(site, state=str(number)) for number in range(121)]
    assert flood[-1].status_code == 429
    site.browser.cookies = known
    assert (await come(site, state="mine")).status_code == 200


async def test_a_post_goes_on_by_the_name(site: PublicApp) -> None:
    object_ = (await come(site)).request.url.params["request"]
    page = await site.browser.post("/authorize", data={"client_id": "signer", "request": object_})
    assert page.status_code == 303
    assert "request=" not in page.headers["location"]
    assert (await site.browser.get(page.headers["location"])).status_code == 200


async def test_an_unsigned_request_of_an_app_that_must_sign_is_told_so(site: PublicApp) -> None:
    answer = answer_of(await site.authorize(client_id="signer"))
    assert answer["error"] == "invalid_request"
    assert "signed" in answer["error_description"]
