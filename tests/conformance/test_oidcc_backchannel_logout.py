"""Plan oidcc-backchannel-rp-initiated-logout. Each test is the module of its name."""

from __future__ import annotations

import asyncio

import pytest
from joserfc import jwt

from tests.conformance.hearing_app import HearingApp
from tests.conformance.leaving_party import STATE, LeavingParty
from tests.conformance.openid_provider import Operator
from tests.conformance.relying_party import RelyingParty

pytestmark = pytest.mark.anyio


async def test_backchannel_logout_discovery_endpoint_verification(op: Operator) -> None:
    """The document says that logout tokens are sent, and that they name the session."""
    assert op.metadata["backchannel_logout_supported"] is True
    assert op.metadata["backchannel_logout_session_supported"] is True


async def test_backchannel_rp_initiated_logout(rp: RelyingParty, hearing_app: HearingApp) -> None:
    """The app gets a logout token about its session, by the rules of section 2.4, and the session is gone."""
    app = await LeavingParty.enter(rp.other("hearing"))
    asked_at = rp.op.clock()
    page = await app.leave(id_token_hint=app.hint, post_logout_redirect_uri=app.bye, state=STATE)
    app.check_back(page, state=STATE)
    form = await asyncio.to_thread(hearing_app.heard.get, timeout=20)
    assert form.keys() == {"logout_token"}
    token = jwt.decode(form["logout_token"], await rp.op.keys(), algorithms=["RS256"])
    assert token.header["typ"] == "logout+jwt"
    claims = token.claims
    assert (claims["iss"], claims["aud"]) == (rp.op.issuer, "hearing")
    assert (claims["sub"], claims["sid"]) == (app.login.claims["sub"], app.login.claims["sid"])
    assert claims["events"] == {"http://schemas.openid.net/event/backchannel-logout": {}}
    assert asked_at - 1 <= claims["iat"] <= rp.op.clock()
    assert 0 < claims["exp"] - claims["iat"] <= 120
    assert claims["jti"]
    assert "nonce" not in claims
    await app.check_gone()
