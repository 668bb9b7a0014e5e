"""Plan oidcc-frontchannel-rp-initiated-logout. Each test is the module of its name."""

from __future__ import annotations

import re
from html import unescape
from urllib.parse import parse_qsl, urlsplit

import pytest

from tests.conformance.leaving_party import STATE, LeavingParty
from tests.conformance.openid_provider import HOME, Operator
from tests.conformance.relying_party import RelyingParty

pytestmark = pytest.mark.anyio


async def test_frontchannel_logout_discovery_endpoint_verification(op: Operator) -> None:
    """The document says that frames of apps are loaded, and that they are told of the session."""
    assert op.metadata["frontchannel_logout_supported"] is True
    assert op.metadata["frontchannel_logout_session_supported"] is True


async def test_frontchannel_rp_initiated_logout(rp: RelyingParty) -> None:
    """The app's frame is loaded with issuer and session; then the browser is back at the app with its state."""
    app = await LeavingParty.enter(rp.other("framed"))
    page = await app.leave(id_token_hint=app.hint, post_logout_redirect_uri=app.bye, state=STATE)
    shown = app.rp.browser.pages[-1]
    (frame,) = map(unescape, re.findall(r'<iframe src="([^"]+)"', shown.text))
    assert frame.startswith(f"{HOME}framed/out?")
    assert dict(parse_qsl(urlsplit(frame).query)) == {"iss": rp.op.issuer, "sid": app.login.claims["sid"]}
    assert f"frame-src {HOME.rstrip('/')}" in shown.headers["Content-Security-Policy"].split("; ")
    app.check_back(page, state=STATE)
    await app.check_gone()
