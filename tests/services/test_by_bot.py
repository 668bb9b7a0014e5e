"""Sign-in by a bot, beneath the web: what is kept and for how long, who may answer, and what a fault undoes."""

from __future__ import annotations

from typing import Any

import pytest

from broker.core.errors import (
    FlowFinished,
    FlowNotHere,
    InvalidClient,
    NotFound,
    NothingAsked,
    StoreUnavailable,
    UpstreamUnavailable,
)
from broker.core.events import Event
from broker.core.login.by_bot import NO, BotAttempt
from broker.core.seal import digest
from broker.services.login.by_bot import EXPIRES_IN, BotUpdates, Opened, Waiting
from broker.services.login.outcomes import Callback, LoginFailed
from broker.store.transient import Kind, Transient
from broker.upstream.model import Channel, Reply
from tests.services.bare_broker import HERE, World, seal
from tests.services.chats import ADA, BORIS, NEVER, NEXT_TIME, SECRET, BotUpstream, Chats, pressed_by, started_by

pytestmark = pytest.mark.anyio


@pytest.fixture
async def bot(world: World) -> Chats:
    """Those of `alpha`; `beta` has a bot, too."""
    upstream = BotUpstream(None, None)
    world.upstreams |= {"alpha": upstream, "beta": BotUpstream(None, None)}
    await world.restart()
    return upstream.chats


class Flaky:
    """The store, which does not answer for some kinds while it is told so."""

    def __init__(self, store: Transient) -> None:
        """`store` is the real one."""
        self._store = store
        self.away: set[Kind] = set()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._store, name)

    async def put(self, kind: Kind, key: str, value: bytes, *, ttl: int) -> bool:
        """As the store, unless it is away."""
        if kind in self.away:
            raise StoreUnavailable("away")
        return await self._store.put(kind, key, value, ttl=ttl)


async def waiting(world: World, name: str = "alpha") -> tuple[Callback, Opened, Waiting]:
    """Somebody at a screen, who wants to open the bot."""
    begun, flow = await world.begin(await world.request(), name)
    assert begun.by_bot == flow.state
    callback = world.callback(name, {"state": flow.state}, begun.sealed)
    opened = await world.by_bot.logins.open_(callback)
    await world.by_bot.logins.begin(opened, {"en": "App"}, "app.test", HERE)
    return callback, opened, await look(world, opened)


async def look(world: World, opened: Opened) -> Waiting:
    """What the screen shows, while it shows anything."""
    found = await world.by_bot.logins.look(opened)
    assert isinstance(found, Waiting)
    return found


async def reply(world: World, opened: Opened) -> Reply:
    """What came of it."""
    found = await world.by_bot.logins.look(opened)
    assert isinstance(found, Reply)
    return found


def token_of(shown: Waiting) -> str:
    """What the link carries."""
    return shown.href.rpartition("=")[2]


def wrong(bot: Chats, right: str) -> str:
    """Another of the numbers that were asked for."""
    return next(value for value in bot.values() if value not in {right, NO})


async def test_the_answer_is_one_more_reply_of_the_attempt(world: World, bot: Chats) -> None:
    callback, opened, shown = await waiting(world)
    hear, token = world.by_bot.updates.hear, token_of(shown)
    assert await hear("alpha", started_by(ADA, token))
    assert [(form["chat_id"], "Sign in to App?" in form["text"]) for form in bot.questions] == [("7", True)]
    assert await hear("alpha", pressed_by(ADA, token, shown.number))
    answer = await reply(world, opened)
    who = await world.logins.finish(Callback(callback.instance, callback.state, callback.tag, answer, callback.sealed))
    assert (who.shown.identity.subject, answer.via) == ("7", Channel.BOT)
    with pytest.raises(FlowFinished):
        await world.logins.finish(callback)
    assert world.notes.count(Event.BOT_ANSWERED) == 1


async def test_each_number_is_likely_and_the_right_one_is_among_them(world: World, bot: Chats) -> None:
    places = set()
    for _ in range(60):
        _, _, shown = await waiting(world)
        await world.by_bot.updates.hear("alpha", started_by(ADA, token_of(shown)))
        values = bot.values()
        numbers = values[:-1]
        assert (len(set(numbers)), values[-1], sorted(numbers)) == (12, NO, numbers)
        places.add(numbers.index(shown.number))
    assert len(places) > 6  # of twelve; that fewer turn up has a chance of one in a million million


