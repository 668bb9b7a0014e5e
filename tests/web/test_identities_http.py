"""`/identities` as apps meet it: statuses, challenges, proofs of keys, calls from pages, counting."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from broker.core.people.identity import Link
from broker.core.terms import Algorithm
from tests.core.own_tokens import pair_of
from tests.core.prover import Prover
from tests.services.bare_broker import NOW, VERIFIER
from tests.web.public_app import CONFIG, ISSUER, REDIRECT, PublicApp, answer_of, public_app

pytestmark = pytest.mark.anyio
KEY = Prover(pair=pair_of(Algorithm.ES256))
SPA = "https://spa.test"
SECRET = "8Nb2VxQ4rT6yLpWz0Kc3HdJf5SgMa7Ue"
EVERYTHING = "openid profile identities identities.manage"
WITH_APPS = f"""{CONFIG.rstrip()}
    scopes: [{EVERYTHING.replace(" ", ", ")}]
  bot:
    name: Bot
    redirect_uris: ["https://bot.test/cb"]
    secret: {SECRET}
    id_token_alg: ES256
    lookup_identities: true
  shop:
    name: Shop
    redirect_uris: ["https://shop.test/cb"]
    secret: {SECRET}
    id_token_alg: ES256
limits:
  identity_lookup: 3/min
