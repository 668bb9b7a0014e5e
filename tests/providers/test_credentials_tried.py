"""Whether an upstream knows us, asked without anybody who signs in: of every type, at its emulator."""

from __future__ import annotations

from dataclasses import replace

import pytest

from broker.core.events import Event
from broker.testing.bench import FLOW
from broker.testing.raw_server import answer_of
from broker.upstream.abilities import TriesCredentials, abilities_of
from broker.upstream.credentials_check import MADE_UP, Verdict
from tests.providers.cases import load_cases
from tests.providers.test_emulated import WAYS, World, world

pytestmark = pytest.mark.anyio
# Instagram words both in the same error, and a widget has no secret but the bot's token.
SILENT = {"instagram", "telegram widget", "telegram embedded"}
TELLING = sorted(WAYS.keys() - SILENT)
WITH_SECRET = [way for way in TELLING if "client_secret" in WAYS[way][1]]


def move_out(at: World) -> None:
    """Every application is somebody else's from now on."""
    apps = {f"not-{name}": replace(app, client_id=f"not-{name}") for name, app in at.emulator.apps.items()}
    at.emulator.apps.clear()
    at.emulator.apps.update(apps)


async def ask(at: World) -> Verdict:
    assert isinstance(at.provider, TriesCredentials)
    return await at.provider.try_credentials(FLOW)


@pytest.mark.parametrize("way", TELLING)
async def test_good_credentials_are_known_by_what_a_made_up_code_comes_to(way: str) -> None:
    async with world(way) as at:
        assert (await ask(at)).good is True


@pytest.mark.parametrize("way", WITH_SECRET)
async def test_a_wrong_secret_is_known_and_what_was_answered_is_told(way: str) -> None:
    async with world(way) as at:
        for client_id, app in at.emulator.apps.items():
            at.emulator.apps[client_id] = replace(app, client_secret="another secret")
        verdict = await ask(at)
    assert verdict.good is False
    assert "status" in verdict.detail


@pytest.mark.parametrize("way", TELLING)
async def test_an_application_that_is_gone_is_known(way: str) -> None:
    async with world(way) as at:
        move_out(at)
        assert (await ask(at)).good is False


@pytest.mark.parametrize("way", sorted(SILENT))
async def test_what_an_upstream_does_not_tell_is_not_guessed(way: str) -> None:
    async with world(way) as at:
        assert (await ask(at)).good is None
        move_out(at)
        assert (await ask(at)).good is None


@pytest.mark.parametrize("way", TELLING)
async def test_an_upstream_that_is_down_says_nothing_about_us(way: str) -> None:
    async with world(way) as at:
        at.emulator.faults.switch("500", on=True)
        verdict = await ask(at)
    assert verdict.good is None
    assert "500" in verdict.detail


async def test_a_service_token_of_vk_is_tried_as_well() -> None:
    async with world("vk confidential") as at:
        app = at.emulator.apps["7654321"]
        at.emulator.apps["7654321"] = replace(app, extras={**app.extras, "service_token": "another"})
        assert (await ask(at)).good is False


async def test_the_token_of_a_bot_is_tried_and_nobody_is_written_to() -> None:
    async with world("telegram", bot_token="7000000001:t") as at:
        bot: object = abilities_of(at.provider).writes
        assert isinstance(bot, TriesCredentials)
        assert await bot.try_credentials(FLOW) == Verdict(True, "it was answered")
        assert [one["path"] for one in at.emulator.control.seen] == ["/bot7000000001:t/getMe"]
        at.emulator.faults.switch("message_401", on=True)
        assert await bot.try_credentials(FLOW) == Verdict(False, "the token of the bot is not good, or no more")
        at.emulator.faults.switch("500", on=True)
        assert await bot.try_credentials(FLOW) == Verdict(None, "getMe: status 500")


async def test_401_without_a_name_is_about_us_and_other_refusals_are_not() -> None:
    case = load_cases("yandex")[0]
    for status, good in {"401 Unauthorized": False, "400 Bad Request": None, "403 Forbidden": None}.items():
        async with case.on_bench() as bench:
            bench.server.answers["/token"] = answer_of(b"", status)
            assert isinstance(bench.provider, TriesCredentials)
            assert (await bench.provider.try_credentials(FLOW)).good is good


async def test_a_code_that_is_taken_all_the_same_proves_nothing() -> None:
    async with load_cases("yandex")[0].on_bench() as bench:
        assert isinstance(bench.provider, TriesCredentials)
        verdict = await bench.provider.try_credentials(FLOW)
        assert verdict == Verdict(None, "it was answered")
        (sent,) = bench.server.received
    assert sent.params["code"] == MADE_UP
    assert [fields["operation"] for fields in bench.notes.of(Event.UPSTREAM_CALLED)] == ["/token"]
