"""Sign-in by opening a bot, over sockets: from the button to the app, and every way in which nobody gets in."""

from __future__ import annotations

from collections.abc import Iterator

import httpx2
import pytest

from broker.core.login.by_bot import CHOICES, NO
from broker.demo.background import RunningBroker, running_in_background
from broker.upstream.exchange import tls_context
from tests.web.bot_world import HEADER, SECRET, STARTABLE, WIDGET, Desk, Phone, bots, desk, send, started

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    with bots(**{"telegram-widget": WIDGET | {"bot_username": "test_login_bot"}}) as running:
        yield running


@pytest.fixture
def fresh(broker: RunningBroker) -> RunningBroker:
    """Nothing was said in any chat; who was refused before is another person here."""
    for switches in broker.emulators.values():
        switches.clear()
    return broker


async def answered(at: Desk, who: Phone) -> None:
    """They do as their screen says."""
    await at.open_bot()
    assert set(await who.start(at.token)) == {200}
    assert set(await who.press(at.number)) == {200}


async def test_whoever_presses_the_number_of_the_screen_is_signed_in_there(fresh: RunningBroker) -> None:
    ada = Phone(fresh.emulators, "ada")
    async with desk(fresh) as at:
        assert at.visitor.page.has("continue")
        await at.open_bot()
        assert at.link.startswith(f"{fresh.emulators['telegram'].url}/test_login_bot?start=signin-")
        assert len(at.token) <= 64
        assert await ada.start(at.token) == [200]
        question = await ada.last()
        assert "Sign in to Test app?" in question["text"]
        assert "On to: 127.0.0.1" in question["text"]
        assert "Asked from: localhost" in question["text"]
        assert len(question["choices"]) == CHOICES + 1
        assert at.number in [label for label, _ in question["choices"]]
        await at.look()
        assert at.visitor.page.has("open-bot")
        await ada.press(at.number)
        await at.look()
        told = await at.redeem()
    assert (told["name"], told["preferred_username"]) == ("Ada Lovelace", "ada_lovelace")
    assert "Done." in (await ada.last())["text"]
    assert (await ada.last())["choices"] == []


async def test_it_is_the_same_person_as_by_any_other_way_of_this_bot(fresh: RunningBroker) -> None:
    subs = set()
    for way in ("telegram", "telegram-widget", "bot"):
        async with desk(fresh, "telegram" if way == "bot" else way) as at:
            if way == "bot":
                await answered(at, Phone(fresh.emulators, "ada"))
                await at.look()
            else:
                await at.visitor.click("continue")
                await at.visitor.click("person-ada")
            subs.add((await at.redeem())["sub"])
    assert len(subs) == 1


async def test_the_older_widget_offers_it_too_and_hears_by_the_same_bot(fresh: RunningBroker) -> None:
    with bots(**{"telegram-widget": STARTABLE | WIDGET}) as broker:
        async with desk(broker, "telegram-widget") as at:
            assert at.visitor.page.has("widget") or "telegram-widget.js" in at.visitor.page.text
            await answered(at, Phone(broker.emulators, "ada"))
            await at.look()
            assert (await at.redeem())["name"] == "Ada Lovelace"


async def test_a_page_without_scripts_loads_itself_and_one_with_them_asks(fresh: RunningBroker) -> None:
    async with desk(fresh) as at:
        page = await at.open_bot()
        assert '<noscript><meta http-equiv="refresh" content="5"></noscript>' in page.text
        assert "connect-src 'self'" in page.headers["Content-Security-Policy"]
        cookie = at.visitor.cookies.header(page.url, method="GET", initiator=page.url)
        asking = {"Accept": "application/json", "Cookie": cookie}
        async with httpx2.AsyncClient(verify=tls_context(None)) as http:
            assert (await http.get(page.url, headers=asking)).json() == {"answered": False}
            ada = Phone(fresh.emulators, "ada")
            await ada.start(at.token)
            await ada.press(at.number)
            assert (await http.get(page.url, headers=asking)).json() == {"answered": True}
            assert (await http.get(page.url, headers=asking)).json() == {"answered": True}


async def test_pages_speak_the_browsers_language_and_the_bot_the_persons(fresh: RunningBroker) -> None:
    boris = Phone(fresh.emulators, "boris")
    async with desk(fresh, languages="ru") as at:
        assert "Открыть бота" in at.visitor.page.text
        await at.open_bot()
        assert "Откройте бота" in at.visitor.page.text
        await boris.start(at.token)
        assert "Войти в Test app?" in (await boris.last())["text"]
        assert (await boris.last())["choices"][-1][0] == "Это не я"
        await boris.press(at.number)
        assert "Готово." in (await boris.last())["text"]


async def test_somebody_adds_telegram_to_their_account_by_the_bot(fresh: RunningBroker) -> None:
    async with desk(fresh, "google") as at:
        await at.visitor.click("person-zoe")
        await at.visitor.get(f"{fresh.issuer}/account/link/telegram")
        await at.visitor.click("retry")
        await at.visitor.click("person-zoe")
        await at.visitor.click("yes")
        await answered(at, Phone(fresh.emulators, "ada"))
        page = await at.look()
        assert page.has("allow")


async def test_a_button_pressed_twice_is_one_attempt_with_one_number(fresh: RunningBroker) -> None:
    async with desk(fresh) as at:
        chooser = at.visitor.page
        await at.open_bot()
        first = at.number, at.token
        action = next(form.action for form in chooser.markup.forms if "by-bot" in form.buttons)
        await at.visitor.post(action, {}, initiator=chooser.url)
        assert (at.number, at.token) == first


