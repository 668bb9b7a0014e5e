"""Threats M: apps on a person's device, whose scheme another app may claim and whose package anybody may read."""

from __future__ import annotations

import pytest

from broker.demo.visitor import Visitor
from tests.threats.journeys import authorize_url, back, code_for, http, redeem, request_for, tokens_for
from tests.threats.settings import NATIVE
from tests.threats.site import Site

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    "uri", ["com.evil.native:/cb", "com.example.native:/cb/", "COM.example.native:/cb", "com.example.native://cb", ""]
)
async def test_m3_a_native_app_is_answered_at_its_registered_address_and_no_other(site: Site, uri: str) -> None:
    async with http(site) as client:
        answer = await client.get("/authorize", params=request_for(site, "native", redirect_uri=uri))
    assert (answer.status_code, "location" in answer.headers) == (400, False)


@pytest.mark.parametrize("client_id", ["native", "packaged"])
async def test_m4_m6_whoever_took_the_answer_of_a_native_app_lacks_its_verifier(
    site: Site, visitor: Visitor, client_id: str
) -> None:
    """With a secret in its package as without: `packaged` has one, which the thief read there."""
    async with http(site) as client:
        for verifier in (None, "w" * 64):
            code = await code_for(site, visitor, client_id, idp_hint="google", prompt="login")
            answer = await redeem(site, client, code, client_id, code_verifier=verifier)
            assert answer.json()["error"] in {"invalid_grant", "invalid_request"}
        for nonce in ({}, {"nonce": None}):
            bare = {"code_challenge": None, "code_challenge_method": None, **nonce}
            refused = await visitor.get(authorize_url(site, client_id, **bare))
            assert refused.url.startswith(NATIVE)
            assert back(refused)["error"] == "invalid_request", "a nonce is compared by nobody but the app"


async def test_m6_a_secret_in_a_package_makes_no_app_trusted(site: Site, visitor: Visitor) -> None:
    await tokens_for(site, visitor=visitor)
    silent = await visitor.get(authorize_url(site, "packaged", prompt="none"))
    assert back(silent)["error"] == "interaction_required"
    assert (await visitor.get(authorize_url(site, "packaged"))).has("allow")
