"""What becomes of a failure: the app hears of it, or a person does, and nobody loses what was not spent."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from broker.core.errors import (
    AccountBlocked,
    BrokerError,
    StoreUnavailable,
    UpstreamDenied,
    UpstreamInvalid,
    UpstreamRejected,
    UpstreamUnavailable,
)
from broker.core.events import Event
from tests.web.public_app import PublicApp, answer_of, public_app

pytestmark = pytest.mark.anyio


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app() as app:
        yield app


async def log_in(site: PublicApp) -> None:
    """The browser has a session now."""
    await site.authorize(idp_hint="alpha")
    assert "code" in answer_of(await site.browser.get(site.callback()))


async def test_k1_without_state_a_silent_request_is_answered_and_not_shown_a_page(site: PublicApp) -> None:
    await log_in(site)
    site.transient.down = True
    answer = answer_of(await site.authorize(prompt="none"))
    assert answer["error"] == "temporarily_unavailable"
    assert (answer["state"], answer["iss"]) == ("s-1", "https://id.test")
    assert answer["error_description"]
    site.transient.down = False
    assert "code" in answer_of(await site.authorize(prompt="none"))


async def test_k1_without_state_a_person_is_told_to_come_again(site: PublicApp) -> None:
    await log_in(site)
    site.transient.down = True
    page = await site.authorize()
    assert page.status_code == 503
    assert int(page.headers["retry-after"]) > 0
    assert "E-UNAVAILABLE" in page.text


async def test_k1_an_attempt_outlives_the_outage_it_came_back_into(site: PublicApp) -> None:
    await site.authorize(idp_hint="alpha")
    site.transient.down = True
    assert (await site.browser.get(site.callback())).status_code == 503
    assert site.upstreams["alpha"].asked == []
    site.transient.down = False
    assert "code" in answer_of(await site.browser.get(site.callback()))
    assert (await site.browser.get(site.callback())).status_code == 400


@pytest.mark.parametrize(
    ("failure", "code"),
    [
        (UpstreamDenied("no"), "access_denied"),
        (AccountBlocked("no"), "access_denied"),
        (StoreUnavailable("no"), "temporarily_unavailable"),
        (UpstreamUnavailable("down"), "temporarily_unavailable"),
        (UpstreamInvalid("odd"), "server_error"),
        (UpstreamRejected("no", error="invalid_client"), "server_error"),
    ],
)
async def test_the_way_back_to_the_app_says_why_nobody_logged_in(
    site: PublicApp, failure: BrokerError, code: str
) -> None:
    await site.authorize(idp_hint="alpha")
    site.upstreams["alpha"].failure = failure
    page = await site.browser.get(site.callback())
    assert f"https://app.test/cb?error={code}&amp;" in page.text


@pytest.mark.parametrize(
    ("failure", "status", "code"),
    [
        (UpstreamUnavailable("/token: status 503"), 503, "E-UPSTREAM"),
        (UpstreamInvalid("ID token: expired 90 s ago; check both clocks"), 502, "E-ANSWER"),
        (UpstreamRejected("/token: status 401, error invalid_client", error="invalid_client"), 502, "E-ANSWER"),
        (UpstreamDenied("the upstream said access_denied"), 403, "E-CANCEL"),
    ],
)
async def test_a_person_is_told_apart_what_does_not_answer_and_what_answered_wrongly(
    site: PublicApp, failure: BrokerError, status: int, code: str
) -> None:
    await site.authorize(idp_hint="alpha")
    site.upstreams["alpha"].failure = failure
    page = await site.browser.get(site.callback())
    assert (page.status_code, f'<dd id="code">{code}</dd>' in page.text) == (status, True)
    assert failure.detail not in page.text, "what was wrong is for the operator"
    told = [fields for event, fields in site.notes.heard if event is Event.LOGIN_FAILED]
    assert told[-1]["reason"] == failure.detail
