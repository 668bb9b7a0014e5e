"""docs/how-to/two-accounts.md, done: two accounts become one and two again, and the command that says who is asked."""

from __future__ import annotations

import asyncio
import json
import os
import re
import shlex
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx2
import pytest

from broker.config.source import parse
from broker.demo.background import RunningBroker
from broker.demo.visitor import Page, Visitor
from broker.testing import running_broker
from tests.cli.conftest import LIVE

TEXT: Final = (Path(__file__).parents[2] / "docs/how-to/two-accounts.md").read_text(encoding="utf-8")
passed: list[float] = [-400]
"""Seconds between the clock and the broker's, which is late: nobody believes a token of the future."""


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    with running_broker(clock=lambda: time.time() + sum(passed)) as running:
        yield running


def test_my_user_has_two_accounts(broker: RunningBroker) -> None:
    kept, other = (broker.login(provider, "ada") for provider in ("google", "vk"))
    assert kept.claims["sub"] != other.claims["sub"]
    passed.append(1)
    asyncio.run(join_the_two(broker))
    for provider in ("google", "vk"):
        claims = broker.login(provider, "ada").claims
        assert (claims["sub"], claims["former_subs"]) == (kept.claims["sub"], [other.claims["sub"]])
    client = broker.client()
    told = httpx2.post(
        f"{broker.issuer}/identities/lookup",
        data={"former_sub": other.claims["sub"]},
        auth=(client.client_id, client.client_secret),
        trust_env=False,
    )
    assert told.json() == {"sub": kept.claims["sub"]}
    assert ask_userinfo(broker, other.tokens["access_token"]) == 401, "tokens of the other account stop working"
    assert ask_userinfo(broker, kept.tokens["access_token"]) == 200
    passed.append(1)
    asyncio.run(take_apart(broker))
    passed.append(1)
    assert broker.login("vk", "ada").claims["sub"] == other.claims["sub"]
    assert broker.login("google", "ada").claims["sub"] == kept.claims["sub"]


def ask_userinfo(broker: RunningBroker, token: str) -> int:
    headers = {"Authorization": f"Bearer {token}"}
    return httpx2.get(f"{broker.issuer}/userinfo", headers=headers, trust_env=False).status_code


async def go_home(broker: RunningBroker, visitor: Visitor) -> Page:
    """To the account page, by Google."""
    await visitor.get(f"{broker.issuer}/account")
    await visitor.click("provider-google")
    return await visitor.click("person-ada")


async def join_the_two(broker: RunningBroker) -> None:
    """The four steps, by somebody who thought about it for six minutes, and said no first."""
    async with Visitor() as visitor:
        page = await go_home(broker, visitor)
        assert "*Ways to sign in*" in TEXT
        assert "Ways to sign in" in page.text
        passed.append(360)
        page = await visitor.click("add-vk")
        assert page.text_of("code") == "E-AGAIN"
        await visitor.click("retry")
        await visitor.click("person-ada")
        await visitor.click("yes")
        for answer in ("deny", "allow"):
            page = await visitor.click("person-ada")
            said = " ".join(f"{page.text_of('asks')} {page.markup.title.partition(' · ')[0]}".split())
            assert said.replace("VK ID", "VK") in " ".join(TEXT.split()), said
            page = await visitor.click(answer)
            if answer == "deny":
                assert not page.has("way-2")
                await visitor.click("add-vk")
        assert page.has("way-2")


async def take_apart(broker: RunningBroker) -> None:
    async with Visitor() as visitor:
        page = await go_home(broker, visitor)
        name = next(name for name, text in page.markup.texts.items() if name.startswith("way-") and "VK" in text)
        await visitor.click(name.replace("way", "unlink"))
        assert (await visitor.click("yes")).has("notice")


def test_the_command_says_what_happens_with_the_settings_beside_it(tmp_path: Path) -> None:
    (settings,) = re.findall(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    (command,) = re.findall(r"^```sh\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
    whole = parse(LIVE.format(issuer="https://id.example.com", listen="127.0.0.1:8080", management=9400), "live").data
    shown = parse(settings, "two-accounts.md").data
    assert isinstance(whole, dict)
    assert isinstance(shown, dict)
    (tmp_path / "config.yaml").write_text(json.dumps({**whole, **shown}), encoding="utf-8")
    name, *words = shlex.split(command)
    assert name == "broker"
    secrets = {"GOOGLE_CLIENT_ID": "an-id", "GOOGLE_CLIENT_SECRET": "a-secret-of-24-characters"}
    done = subprocess.run(
        [sys.executable, "-m", "broker", *words],
        cwd=tmp_path,
        env={**os.environ, **secrets},
        capture_output=True,
        text=True,
        check=False,
    )
    assert "outcome: prove" in done.stdout.splitlines(), done.stdout + done.stderr