async def test_a_wrong_number_ends_the_attempt_and_keeps_the_bot_quiet_for_an_hour(world: World, bot: Chats) -> None:
    callback, opened, shown = await waiting(world)
    hear, token = world.by_bot.updates.hear, token_of(shown)
    await hear("alpha", started_by(ADA, token))
    await hear("alpha", pressed_by(ADA, token, wrong(bot, shown.number)))
    await hear("alpha", pressed_by(ADA, token, shown.number))
    answer = await reply(world, opened)
    with pytest.raises(LoginFailed) as failed:
        await world.logins.finish(Callback(callback.instance, callback.state, callback.tag, answer, callback.sealed))
    assert failed.value.cause.code == "access_denied"
    _, again, shown = await waiting(world)
    await hear("alpha", started_by(ADA, token_of(shown)))
    assert len(bot.questions) == 1
    assert "less than an hour ago" in bot.told[-1]
    await hear("alpha", started_by(BORIS, token_of(shown)))
    assert len(bot.questions) == 2
    await look(world, again)
    world.clock.now += 3601
    _, _, shown = await waiting(world)
    await hear("alpha", started_by(ADA, token_of(shown)))
    assert len(bot.questions) == 3


async def test_questions_that_stood_before_a_wrong_answer_let_nobody_in_either(world: World, bot: Chats) -> None:
    hear = world.by_bot.updates.hear
    _, first, one = await waiting(world)
    _, second, two = await waiting(world)
    for shown in (one, two):
        await hear("alpha", started_by(ADA, token_of(shown)))
    await hear("alpha", pressed_by(ADA, token_of(one), NO))
    await hear("alpha", pressed_by(ADA, token_of(two), two.number))
    for opened in (first, second):
        assert "refused" in (await reply(world, opened)).params


async def test_whoever_opens_the_bot_first_is_asked_and_nobody_else_may_answer(world: World, bot: Chats) -> None:
    _, opened, shown = await waiting(world)
    hear, token = world.by_bot.updates.hear, token_of(shown)
    await hear("alpha", started_by(ADA, token))
    await hear("alpha", started_by(BORIS, token))
    assert len(bot.questions) == 1
    await hear("alpha", pressed_by(BORIS, token, shown.number))
    await look(world, opened)
    await hear("alpha", started_by(ADA, token))
    assert len(bot.questions) == 2
    await hear("alpha", pressed_by(ADA, token, shown.number))
    assert (await reply(world, opened)).params["id"] == "7"
    await hear("alpha", started_by(ADA, token))
    assert len(bot.questions) == 2


async def test_an_answer_before_the_question_is_none(world: World, bot: Chats) -> None:
    _, opened, shown = await waiting(world)
    await world.by_bot.updates.hear("alpha", pressed_by(ADA, token_of(shown), shown.number))
    await look(world, opened)


async def test_the_same_update_again_changes_nothing(world: World, bot: Chats) -> None:
    _, opened, shown = await waiting(world)
    hear, token = world.by_bot.updates.hear, token_of(shown)
    update = started_by(ADA, token)
    for _ in range(3):
        assert await hear("alpha", update)
    assert len(bot.questions) == 1
    await hear("alpha", pressed_by(ADA, token, shown.number))
    assert "id" in (await reply(world, opened)).params


async def test_a_bot_that_could_not_ask_asks_when_the_update_comes_again(world: World, bot: Chats) -> None:
    _, _, shown = await waiting(world)
    update = started_by(ADA, token_of(shown))
    for answer in NEXT_TIME:
        bot.answers.append(answer)
        with pytest.raises(UpstreamUnavailable):
            await world.by_bot.updates.hear("alpha", update)
    assert await world.by_bot.updates.hear("alpha", update)
    for answer in NEVER:
        bot.answers.append(answer)
        assert await world.by_bot.updates.hear("alpha", started_by(ADA, token_of(shown)))


async def test_a_store_that_goes_away_in_between_undoes_no_refusal(world: World, bot: Chats) -> None:
    _, opened, shown = await waiting(world)
    flaky = Flaky(world.store.transient)
    updates = BotUpdates(world.context, world.providers, transient=flaky, seal=seal("bot answer"))
    start = shown.href.rpartition("=")[2]
    await updates.hear("alpha", started_by(ADA, start))
    update = pressed_by(ADA, start, wrong(bot, shown.number))
    flaky.away.add(Kind.BOT_ANSWER)
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            await updates.hear("alpha", update)
    await look(world, opened)
    flaky.away.clear()
    assert await updates.hear("alpha", update)
    assert "refused" in (await reply(world, opened)).params