async def test_updates_that_come_twice_or_among_others_change_nothing(fresh: RunningBroker) -> None:
    ada = Phone(fresh.emulators, "ada")
    for fault in ("update_twice", "update_unrelated"):
        fresh.emulators["telegram"].fault(fault)
    async with desk(fresh) as at:
        await at.open_bot()
        assert set(await ada.start(at.token)) == {200}
        assert len(await ada.messages()) == 1
        assert set(await ada.press(at.number)) == {200}
        await at.look()
        assert (await at.redeem())["name"] == "Ada Lovelace"
        await at.visitor.get(at.visitor.pages[-1].url)
        assert at.visitor.page.status == 400


async def test_a_bot_that_must_wait_asks_when_the_update_comes_again(fresh: RunningBroker) -> None:
    ada = Phone(fresh.emulators, "ada")
    fresh.emulators["telegram"].fault("message_429", times=1)
    async with desk(fresh) as at:
        await at.open_bot()
        statuses = await ada.start(at.token)
        assert (statuses[0], statuses[-1]) == (503, 200)
        assert len(await ada.messages()) == 1


async def test_who_blocks_the_bot_is_not_asked_and_the_update_is_taken_in(fresh: RunningBroker) -> None:
    fresh.emulators["telegram"].fault("message_403")
    async with desk(fresh) as at:
        await at.open_bot()
        assert await Phone(fresh.emulators, "ada").start(at.token) == [200]


async def test_updates_about_something_else_are_the_teams_own(fresh: RunningBroker) -> None:
    token = "signin-" + "A" * 32
    bots_own = started(token, number=10)
    bots_own["message"]["from"]["is_bot"] = True
    theirs = [
        started("ref-42", number=1),
        started(token, number=2, text="hello"),
        started(token, number=3, chat={"id": -100, "type": "supergroup"}),
        started(token, number=4, chat={"id": 5000000043, "type": "private"}),
        started(token, number=5, chat={"id": 5000000042, "type": "channel"}),
        {"update_id": 6, "edited_message": started(token, number=6)["message"]},
        {"update_id": 7, "callback_query": {"id": "1", "data": f"{token}:47"}},
        {"update_id": 8, "callback_query": {"id": "1", "data": "theirs"}},
        {"update_id": 9, "poll": {}},
        {"message": started(token, number=1)["message"]},
        bots_own,
        {},
    ]
    for update in theirs:
        answer = await send(fresh, update)
        assert (answer.status_code, answer.json()) == (200, {"handled": False}), update
    assert await Phone(fresh.emulators, "ada").messages() == []


async def test_a_link_that_nobody_waits_for_is_over(fresh: RunningBroker) -> None:
    ada = Phone(fresh.emulators, "ada")
    assert await ada.start("signin-" + "A" * 32) == [200]
    assert "used up or too old" in (await ada.last())["text"]


async def test_what_is_no_update_is_refused(fresh: RunningBroker) -> None:
    url, headers = f"{fresh.issuer}/updates/telegram", {HEADER: SECRET, "content-type": "application/json"}
    async with httpx2.AsyncClient(verify=tls_context(None)) as http:

        async def refused(content: bytes, **changed: str) -> int:
            return (await http.post(url, content=content, headers=headers | changed)).status_code

        assert await refused(b"[]") == 400
        assert await refused(b'{"update_id":1,"update_id":2}') == 400
        assert await refused(b"{" + b" " * 70_000 + b"}") == 413
        assert await refused(b"update_id=1", **{"content-type": "application/x-www-form-urlencoded"}) == 415
        assert (await http.get(url)).status_code == 405
        for name in ("google", "nobody"):
            assert (await http.post(f"{fresh.issuer}/updates/{name}", json={}, headers=headers)).status_code == 404


async def test_without_bot_start_there_is_no_such_page_and_no_such_address() -> None:
    off = {"telegram": {**STARTABLE, "bot_start": False}}
    with running_in_background({}, providers=off) as broker:
        async with desk(broker) as at:
            assert at.visitor.page.has("person-ada")
        async with httpx2.AsyncClient(verify=tls_context(None)) as http:
            assert (await http.post(f"{broker.issuer}/updates/telegram", json={})).status_code == 404
            assert (await http.get(f"{broker.issuer}/bot/telegram/x")).status_code == 404


async def test_one_source_begins_no_more_of_them_than_the_limit() -> None:
    limits = {"limits": {"bot_start": "2/min", "bot_wait": "3/min", "bot_update": "1/min"}}
    with running_in_background({}, providers={"telegram": STARTABLE}, sections=limits) as broker:
        for status in (200, 200, 429):
            async with desk(broker) as at:
                assert (await at.open_bot()).status == status
        async with desk(broker) as at:
            url = f"{broker.issuer}/bot/telegram/x"
            assert [(await at.visitor.get(url)).status for _ in range(2)] == [400, 429]
        assert [(await send(broker, {})).status_code for _ in range(2)] == [200, 429]


async def test_no_is_no_and_is_told_at_the_screen(fresh: RunningBroker) -> None:
    zoe = Phone(fresh.emulators, "zoe")
    async with desk(fresh) as at:
        await at.open_bot()
        await zoe.start(at.token)
        await zoe.press(NO)
        page = await at.look()
        assert (page.status, page.has("other-way")) == (403, True)
