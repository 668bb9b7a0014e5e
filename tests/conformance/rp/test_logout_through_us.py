"""A logout passes through the broker, down from an OpenID Provider to apps and up from an app to the provider."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from queue import Empty

import aiohttp
import pytest

from broker.demo.background import RunningBroker, running_in_background
from broker.demo.visitor import Visitor
from tests.conformance.hearing_app import HearingApp, listening
from tests.conformance.leaving_party import STATE, LeavingParty
from tests.conformance.openid_provider import CLIENTS, HOME, Clock, Operator
from tests.conformance.relying_party import RelyingParty
from tests.conformance.rp.upstream_op import ISSUER

pytestmark = pytest.mark.anyio
WHO = ("op", "ada")


@pytest.fixture(scope="module")
def app() -> Iterator[HearingApp]:
    """The back channel of the app behind the broker."""
    with listening() as app:
        yield app


@pytest.fixture(scope="module")
def broker(app: HearingApp) -> Iterator[RunningBroker]:
    """Its one provider ends sessions in both directions."""
    logout = {"backchannel": True, "rp_initiated": True}
    provider = {"type": "oidc", "issuer": ISSUER, "client_id": "rp", "client_secret": "rp-secret", "logout": logout}
    clients = {
        "hearing": {**CLIENTS["hearing"], "backchannel_logout_uri": app.uri},
        "framed": CLIENTS["framed"],
        "first": CLIENTS["first"],
    }
    with running_in_background(clients, Clock(), providers={"op": provider}) as running:
        yield running


@pytest.fixture
async def rp(broker: RunningBroker) -> AsyncIterator[RelyingParty]:
    """An app in a fresh browser."""
    async with (
        aiohttp.ClientSession(trust_env=False, cookie_jar=aiohttp.DummyCookieJar()) as http,
        Visitor(scripts=False, stops=(HOME,)) as browser,
    ):
        yield RelyingParty(await Operator.discover(broker, Clock(), "query", http), browser, "first")


async def entered(rp: RelyingParty) -> LeavingParty:
    """Somebody signed in through the provider."""
    return LeavingParty(rp, await rp.log_in(who=WHO))


def steps(rp: RelyingParty) -> list[str]:
    """Which pages the browser went through, without their queries."""
    return [step.url.partition("?")[0] for step in rp.browser.history]


async def test_whoever_logs_out_here_is_logged_out_of_the_provider_on_the_way(rp: RelyingParty) -> None:
    app = await entered(rp)
    page = await app.leave(id_token_hint=app.hint, post_logout_redirect_uri=app.bye, state=STATE)
    app.check_back(page, state=STATE)
    left, away, back = steps(rp)[-3:]
    assert (left, back) == (f"{rp.op.issuer}/logout", f"{rp.op.issuer}/logout/done")
    assert not away.startswith(rp.op.issuer)
    await app.check_gone()


async def test_after_the_provider_the_page_says_who_was_told(rp: RelyingParty, app: HearingApp) -> None:
    party = await entered(rp.other("hearing"))
    page = await party.leave(id_token_hint=party.hint)
    assert page.url.startswith(f"{rp.op.issuer}/logout/done?state=")
    assert "hearing has been told" in page.text_of("logged-out")
    await asyncio.to_thread(app.heard.get, timeout=10)


async def test_frames_are_loaded_before_the_browser_leaves_for_the_provider(rp: RelyingParty) -> None:
    app = await entered(rp.other("framed"))
    page = await app.leave(id_token_hint=app.hint, post_logout_redirect_uri=app.bye, state=STATE)
    app.check_back(page, state=STATE)
    framing = [page.url.partition("?")[0] for page in rp.browser.pages if "<iframe" in page.text]
    assert framing == [f"{rp.op.issuer}/logout"]
    assert steps(rp).index(framing[0]) < steps(rp).index(f"{rp.op.issuer}/logout/done")


async def test_a_logout_at_the_provider_reaches_the_app(
    rp: RelyingParty, broker: RunningBroker, app: HearingApp
) -> None:
    party = await entered(rp.other("hearing"))
    with pytest.raises(Empty):
        app.heard.get_nowait()
    async with rp.op.http.post(f"{broker.emulators['oidc'].url}/_emulator/logout", json={"person": "ada"}) as answer:
        assert [told["status"] for told in await answer.json()] == [200]
    form = await asyncio.to_thread(app.heard.get, timeout=20)
    assert form["logout_token"].count(".") == 2
    await party.check_gone()
