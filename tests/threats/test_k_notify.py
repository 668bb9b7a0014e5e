"""Messages to people through kills and an unfriendly messenger (threats K7, I11): at least once, never too fast."""

from __future__ import annotations

import asyncio
import os
import random
from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from broker.services.notify.sending import AT_ONCE
from tests.threats.postman import BOT, Postman, configure
from tests.threats.site import running_site

pytestmark = pytest.mark.anyio


async def deliver(folder: Path, *, messages: int, people: int, per_bot: int, kills: int) -> dict[str, Any]:
    """Messages in numbers, ordered and sent while the messenger fails now and then and the broker is killed."""

    def change(config: dict[str, Any]) -> None:
        configure(config, per_bot=per_bot)

    dice = random.Random(messages)
    with running_site(folder, change) as site:
        postman = Postman.among(site, people, seed=messages)
        postman.bots.count, repeated, stop = per_bot, 0, asyncio.Event()
        share = -(-messages // 4)
        orders = [
            asyncio.create_task(postman.order(range(n, min(n + share, messages)))) for n in range(0, messages, share)
        ]
        trouble = asyncio.create_task(postman.disturb(stop))
        for _ in range(kills):
            await asyncio.sleep(dice.uniform(1.5, 4))
            site.kill()
            repeated += count_repeated(site.log())
            await asyncio.to_thread(site.start)
        await asyncio.gather(*orders)
        stop.set()
        await trouble
        await postman.emptied(within=3600)
        await postman.look_up()
        repeated += count_repeated(site.log())
        arrived = Counter(one.text for one in postman.bots.arrived)
        reached = {one.chat_id for one in postman.bots.arrived}
        blocked = {chat for bot, chat in postman.bots.blocked if bot == BOT}
        return {
            "accepted": len(postman.accepted),
            "statuses": dict(postman.statuses),
            "lost": sorted(text for text in told_as_sent(postman, blocked) if text not in arrived),
            "duplicates": arrived.total() - len(arrived),
            "most of one": max(arrived.values()),
            "repeated": repeated,
            "too fast": postman.bots.too_fast,
            "in spite": postman.bots.in_spite,
            "blocked and reached": sorted(reached & blocked),
        }


def count_repeated(log: list[dict[str, Any]]) -> int:
    """How often the broker says that it may send something twice."""
    return sum(line["event"] == "notify.repeated" for line in log)


def told_as_sent(postman: Postman, blocked: set[str]) -> set[str]:
    """The texts of accepted messages to people who let the bot write."""
    chats = [person.ids["telegram"] for person in postman.people]
    open_ = [number for number, chat in enumerate(chats) if chat not in blocked]
    mine = {text: int(text.removeprefix("message ")) % len(chats) for text in postman.accepted.values()}
    return {text for text, number in mine.items() if number in set(open_)}


def judge(found: dict[str, Any], *, kills: int, allowed: int) -> None:
    """The rules. `allowed`: answers that the messenger may have lost."""
    assert found["lost"] == []
    assert found["too fast"] == 0
    assert found["blocked and reached"] == []
    assert set(found["statuses"]) <= {"sent", "unreachable"}
    assert found["duplicates"] <= found["repeated"] <= kills * AT_ONCE + allowed
    assert found["most of one"] <= 5


@pytest.mark.timeout(900)
async def test_k7_i11_messages_survive_kills_and_never_go_faster_than_the_messenger_allows(tmp_path: Path) -> None:
    found = await deliver(tmp_path, messages=300, people=60, per_bot=30, kills=1)
    judge(found, kills=1, allowed=300)


@pytest.mark.soak
@pytest.mark.timeout(7200)
async def test_k7_i11_ten_thousand_messages(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    messages, kills = int(os.environ.get("MESSAGES", "10000")), int(os.environ.get("KILLS", "10"))
    found = await deliver(tmp_path, messages=messages, people=1000, per_bot=200, kills=kills)
    with capsys.disabled():
        print(f"\n{found}")  # noqa: T201 - the numbers are what a soak run is for
    judge(found, kills=kills, allowed=1000)
