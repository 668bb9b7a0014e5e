"""Threats F15 and F26 at a running broker: tokens that are worth nothing without a key (RFC 9449)."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from broker.core.jose.compact import b64url
from broker.core.terms import Algorithm
from broker.demo.visitor import Visitor
from tests.core.own_tokens import pair_of
from tests.core.prover import Prover, claims_for
from tests.threats.journeys import VERIFIER, ask_token, authorize_url, code_for, http, introspect, revoke, walk
from tests.threats.site import Site, running_site

pytestmark = pytest.mark.anyio
KEY, THIEF = Prover(pair=pair_of(Algorithm.ES256)), Prover(pair=pair_of(Algorithm.EDDSA))


@pytest.fixture(scope="module")
def strict(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site that requires nonces, with a client that takes no token without a key."""

    def change(config: dict[str, Any]) -> None:
        config["tokens"] = {"dpop_nonce": "required"}
        config["clients"]["app"]["dpop_bound_access_tokens"] = True

    with running_site(tmp_path_factory.mktemp("strict"), change) as site:
        yield site


def proof(site: Site, key: Prover = KEY, **claims: Any) -> str:
    """For the token endpoint."""
    return key.prove("POST", f"{site.issuer}/token", at=int(time.time()), **claims)


async def redeem(
    site: Site, client: httpx2.AsyncClient, code: str, client_id: str = "app", shown: str = ""
) -> httpx2.Response:
    """A code, with a proof or without."""
    form = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    return await ask_token(site, client, client_id, shown, redirect_uri=site.redirect_uri(client_id), **form)


async def refresh(
    site: Site, client: httpx2.AsyncClient, token: str, client_id: str, shown: str = ""
) -> httpx2.Response:
    """A refresh, with a proof or without."""
    return await ask_token(site, client, client_id, shown, grant_type="refresh_token", refresh_token=token)


async def use(
    site: Site, client: httpx2.AsyncClient, token: str, scheme: str = "DPoP", shown: str | None = None
) -> httpx2.Response:
    """The token at userinfo, with a good proof unless another one is given."""
    good = KEY.prove("GET", f"{site.issuer}/userinfo", at=int(time.time()), token=token)
    headers = {"Authorization": f"{scheme} {token}", "DPoP": good if shown is None else shown}
    return await client.get("/userinfo", headers={name: value for name, value in headers.items() if value})


def refused(answer: httpx2.Response, error: str, status: int = 400) -> bool:
    """Whether this is exactly this error, in JSON nobody caches."""
    assert answer.headers["cache-control"] == "no-store"
    return (answer.status_code, answer.json()["error"]) == (status, error)


async def bound(site: Site, visitor: Visitor, client: httpx2.AsyncClient, client_id: str = "app") -> dict[str, Any]:
    """What a login gives to somebody with a key."""
    answer = await redeem(site, client, await code_for(site, visitor, client_id), client_id, proof(site))
    assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP"), answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("client_id", ["app", "spa"])
async def test_f15_a_stolen_token_opens_nothing_without_its_key(site: Site, visitor: Visitor, client_id: str) -> None:
    async with http(site) as client:
        token = (await bound(site, visitor, client, client_id))["access_token"]
        stolen = THIEF.prove("GET", f"{site.issuer}/userinfo", at=int(time.time()), token=token)
        assert refused(await use(site, client, token, "Bearer"), "invalid_token", 401)
        assert refused(await use(site, client, token, "Bearer", ""), "invalid_token", 401)
        assert refused(await use(site, client, token, "DPoP", ""), "invalid_dpop_proof", 401)
        assert refused(await use(site, client, token, "DPoP", stolen), "invalid_token", 401)
        posted = await client.post("/userinfo", data={"access_token": token})
        assert refused(posted, "invalid_token", 401)
        good = await use(site, client, token)
        assert (good.status_code, good.json()["sub"] != "") == (200, True)


async def test_f15_of_fifty_uses_of_one_proof_at_once_one_succeeds(site: Site, visitor: Visitor) -> None:
    async with http(site) as client:
        token = (await bound(site, visitor, client))["access_token"]
        once = KEY.prove("GET", f"{site.issuer}/userinfo", at=int(time.time()), token=token)
        answers = await asyncio.gather(*(use(site, client, token, "DPoP", once) for _ in range(50)))
        good = [answer for answer in answers if answer.status_code == 200]
        assert len(good) == 1
        assert all(refused(answer, "invalid_dpop_proof", 401) for answer in answers if answer not in good)


