"""A device without a browser, and the browser in which somebody says yes for it (RFC 8628), over ASGI."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from broker.core.errors import UpstreamUnavailable
from broker.core.events import Event
from tests.web.device_flow import WITH_DEVICES, enter, poll, question, read, say, start
from tests.web.public_app import PublicApp, public_app

pytestmark = pytest.mark.anyio


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app(WITH_DEVICES) as app:
        yield app


async def test_a_device_gets_tokens_once_somebody_allowed_it(site: PublicApp) -> None:
    told = await start(site)
    assert (await poll(site, told)).json()["error"] == "authorization_pending"
    done = await say(site, await question(site, told))
    assert done.status_code == 200
    assert "You can go back to your device" in done.text
    answer = await poll(site, told)
    assert answer.status_code == 200, answer.text
    assert {"access_token", "id_token", "refresh_token"} <= answer.json().keys()
    assert site.notes.count(Event.DEVICE_APPROVED) == site.notes.count(Event.TOKEN_ISSUED_TO_DEVICE) == 1


async def test_a_device_code_gives_once_and_a_second_time_takes_it_back(site: PublicApp) -> None:
    told = await start(site)
    await say(site, await question(site, told))
    given = (await poll(site, told)).json()
    assert (await poll(site, told)).json()["error"] == "invalid_grant"
    header = {"authorization": f"Bearer {given['access_token']}"}
    assert (await site.browser.get("/userinfo", headers=header)).status_code == 401


async def test_a_device_that_nobody_answers_hears_that_its_time_is_over(site: PublicApp) -> None:
    told = await start(site)
    site.clock.now += 600
    assert (await poll(site, told)).json()["error"] == "expired_token"
    assert (await enter(site, told["user_code"])).status_code == 400


async def test_a_login_that_fails_leads_back_to_the_code(site: PublicApp) -> None:
    site.upstreams["alpha"].failure = UpstreamUnavailable("down")
    entered = await enter(site, (await start(site))["user_code"].lower().replace("-", " "))
    assert entered.status_code == 303
    failed = await site.browser.get(f"{entered.headers['location']}&idp_hint=alpha")
    assert failed.status_code == 503
    assert read(failed).by_id("retry")["href"] == "/device"


async def test_the_choice_belongs_to_the_browser_that_typed_the_code(site: PublicApp) -> None:
    location = (await enter(site, (await start(site))["user_code"])).headers["location"]
    site.browser.cookies.clear()
    assert (await site.browser.get(location)).status_code == 403


async def test_the_question_says_what_app_when_and_from_where(site: PublicApp) -> None:
    told = await start(site)
    site.clock.now += 130
    page = read(await site.browser.get(await question(site, told)))
    assert told["user_code"] in page.text
    assert "tv.test" in page.text
    assert "The device asked 2 minutes ago" in page.text
    assert page.by_id("near")
