"""Plan oidcc-rp-initiated-logout. Each test is the module of its name."""

from __future__ import annotations

import orjson
import pytest

from broker.core.jose.compact import b64url
from broker.core.jose.own_keys import mint_key
from broker.core.terms import Algorithm
from tests.conformance.leaving_party import STATE, LeavingParty
from tests.conformance.openid_provider import Operator
from tests.conformance.relying_party import RelyingParty
from tests.conformance.response_checks import check_plain_url

pytestmark = pytest.mark.anyio


async def test_rp_initiated_logout_discovery_endpoint_verification(op: Operator) -> None:
    """The document names the end session endpoint."""
    check_plain_url(op.metadata["end_session_endpoint"], issuer=op.issuer)


async def test_rp_initiated_logout(rp: RelyingParty) -> None:
    """With the ID token nobody is asked; the browser is back at the app with its state, and the session is gone."""
    app = await LeavingParty.enter(rp)
    page = await app.leave(id_token_hint=app.hint, post_logout_redirect_uri=app.bye, state=STATE)
    app.check_back(page, state=STATE)
    await app.check_gone()


async def test_rp_initiated_logout_bad_post_logout_redirect_uri(rp: RelyingParty) -> None:
    """Another URI than the registered one is a page that says so, and no redirect."""
    app = await LeavingParty.enter(rp)
    page = await app.leave(id_token_hint=app.hint, post_logout_redirect_uri=f"{app.bye}/other", state=STATE)
    assert page.status == 400
    assert "post_logout_redirect_uri" in page.text_of("error")
    await app.check_still_here()


async def test_rp_initiated_logout_modified_id_token_hint(rp: RelyingParty) -> None:
    """An ID token turned into an unsigned one proves nothing: the person is asked and sent nowhere."""
    app = await LeavingParty.enter(rp)
    head = b64url(orjson.dumps({"alg": "none", "typ": "JWT"}))
    unsigned = f"{head}.{app.hint.split('.')[1]}."
    page = await app.leave(id_token_hint=unsigned, post_logout_redirect_uri=app.bye, state=STATE)
    assert "id_token_hint" in page.text_of("error")
    await app.check_asked(page)
    await app.check_gone()


async def test_rp_initiated_logout_bad_id_token_hint(rp: RelyingParty) -> None:
    """An ID token signed by another key proves nothing either."""
    app = await LeavingParty.enter(rp)
    message = app.hint.rpartition(".")[0]
    foreign = f"{message}.{b64url(mint_key(Algorithm.RS256).sign(message.encode()))}"
    page = await app.leave(id_token_hint=foreign, post_logout_redirect_uri=app.bye, state=STATE)
    assert "id_token_hint" in page.text_of("error")
    await app.check_asked(page)
    await app.check_gone()


async def test_rp_initiated_logout_no_id_token_hint(rp: RelyingParty) -> None:
    """Without an ID token the person is asked, and sent nowhere, though the app names itself and its URI."""
    app = await LeavingParty.enter(rp)
    page = await app.leave(client_id=rp.client.client_id, post_logout_redirect_uri=app.bye, state=STATE)
    assert "id_token_hint" in page.text_of("error")
    await app.check_asked(page)
    await app.check_gone()


async def test_rp_initiated_logout_no_params(rp: RelyingParty) -> None:
    """The bare endpoint asks."""
    app = await LeavingParty.enter(rp)
    await app.check_asked(await app.leave())
    await app.check_gone()


async def test_rp_initiated_logout_no_post_logout_redirect_uri(rp: RelyingParty) -> None:
    """With the ID token alone the person is logged out and told so by a page."""
    app = await LeavingParty.enter(rp)
    page = await app.leave(id_token_hint=app.hint, state=STATE)
    assert page.status == 200
    assert page.has("logged-out")
    await app.check_gone()


async def test_rp_initiated_logout_no_state(rp: RelyingParty) -> None:
    """Without a state none comes back."""
    app = await LeavingParty.enter(rp)
    app.check_back(await app.leave(id_token_hint=app.hint, post_logout_redirect_uri=app.bye), state=None)
    await app.check_gone()


async def test_rp_initiated_logout_only_state(rp: RelyingParty) -> None:
    """A state alone is no wish of anybody's: the person is asked."""
    app = await LeavingParty.enter(rp)
    await app.check_asked(await app.leave(state=STATE))
    await app.check_gone()


async def test_rp_initiated_logout_query_added_to_post_logout_redirect_uri(rp: RelyingParty) -> None:
    """A registered URI with a query added is not the registered URI."""
    app = await LeavingParty.enter(rp)
    page = await app.leave(id_token_hint=app.hint, post_logout_redirect_uri=f"{app.bye}?foo=bar", state=STATE)
    assert page.status == 400
    assert "post_logout_redirect_uri" in page.text_of("error")
    await app.check_still_here()