async def test_f15_a_restart_forgets_no_proof(site: Site, visitor: Visitor) -> None:
    async with http(site) as client:
        code, once = await code_for(site, visitor), proof(site)
        assert (await redeem(site, client, code, shown=once)).status_code == 200
    site.stop()
    site.start()
    async with http(site) as client:
        assert refused(await redeem(site, client, await code_for(site), shown=once), "invalid_dpop_proof")


async def test_f15_a_proof_that_shows_its_private_key_is_refused(site: Site, visitor: Visitor) -> None:
    private = KEY.pair.private
    assert isinstance(private, ec.EllipticCurvePrivateKey)
    secret = b64url(private.private_numbers().private_value.to_bytes(32, "big"))
    claims = claims_for("POST", f"{site.issuer}/token", at=int(time.time()))
    shown = KEY.sign(claims, {"jwk": KEY.jwk | {"d": secret}})
    async with http(site) as client:
        code = await code_for(site, visitor)
        assert refused(await redeem(site, client, code, shown=shown), "invalid_dpop_proof")
        assert (await redeem(site, client, code, shown=proof(site))).status_code == 200, "nothing was spent"
    assert secret.encode() not in site.log_bytes()


async def test_f15_an_old_proof_is_refused_and_a_nonce_makes_up_for_a_wrong_clock(site: Site, visitor: Visitor) -> None:
    async with http(site) as client:
        code = await code_for(site, visitor)
        old = int(time.time()) - 3600
        answer = await redeem(site, client, code, shown=proof(site, iat=old))
        assert refused(answer, "invalid_dpop_proof")
        nonce = answer.headers["dpop-nonce"]
        assert (await redeem(site, client, code, shown=proof(site, iat=old, nonce=nonce))).status_code == 200


async def test_f15_f3_a_stolen_code_is_dead_in_the_hands_of_another_key(site: Site, visitor: Visitor) -> None:
    async with http(site) as client:
        for shown in ("", proof(site, THIEF)):
            code = await code_for(site, visitor, "spa", dpop_jkt=KEY.jkt)
            assert refused(await redeem(site, client, code, "spa", shown), "invalid_grant")
            assert refused(await redeem(site, client, code, "spa", proof(site)), "invalid_grant")


async def test_a25_f15_another_way_binds_the_code_to_the_same_key(site: Site, visitor: Visitor) -> None:
    await visitor.get(authorize_url(site, "spa", idp_hint="google", dpop_jkt=KEY.jkt))
    await visitor.click("cancel")
    page = await visitor.click("other-way")
    page = await walk(await visitor.click("provider-google") if page.has("provider-google") else page, visitor)
    async with http(site) as client:
        assert refused(await redeem(site, client, page.params["code"], "spa", proof(site, THIEF)), "invalid_grant")


async def test_f15_f26_a_stolen_refresh_token_is_of_no_use_and_nothing_is_lost(site: Site, visitor: Visitor) -> None:
    async with http(site) as client:
        token = (await bound(site, visitor, client, "spa"))["refresh_token"]
        assert refused(await refresh(site, client, token, "spa"), "invalid_dpop_proof")
        assert refused(await refresh(site, client, token, "spa", proof(site, THIEF)), "invalid_grant")
        answer = await refresh(site, client, token, "spa", proof(site))
        assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP")
        assert (await use(site, client, answer.json()["access_token"])).status_code == 200


async def test_f15_introspection_names_the_key_and_revocation_needs_none(site: Site, visitor: Visitor) -> None:
    async with http(site) as client:
        token = (await bound(site, visitor, client))["access_token"]
        said = await introspect(site, client, token)
        assert (said["token_type"], said["cnf"]) == ("DPoP", {"jkt": KEY.jkt})
        await revoke(site, client, token)
        assert refused(await use(site, client, token), "invalid_token", 401)


async def test_f26_a_client_for_bound_tokens_gets_no_other_and_nonces_are_insisted_on(strict: Site) -> None:
    async with http(strict) as client:
        code = await code_for(strict)
        assert refused(await redeem(strict, client, code), "invalid_dpop_proof")
        asked = await redeem(strict, client, code, shown=proof(strict))
        assert refused(asked, "use_dpop_nonce")
        nonce = asked.headers["dpop-nonce"]
        answer = await redeem(strict, client, code, shown=proof(strict, nonce=nonce))
        assert (answer.status_code, answer.json()["token_type"]) == (200, "DPoP")
        token = answer.json()["access_token"]
        again = await use(strict, client, token)
        assert refused(again, "use_dpop_nonce", 401)
        url, nonce = f"{strict.issuer}/userinfo", again.headers["dpop-nonce"]
        shown = KEY.prove("GET", url, at=int(time.time()), token=token, nonce=nonce)
        assert (await use(strict, client, token, "DPoP", shown)).status_code == 200
