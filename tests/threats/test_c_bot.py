"""Threats C25, F16, B1, B3, B8 and G5, where somebody signs in by opening a bot."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx2
import pytest

from broker.core.login.by_bot import NO
from broker.demo.background import RunningBroker
from broker.demo.visitor import Visitor
from tests.web.bot_world import SECRET, Phone, bots, desk, send, started

pytestmark = pytest.mark.anyio


@pytest.fixture
def site() -> Iterator[RunningBroker]:
    """Two bots. A broker for each test: who was refused is asked nothing for an hour."""
    with bots() as running:
        yield running


def state_of(url: str) -> str:
    """What the address of a page that waits ends in."""
    return urlsplit(url).path.rpartition("/")[2]


async def test_f16_c25_who_is_sent_a_link_says_no_and_the_sender_learns_it(site: RunningBroker) -> None:
    victim = Phone(site.emulators, "ada")
    async with desk(site) as attacker:
        await attacker.open_bot()
        await victim.start(attacker.token)
        warning = (await victim.last())["text"]
        assert "somebody sent you the link" in warning
        await victim.press(NO)
        assert (await attacker.look()).status == 403
        assert site.issuer in attacker.visitor.page.url
    async with desk(site) as again:
        await again.open_bot()
        await victim.start(again.token)
        assert (await victim.last())["choices"] == []


async def test_f16_c25_one_press_beside_the_number_and_the_right_one_comes_too_late(site: RunningBroker) -> None:
    victim = Phone(site.emulators, "ada")
    async with desk(site) as attacker:
        await attacker.open_bot()
        await victim.start(attacker.token)
        question = await victim.last()
        right = next(data for _, data in question["choices"] if data.endswith(f":{attacker.number}"))
        await victim.press_wrong(attacker.number)
        await victim.say(message=str(question["id"]), data=right)
        assert (await attacker.look()).status == 403


async def test_b1_an_answer_is_fetched_by_the_browser_that_asked_and_no_other(site: RunningBroker) -> None:
    ada = Phone(site.emulators, "ada")
    async with desk(site) as at, Visitor() as elsewhere:
        await at.open_bot()
        await ada.start(at.token)
        await ada.press(at.number)
        assert (await elsewhere.get(at.visitor.page.url)).status == 400
        assert (await at.look()).status == 400  # shown elsewhere, it is burnt


async def test_b1_the_link_alone_opens_nothing_in_a_browser(site: RunningBroker) -> None:
    async with desk(site) as at, Visitor() as elsewhere:
        await at.open_bot()
        for value in (at.token, at.token.removeprefix("signin-")):
            assert (await elsewhere.get(f"{site.issuer}/bot/telegram/{value}")).status == 400
            assert (await elsewhere.get(f"{site.issuer}/callback/telegram/{value}?code=1")).status == 400
        assert (await at.look()).status == 200


async def test_b1_no_request_brings_the_answer_of_a_chat(site: RunningBroker) -> None:
    async with desk(site) as at:
        await at.open_bot()
        state, fields = state_of(at.visitor.page.url), {"id": "5000000042", "first_name": "Ada"}
        page = await at.visitor.post(f"{site.issuer}/callback/telegram/{state}", fields)
        assert page.status >= 400


async def test_b3_c25_a_link_of_one_bot_is_nothing_to_another(site: RunningBroker) -> None:
    async with desk(site) as at:
        await at.open_bot()
        update = started(at.token, number=1)
        answer = await send(site, update, provider="telegram-two", secret=f"other-{SECRET}")
        assert (answer.status_code, answer.json()) == (200, {"handled": True})
        assert "choices" not in str(await Phone(site.emulators, "ada").messages()) or not any(
            one["choices"] for one in await Phone(site.emulators, "ada").messages()
        )
        query = {"id": "1", "from": update["message"]["from"], "data": f"{at.token}:{at.number}"}
        query |= {"message": {"message_id": 1, "chat": update["message"]["chat"]}}
        await send(site, {"update_id": 2, "callback_query": query}, provider="telegram-two", secret=f"other-{SECRET}")
        assert (await at.look()).has("open-bot")


async def test_c25_an_update_without_the_secret_of_its_bot_does_nothing(site: RunningBroker) -> None:
    async with desk(site) as at:
        await at.open_bot()
        for secret in (None, "", SECRET.upper(), SECRET[:-1], f"{SECRET}x", f"other-{SECRET}"):
            answer = await send(site, started(at.token, number=1), secret=secret)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
        assert await Phone(site.emulators, "ada").messages() == []
        site.emulators["telegram"].fault("update_wrong_secret")
        assert await Phone(site.emulators, "ada").start(at.token) == [401]
        assert await Phone(site.emulators, "ada").messages() == []


async def test_c25_the_secret_is_asked_for_before_a_body_is_read(site: RunningBroker) -> None:
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{site.issuer}/updates/telegram", content=b"{" * 1_000_000)
        assert answer.status_code == 401


async def test_c8_c25_a_replayed_update_lets_nobody_in_a_second_time(site: RunningBroker) -> None:
    site.emulators["telegram"].fault("update_twice")
    ada = Phone(site.emulators, "ada")
    async with desk(site) as at:
        await at.open_bot()
        await ada.start(at.token)
        await ada.press(at.number)
        await at.look()
        assert "code" in at.visitor.page.params
        assert len(await ada.messages()) == 1


async def test_c25_in_a_group_nobody_is_asked(site: RunningBroker) -> None:
    site.emulators["telegram"].fault("update_group")
    async with desk(site) as at:
        await at.open_bot()
        assert await Phone(site.emulators, "ada").start(at.token) == [200]
        assert await Phone(site.emulators, "ada").messages() == []


async def test_b8_c25_neither_state_nor_link_stands_for_the_other(site: RunningBroker) -> None:
    async with desk(site) as at:
        await at.open_bot()
        state, token = state_of(at.visitor.page.url), at.token.removeprefix("signin-")
        assert token not in state
        assert (await send(site, started(state, number=1))).json() == {"handled": False}
        await send(site, started(f"signin-{state[:32]}", number=2))
        assert [one["choices"] for one in await Phone(site.emulators, "ada").messages()] == [[]]


async def test_g5_no_other_page_opens_the_bot_for_somebody(site: RunningBroker) -> None:
    async with desk(site) as at:
        action = next(form.action for form in at.visitor.page.markup.forms if "by-bot" in form.buttons)
        assert (await at.visitor.post(action, {}, initiator="https://evil.example/")).status == 403


async def test_c25_no_secret_of_it_is_in_the_log(site: RunningBroker) -> None:
    ada = Phone(site.emulators, "ada")
    async with desk(site) as at:
        await at.open_bot()
        token, number = at.token, at.number
        await ada.start(token)
        await ada.press(number)
        await at.look()
    text = str(site.log)
    assert "bot.answered" in text
    for secret in (SECRET, token, token.removeprefix("signin-"), "7000000009:test"):
        assert secret not in text