async def test_nobody_answered_in_time(world: World, bot: Chats) -> None:
    _, opened, shown = await waiting(world)
    assert shown.left == EXPIRES_IN
    world.clock.now += EXPIRES_IN
    await world.by_bot.updates.hear("alpha", started_by(ADA, token_of(shown)))
    assert (bot.questions, "too old" in bot.told[-1]) == ([], True)
    assert "late" in (await reply(world, opened)).params


async def test_an_answer_is_there_for_a_browser_that_comes_a_little_late(world: World, bot: Chats) -> None:
    _, opened, shown = await waiting(world)
    hear, token = world.by_bot.updates.hear, token_of(shown)
    await hear("alpha", started_by(ADA, token))
    world.clock.now += EXPIRES_IN - 1
    await hear("alpha", pressed_by(ADA, token, shown.number))
    world.clock.now += 30
    assert "id" in (await reply(world, opened)).params
    world.clock.now += 60
    assert "late" in (await reply(world, opened)).params


async def test_nothing_is_kept_before_somebody_wants_to_open_the_bot(world: World, bot: Chats) -> None:
    begun, flow = await world.begin(await world.request())
    opened = await world.by_bot.logins.open_(world.callback("alpha", {"state": flow.state}, begun.sealed))
    assert "late" in (await reply(world, opened)).params


async def test_what_is_kept_names_neither_the_token_nor_who_answered(world: World, bot: Chats) -> None:
    _, _, shown = await waiting(world)
    hear, token = world.by_bot.updates.hear, token_of(shown)
    await hear("alpha", started_by(ADA, token))
    await hear("alpha", pressed_by(ADA, token, shown.number))
    key = digest(token.removeprefix("signin-"))
    kept = [await world.store.transient.get(kind, key) for kind in (Kind.BOT, Kind.BOT_PERSON, Kind.BOT_ANSWER)]
    assert all(kept)
    assert all(secret not in (value or b"") for value in kept for secret in (token.encode(), b"Ada", b'"7"'))
    assert BotAttempt.from_bytes(kept[0] or b"").number == shown.number


async def test_only_the_browser_of_the_attempt_and_the_provider_of_it(world: World, bot: Chats) -> None:
    begun, flow = await world.begin(await world.request())
    open_ = world.by_bot.logins.open_
    with pytest.raises(NothingAsked):
        await open_(world.callback("beta", {"state": flow.state}, begun.sealed))
    with pytest.raises(FlowNotHere):
        await open_(world.callback("alpha", {"state": flow.state}, ""))
    with pytest.raises(FlowFinished):
        await open_(world.callback("alpha", {"state": flow.state}, ""))


async def test_a_token_of_another_bot_is_nothing_here(world: World, bot: Chats) -> None:
    _, opened, shown = await waiting(world, "beta")
    await world.by_bot.updates.hear("alpha", started_by(ADA, token_of(shown)))
    assert bot.questions == []
    await look(world, opened)


async def test_an_update_needs_the_secret_of_its_own_bot(world: World, bot: Chats) -> None:
    def admit(name: str, secret: str) -> None:
        world.by_bot.updates.admit(name, {"x-telegram-bot-api-secret-token": secret}.get)

    admit("alpha", SECRET)
    for secret in ("", SECRET.upper(), f"{SECRET} "):
        with pytest.raises(InvalidClient):
            admit("alpha", secret)
    with pytest.raises(NotFound):
        admit("nobody", SECRET)


async def test_a_reply_by_this_channel_comes_from_a_chat_or_not_at_all(world: World, bot: Chats) -> None:
    without = BotUpstream(None, None)
    without.startable = False
    world.upstreams["alpha"] = without
    await world.restart()
    begun, flow = await world.begin(await world.request())
    callback = world.callback("alpha", {"state": flow.state}, begun.sealed)
    with pytest.raises(LoginFailed):
        await world.logins.finish(
            Callback(callback.instance, callback.state, callback.tag, Reply(Channel.BOT, {"id": "7"}), callback.sealed)
        )
