"""Threats F16, G5 and B8, where a device waits for somebody."""

from __future__ import annotations

from collections.abc import AsyncIterator
from urllib.parse import urlsplit

import pytest

from tests.web.device_flow import WITH_DEVICES, enter, poll, question, read, say, start, ticket_in
from tests.web.public_app import PublicApp, public_app

pytestmark = pytest.mark.anyio


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app(WITH_DEVICES) as app:
        yield app


async def test_f16_a_device_waits_slows_down_and_hears_no(site: PublicApp) -> None:
    told = await start(site)
    assert (await poll(site, told)).json()["error"] == "authorization_pending"
    site.clock.now += 4
    assert (await poll(site, told)).json()["error"] == "slow_down"
    site.clock.now += 9
    assert (await poll(site, told)).json()["error"] == "slow_down", "the interval is ten seconds by now"
    site.clock.now += 15
    assert (await poll(site, told)).json()["error"] == "authorization_pending"
    assert "Sign-in on the device was denied" in (await say(site, await question(site, told), "deny")).text
    assert (await poll(site, told)).json()["error"] == "access_denied"


async def test_f16_a_code_in_the_address_is_filled_in_and_answers_nothing(site: PublicApp) -> None:
    told = await start(site)
    page = await site.browser.get(told["verification_uri_complete"])
    assert page.status_code == 200
    assert read(page).by_id("user-code")["value"] == told["user_code"]
    assert (await poll(site, told)).json()["error"] == "authorization_pending"


async def test_f16_a_question_of_one_session_is_not_answered_in_another(site: PublicApp) -> None:
    told = await start(site)
    ticket = ticket_in(await site.browser.get(await question(site, told)))
    site.browser.cookies.clear()
    other = await start(site)
    await question(site, other, "beta")
    answer = await site.browser.post("/device/confirm", data={"ticket": ticket, "answer": "allow"})
    assert answer.status_code == 403
    assert (await poll(site, told)).json()["error"] == "authorization_pending"


async def test_f16_eleven_codes_and_the_door_is_shut(site: PublicApp) -> None:
    told = await start(site)
    for _ in range(10):
        assert (await enter(site, "BBBB-BBBB")).status_code == 400
    refused = await enter(site, told["user_code"])
    assert refused.status_code == 429
    assert int(refused.headers["retry-after"]) > 0


async def test_f16_f31_wrong_codes_of_everybody_keep_the_right_one_waiting_too() -> None:
    async with public_app(f"{WITH_DEVICES}limits: {{device_code_wrong: 1/h}}\n") as site:
        told = await start(site)
        for _ in range(2):  # the second one has its turn at once, and the next turn is an hour away
            assert (await enter(site, "BBBB-BBBB")).status_code == 400
        assert (await enter(site, told["user_code"])).status_code == 429
        site.clock.now += 2 * 3600
        assert (await enter(site, (await start(site))["user_code"])).status_code == 303


async def test_f16_a_code_of_another_client_is_no_code_and_dead(site: PublicApp) -> None:
    told = await start(site)
    assert (await poll(site, told, "radio")).json()["error"] == "invalid_grant"
    assert (await poll(site, told)).json()["error"] == "invalid_grant"


async def test_f16_an_approved_code_of_another_client_ends_there(site: PublicApp) -> None:
    told = await start(site)
    await say(site, await question(site, told))
    assert (await poll(site, told, "radio")).json()["error"] == "invalid_grant"
    assert (await poll(site, told)).json()["error"] == "invalid_grant"


async def test_f16_a_client_that_does_not_list_the_grant_gets_no_codes(site: PublicApp) -> None:
    answer = await site.browser.post("/device_authorization", data={"client_id": "app", "scope": "openid"})
    assert answer.json()["error"] == "unauthorized_client"


async def test_g5_a_foreign_page_neither_types_a_code_nor_answers(site: PublicApp) -> None:
    told = await start(site)
    assert (await enter(site, told["user_code"], origin="https://evil.test")).status_code == 403
    ticket = ticket_in(await site.browser.get(await question(site, told)))
    form = {"ticket": ticket, "answer": "allow"}
    foreign = await site.browser.post("/device/confirm", data=form, headers={"origin": "https://evil.test"})
    assert foreign.status_code == 403
    assert (await site.browser.post("/device/confirm", data=form)).status_code == 200
    assert (await site.browser.post("/device/confirm", data=form)).status_code == 400, "one answer"


async def test_b8_neither_question_takes_the_ticket_of_the_other(site: PublicApp) -> None:
    ticket = ticket_in(await site.browser.get(await question(site, await start(site))))
    answer = await site.browser.post("/consent", data={"ticket": ticket, "answer": "allow"})
    assert answer.status_code == 403


async def test_f16_somebody_who_is_signed_in_is_asked_all_the_same(site: PublicApp) -> None:
    await say(site, await question(site, await start(site)))
    again = await start(site)
    entered = await enter(site, again["user_code"])
    chosen = await site.browser.get(entered.headers["location"])
    assert urlsplit(chosen.headers["location"]).path == "/device/confirm"
    assert (await poll(site, again)).json()["error"] == "authorization_pending"