"""


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app(WITH_APPS) as app:
        yield app


async def token_of(site: PublicApp, *proofs: str) -> str:
    """The access token of a login by alpha, bound to a key where proofs are shown."""
    assert (await site.authorize(idp_hint="alpha", prompt="login", scope=EVERYTHING)).status_code == 303
    code = answer_of(await site.browser.get(site.callback()))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "client_id": "app"}
    headers = [("DPoP", proof) for proof in proofs]
    answer = await site.browser.post("/token", data=form | {"code_verifier": VERIFIER}, headers=headers)
    return str(answer.json()["access_token"])


async def add_beta(site: PublicApp) -> Link:
    """Another way into the account of whoever logged in by alpha."""
    person = await site.durable.people.person("alpha", "x1")
    link = Link("beta", "y1", "beta", {"name": "Bee"}, {}, NOW)
    await site.durable.people.link(person.account.sub, link, began_at=NOW + 1, now=NOW)
    return link


def bearer(token: str, **more: str) -> dict[str, str]:
    """Headers with this token."""
    return {"authorization": f"Bearer {token}"} | more


async def look_up(site: PublicApp, client_id: str = "bot", secret: str = SECRET, **form: str) -> httpx2.Response:
    """A question of this client."""
    pair = b64encode(f"{client_id}:{secret}".encode()).decode()
    sent = form or {"provider": "alpha", "subject": "x1"}
    return await site.browser.post("/identities/lookup", data=sent, headers={"authorization": f"Basic {pair}"})


async def test_a_list_of_resources_in_the_language_of_the_request(site: PublicApp) -> None:
    token = await token_of(site)
    link = await add_beta(site)
    for language, title in (("en", "Upstream"), ("ru", "Служба")):
        answer = await site.browser.get("/identities", headers=bearer(token, **{"accept-language": language}))
        assert (answer.status_code, answer.headers["cache-control"]) == (200, "no-store")
        first, second = answer.json()["identities"]
        assert (first["current"], second["id"]) == (True, link.handle)
        assert second["title"] == title


async def test_a_way_in_is_gone_after_204_and_then_it_is_404(site: PublicApp) -> None:
    token, link = await token_of(site), await add_beta(site)
    gone = await site.browser.delete(f"/identities/{link.handle}", headers=bearer(token))
    assert (gone.status_code, gone.content) == (204, b"")
    again = await site.browser.delete(f"/identities/{link.handle}", headers=bearer(token))
    assert (again.status_code, again.json()["error"]) == (404, "not_found")


async def test_d16_the_last_way_in_is_a_conflict(site: PublicApp) -> None:
    token = await token_of(site)
    (only,) = (await site.browser.get("/identities", headers=bearer(token))).json()["identities"]
    answer = await site.browser.delete(f"/identities/{only['id']}", headers=bearer(token))
    assert (answer.status_code, answer.json()["error"]) == (409, "last_identity")


async def test_an_old_login_is_asked_for_a_new_one_by_max_age(site: PublicApp) -> None:
    token, link = await token_of(site), await add_beta(site)
    site.clock.now += 301
    answer = await site.browser.delete(f"/identities/{link.handle}", headers=bearer(token))
    assert (answer.status_code, answer.json()["error"]) == (401, "insufficient_user_authentication")
    assert answer.json()["max_age"] == 300
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith(f'Bearer realm="{ISSUER}", error="insufficient_user_authentication"')
    assert 'max_age="300"' in challenge


async def test_without_a_token_there_is_a_challenge_and_in_the_address_none_is_read(site: PublicApp) -> None:
    token = await token_of(site)
    for method in ("GET", "DELETE"):
        path = "/identities" if method == "GET" else "/identities/x"
        answer = await site.browser.request(method, path)
        assert (answer.status_code, answer.headers["www-authenticate"][:6]) == (401, "Bearer")
        answer = await site.browser.request(method, f"{path}?access_token={token}")
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_request")


async def test_f15_a_proof_is_for_the_resource_it_is_sent_to(site: PublicApp) -> None:
    token = await token_of(site, KEY.prove("POST", f"{ISSUER}/token", at=site.clock.now))
    link = await add_beta(site)
    there = f"/identities/{link.handle}"

    async def remove(url: str, method: str = "DELETE") -> httpx2.Response:
        proof = KEY.prove(method, f"{ISSUER}{url}", at=site.clock.now, token=token)
        return await site.browser.delete(there, headers={"authorization": f"DPoP {token}", "dpop": proof})

    assert (await site.browser.delete(there, headers=bearer(token))).json()["error"] == "invalid_token"
    for wrong in (await remove("/identities"), await remove("/userinfo"), await remove(there, "GET")):
        assert (wrong.status_code, wrong.json()["error"]) == (401, "invalid_dpop_proof")
    assert (await remove(there)).status_code == 204


async def test_f23_pages_of_registered_origins_may_call_the_resources_and_not_the_look_up(site: PublicApp) -> None:
    asked = {
        "Origin": SPA,
        "Access-Control-Request-Method": "DELETE",
        "Access-Control-Request-Headers": "authorization",
    }
    allowed = await site.browser.options("/identities/abc", headers=asked)
    assert (allowed.status_code, allowed.headers["access-control-allow-methods"]) == (204, "DELETE")
    assert (await site.browser.options("/identities", headers=asked)).headers["access-control-allow-methods"] == "GET"
    assert (
        await site.browser.options("/identities", headers=asked | {"Origin": "https://evil.test"})
    ).status_code == 403
    refused = await site.browser.get("/identities", headers={"Origin": SPA})
    assert refused.headers["access-control-allow-origin"] == SPA
    assert (await site.browser.options("/identities/lookup", headers=asked)).status_code == 405
    answer = await site.browser.post("/identities/lookup", headers={"Origin": SPA})
    assert "access-control-allow-origin" not in answer.headers


async def test_a_look_up_answers_the_client_that_may_ask(site: PublicApp) -> None:
    await token_of(site)
    person = await site.durable.people.person("alpha", "x1")
    hit, miss = await look_up(site), await look_up(site, provider="alpha", subject="x2")
    assert (hit.status_code, hit.json()) == (200, {"sub": person.account.sub})
    assert (miss.status_code, miss.json()["error"]) == (404, "not_found")


async def test_d18_who_may_not_ask_sees_no_difference_between_somebody_and_nobody(site: PublicApp) -> None:
    await token_of(site)
    for client_id, secret, status in (("shop", SECRET, 400), ("bot", SECRET[::-1], 401), ("app", "", 401)):
        answers = [await look_up(site, client_id, secret, provider="alpha", subject=who) for who in ("x1", "x2")]
        assert [answer.status_code for answer in answers] == [status, status], client_id
        assert answers[0].content == answers[1].content
        assert without_id(answers[0]) == without_id(answers[1])


def without_id(answer: httpx2.Response) -> dict[str, Any]:
    """Its headers, but for the number of the request."""
    return {name: value for name, value in answer.headers.items() if name != "x-request-id"}


async def test_look_ups_are_counted_per_client(site: PublicApp) -> None:
    for _ in range(3):
        assert (await look_up(site, provider="alpha", subject="x9")).status_code == 404
    answer = await look_up(site, provider="alpha", subject="x9")
    assert (answer.status_code, answer.json()["error"]) == (429, "slow_down")
    assert int(answer.headers["retry-after"]) > 0
    assert (await look_up(site, "shop")).status_code == 400, "another client has a count of its own"


async def test_h4_a_look_up_is_a_form(site: PublicApp) -> None:
    answer = await site.browser.post("/identities/lookup", json={"provider": "alpha", "subject": "x1"})
    assert answer.status_code == 415


async def test_a_store_that_is_away_is_503_and_nothing_is_taken_away(site: PublicApp) -> None:
    token, link = await token_of(site), await add_beta(site)
    site.durable.fails = {"people.unlink"}
    answer = await site.browser.delete(f"/identities/{link.handle}", headers=bearer(token))
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")
    site.durable.fails = {"people.person"}
    assert (await look_up(site)).status_code == 503
    site.durable.fails = set()
    assert (await site.browser.delete(f"/identities/{link.handle}", headers=bearer(token))).status_code == 204
