"""DPoP as it looks from outside: headers, challenges, nonces, and calls from browsers (RFC 9449)."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import httpx2
import pytest

from broker.core.terms import Algorithm
from broker.core.tokens.dpop import ALGORITHMS
from tests.core.own_tokens import pair_of
from tests.core.prover import Prover
from tests.services.bare_broker import CHALLENGE, VERIFIER
from tests.web.public_app import ISSUER, REDIRECT, PublicApp, answer_of, public_app

pytestmark = pytest.mark.anyio
KEY = Prover(pair=pair_of(Algorithm.ES256))
TOKEN, USERINFO = f"{ISSUER}/token", f"{ISSUER}/userinfo"
DPOP, BEARER = f'DPoP realm="{ISSUER}", algs="{" ".join(ALGORITHMS)}"', f'Bearer realm="{ISSUER}"'
SPA = "https://spa.test"


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app() as app:
        yield app


async def redeem(site: PublicApp, *proofs: str, **changed: str) -> httpx2.Response:
    """A login, and the token request for it with these DPoP headers."""
    answer = await site.authorize(idp_hint="alpha", prompt="login", **changed)
    assert answer.status_code == 303, answer.text
    code = answer_of(await site.browser.get(site.callback()))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "client_id": "app"}
    headers = [("DPoP", proof) for proof in proofs]
    return await site.browser.post("/token", data=form | {"code_verifier": VERIFIER}, headers=headers)


def proof(site: PublicApp, **claims: Any) -> str:
    """For the token endpoint."""
    return KEY.prove("POST", TOKEN, at=site.clock.now, **claims)


async def bound_token(site: PublicApp) -> str:
    """An access token of our key."""
    answer = await redeem(site, proof(site))
    assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP"), answer.text
    return str(answer.json()["access_token"])


def use(site: PublicApp, token: str, *, method: str = "GET", **claims: Any) -> str:
    """A proof for userinfo."""
    return KEY.prove(method, USERINFO, at=site.clock.now, token=token, **claims)


async def show(site: PublicApp, scheme: str, token: str, *proofs: str) -> httpx2.Response:
    """The token at userinfo."""
    headers = [("Authorization", f"{scheme} {token}"), *(("DPoP", proof) for proof in proofs)]
    return await site.browser.get("/userinfo", headers=headers)


@pytest.mark.parametrize("scheme", ["DPoP", "dpop", "DPOP"])
async def test_a_bound_token_opens_userinfo_by_its_scheme_in_any_case(site: PublicApp, scheme: str) -> None:
    token = await bound_token(site)
    answer = await show(site, scheme, token, use(site, token))
    assert (answer.status_code, set(answer.json())) == (200, {"sub"})
    assert answer.headers["dpop-nonce"]


async def test_a_bound_token_is_shown_by_post_too_with_the_token_in_the_header(site: PublicApp) -> None:
    token = await bound_token(site)
    headers = {"Authorization": f"DPoP {token}", "DPoP": use(site, token, method="POST")}
    assert (await site.browser.post("/userinfo", headers=headers)).status_code == 200


async def test_f15_a_bound_token_in_a_form_is_refused(site: PublicApp) -> None:
    token = await bound_token(site)
    headers = {"DPoP": use(site, token, method="POST")}
    answer = await site.browser.post("/userinfo", data={"access_token": token}, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")


async def test_f15_a_bound_token_is_no_bearer_token(site: PublicApp) -> None:
    token = await bound_token(site)
    for proofs in ((), (use(site, token),)):
        answer = await show(site, "Bearer", token, *proofs)
        assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
        challenge = answer.headers["www-authenticate"]
        assert challenge.startswith(f'{BEARER}, error="invalid_token"')
        assert challenge.endswith(DPOP)


async def test_f15_an_unbound_token_is_refused_by_the_scheme_of_bound_ones(site: PublicApp) -> None:
    token = (await redeem(site)).json()["access_token"]
    answer = await show(site, "DPoP", token, use(site, token))
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_token")
    challenge = answer.headers["www-authenticate"]
    assert challenge.startswith(f'{DPOP}, error="invalid_token"')
    assert challenge.endswith(BEARER)


@pytest.mark.parametrize("flaw", ["none", "twice", "empty", "replayed", "another method", "no ath"])
async def test_f15_a_resource_says_in_its_challenge_what_is_wrong_with_a_proof(site: PublicApp, flaw: str) -> None:
    token = await bound_token(site)
    good = use(site, token)
    proofs = {
        "none": (),
        "twice": (good, use(site, token)),
        "empty": ("",),
        "replayed": (good,),
        "another method": (use(site, token, method="POST"),),
        "no ath": (use(site, token, ath=...),),
    }[flaw]
    if flaw == "replayed":
        assert (await show(site, "DPoP", token, good)).status_code == 200
    answer = await show(site, "DPoP", token, *proofs)
    assert (answer.status_code, answer.json()["error"]) == (401, "invalid_dpop_proof")
    assert answer.headers["www-authenticate"].startswith(f'{DPOP}, error="invalid_dpop_proof"')


async def test_without_a_token_both_schemes_are_offered_and_no_error_is_named(site: PublicApp) -> None:
    answer = await site.browser.get("/userinfo")
    assert (answer.status_code, answer.headers["www-authenticate"]) == (401, f"{BEARER}, {DPOP}")
    assert "dpop-nonce" not in answer.headers


@pytest.mark.parametrize("flaw", ["twice", "empty", "not a proof"])
async def test_f15_the_token_endpoint_wants_one_header_with_one_proof(site: PublicApp, flaw: str) -> None:
    proofs = {"twice": (proof(site), proof(site)), "empty": ("",), "not a proof": ("x",)}[flaw]
    answer = await redeem(site, *proofs)
    assert (answer.status_code, answer.json()["error"]) == (400, "invalid_dpop_proof")
    assert answer.headers["dpop-nonce"]
    assert "www-authenticate" not in answer.headers


async def test_a_nonce_comes_with_every_answer_to_a_proof_and_is_good_for_the_next(site: PublicApp) -> None:
    nonce = (await redeem(site, proof(site))).headers["dpop-nonce"]
    assert (await redeem(site, proof(site, nonce=nonce))).status_code == 200
    assert "dpop-nonce" not in (await redeem(site)).headers


async def test_f15_where_a_nonce_is_wrong_the_answer_brings_one_that_is_not(site: PublicApp) -> None:
    answer = await redeem(site, proof(site, nonce="mine"))
    assert (answer.status_code, answer.json()["error"]) == (400, "use_dpop_nonce")
    good = answer.headers["dpop-nonce"]
    token = (await redeem(site, proof(site, nonce=good))).json()["access_token"]
    refused = await show(site, "DPoP", token, use(site, token, nonce="mine"))
    assert (refused.status_code, refused.json()["error"]) == (401, "use_dpop_nonce")
    assert refused.headers["www-authenticate"].startswith(f'{DPOP}, error="use_dpop_nonce"')
    assert (await show(site, "DPoP", token, use(site, token, nonce=refused.headers["dpop-nonce"]))).status_code == 200


async def test_f15_a_code_asked_for_with_a_key_needs_it(site: PublicApp) -> None:
    assert (await redeem(site, proof(site), dpop_jkt=KEY.jkt)).json()["token_type"] == "DPoP"
    for proofs in ((), (Prover().prove("POST", TOKEN, at=site.clock.now),)):
        answer = await redeem(site, *proofs, dpop_jkt=KEY.jkt)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_f15_a_proof_that_cannot_be_remembered_is_not_accepted(site: PublicApp) -> None:
    token = await bound_token(site)
    site.transient.down = True
    answer = await show(site, "DPoP", token, use(site, token))
    assert (answer.status_code, answer.json()["error"]) == (503, "temporarily_unavailable")


async def test_k21_a_proof_beside_what_is_worth_nothing_is_not_stored(site: PublicApp) -> None:
    site.transient.fails = {"put proof"}
    form = {"client_id": "app", "redirect_uri": REDIRECT, "code_verifier": VERIFIER}
    for brought in (
        {"grant_type": "authorization_code", "code": "made up"},
        {"grant_type": "refresh_token", "refresh_token": "made up"},
    ):
        headers = {"DPoP": proof(site)}
        answer = await site.browser.post("/token", data=form | brought, headers=headers)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    refused = await redeem(site, Prover().prove("POST", TOKEN, at=site.clock.now), dpop_jkt=KEY.jkt)
    assert (refused.status_code, refused.json()["error"]) == (400, "invalid_grant"), "a code that this key may not have"
    site.transient.fails = set()
    token = await bound_token(site)
    site.transient.fails = {"put proof"}
    stranger = Prover().prove("GET", USERINFO, at=site.clock.now, token=token)
    assert (await show(site, "DPoP", token, stranger)).status_code == 401


async def test_k21_f15_a_proof_is_used_before_what_it_is_for_is_spent(site: PublicApp) -> None:
    await site.authorize(idp_hint="alpha")
    code = answer_of(await site.browser.get(site.callback()))["code"]
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": REDIRECT, "client_id": "app"}
    site.transient.fails = {"put proof"}
    away = await site.browser.post("/token", data=form | {"code_verifier": VERIFIER}, headers={"DPoP": proof(site)})
    assert away.status_code == 503
    site.transient.fails = set()
    again = await site.browser.post("/token", data=form | {"code_verifier": VERIFIER}, headers={"DPoP": proof(site)})
    assert (again.status_code, again.json()["token_type"]) == (200, "DPoP")


async def test_f15_a_code_of_a_pushed_request_needs_the_key_it_was_pushed_with(site: PublicApp) -> None:
    form = {"client_id": "app", "redirect_uri": REDIRECT, "response_type": "code", "scope": "openid"}
    form |= {"code_challenge": CHALLENGE, "code_challenge_method": "S256"}
    for key, status in ((KEY, 200), (Prover(), 400)):
        shown = {"DPoP": KEY.prove("POST", f"{ISSUER}/par", at=site.clock.now)}
        pushed = await site.browser.post("/par", data=form, headers=shown)
        assert (pushed.status_code, "dpop-nonce" in pushed.headers) == (201, True), pushed.text
        named = {"client_id": "app", "request_uri": pushed.json()["request_uri"], "idp_hint": "alpha"}
        answer = await site.browser.get("/authorize", params=named)
        if not answer.headers["location"].startswith(REDIRECT):
            answer = await site.browser.get(site.callback())
        redeemed = await site.browser.post(
            "/token",
            data={
                "grant_type": "authorization_code",
                "code": answer_of(answer)["code"],
                "redirect_uri": REDIRECT,
                "client_id": "app",
                "code_verifier": VERIFIER,
            },
            headers={"DPoP": key.prove("POST", TOKEN, at=site.clock.now)},
        )
        assert redeemed.status_code == status, redeemed.text


async def test_only_where_bound_tokens_are_taken_the_scheme_is_offered(site: PublicApp) -> None:
    answer = await site.browser.get("/register/nobody", headers={"Authorization": "DPoP x"})
    assert (answer.status_code, answer.headers["www-authenticate"].startswith(BEARER)) == (401, True)
    assert "DPoP" not in answer.headers["www-authenticate"]


async def test_apps_in_browsers_may_send_proofs_and_read_nonces(site: PublicApp) -> None:
    asked = {
        "Origin": SPA,
        "Access-Control-Request-Method": "POST",
        "Access-Control-Request-Headers": "dpop,authorization",
    }
    allowed = await site.browser.options("/token", headers=asked)
    assert "dpop" in allowed.headers["access-control-allow-headers"].split(", ")
    answer = await site.browser.get("/userinfo", headers={"Origin": SPA})
    assert answer.headers["access-control-expose-headers"] == "DPoP-Nonce, WWW-Authenticate"
    strange = await site.browser.get("/userinfo", headers={"Origin": "https://evil.test"})
    assert "access-control-expose-headers" not in strange.headers
