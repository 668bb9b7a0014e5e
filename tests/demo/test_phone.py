"""The demo's app on a phone: `broker demo phone`, run as people run it, against the running demo."""

from __future__ import annotations

import asyncio
import re
import sys
from collections.abc import AsyncIterator, Mapping
from typing import Any

import pytest

from broker.cli.demo import run_phone
from broker.config.load import load_text
from broker.config.model import Config
from broker.demo.people import ADA, PEOPLE, Person
from broker.demo.phone import build_phone
from broker.demo.run import Demo, banner, running
from broker.demo.visitor import Page, Visitor
from broker.registry import settings_class
from tests.demo.test_demo_run import ANY_PORT, ROOT, moved_config

pytestmark = pytest.mark.anyio
KITS = ("google", "vk", "ok", "yandex", "telegram")


@pytest.fixture
def config() -> Config:
    return load_text(moved_config(), "config.yaml", settings_class, environ={}, base=ROOT).config


@pytest.fixture
async def demo(config: Config, anyio_backend: str) -> AsyncIterator[Demo]:
    async with running(config, ports=ANY_PORT) as started:
        yield started


async def run(demo: Demo, **order: str) -> int:
    """The app beside the demo; its exit status."""
    given: dict[str, Any] = {"person": "ada", **order, "upstreams": demo.upstreams}
    try:
        return await asyncio.to_thread(run_phone, demo.config, **given)
    except SystemExit as end:
        return int(end.code or 0)


@pytest.mark.parametrize("provider", KITS)
@pytest.mark.parametrize("person", PEOPLE, ids=lambda person: person.key)
async def test_a_kit_signs_somebody_in_and_the_server_knows_whose_id_it_is(
    demo: Demo, capsys: pytest.CaptureFixture[str], provider: str, person: Person
) -> None:
    assert await run(demo, provider=provider, person=person.key) == 0
    told = capsys.readouterr().out
    me = re.search(r"^2\. .*: (.+), sub (\S+)$", told, re.MULTILINE)
    assert me is not None, told
    assert me[1] == " ".join(person.name.split())
    assert "refused (invalid_request: the subject token is not acceptable" in told
    assert "4. Refreshed" in told
    assert f"id {person.ids[provider]}; the app's server asks whose it is: {me[2]}\n" in told


@pytest.mark.parametrize(("who", "status"), [("ada", 0), ("boris", 1)])
async def test_a_second_way_in_is_added_for_who_signs_in_in_the_browser(
    demo: Demo, capsys: pytest.CaptureFixture[str], who: str, status: int
) -> None:
    going = asyncio.create_task(run(demo, provider="google", link="vk"))
    told = ""
    while not (asked := re.search(r"^(http\S+)$", told, re.MULTILINE)):
        await asyncio.sleep(0.05)
        told += capsys.readouterr().out
    async with Visitor() as visitor:
        await visitor.get(asked[1])
        await visitor.click("provider-google")
        back: Page = await visitor.click(f"person-{who}")
        assert (back.status, back.text) == (200, "Back to the app.")
    assert await going == status
    shown = capsys.readouterr()
    assert (f"Added: VK ID, {ADA.ids['vk']}" in shown.out) is (status == 0)
    assert ("somebody else signed in" in shown.err) is (status == 1)


async def test_whoever_else_knocks_is_not_the_answer_and_a_no_is_told(
    demo: Demo, capsys: pytest.CaptureFixture[str]
) -> None:
    going = asyncio.create_task(run(demo, provider="google", link="vk"))
    told = ""
    while not (asked := re.search(r"^(http\S+)$", told, re.MULTILINE)):
        await asyncio.sleep(0.05)
        told += capsys.readouterr().out
    async with Visitor() as visitor:
        page = await visitor.get(asked[1])
        back = re.search(r"redirect_uri=http%3A%2F%2F127.0.0.1%3A(\d+)%2Fcallback", page.url)
        assert back is not None
        await visitor.get(f"http://127.0.0.1:{back[1]}/callback?code=of-somebody&state=else&iss={demo.config.issuer}")
        assert not going.done()
        await visitor.get(asked[1])
        await visitor.click("provider-google")
        await visitor.click("cancel")
        await visitor.click("back-to-app")
    assert await going == 1
    assert "access_denied" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("order", "said"),
    [
        ({"provider": "oidc"}, "oidc: the demo's phone has kits of google, vk, ok, yandex, telegram"),
        ({"provider": "google", "link": "nowhere"}, "nowhere: the demo's phone has kits of"),
        ({"provider": "google", "person": "nobody"}, "nobody"),
    ],
)
async def test_what_makes_no_sense_is_told_in_a_line(
    demo: Demo, capsys: pytest.CaptureFixture[str], order: Mapping[str, str], said: str
) -> None:
    assert await run(demo, **order) == 1
    shown = capsys.readouterr().err
    assert said in shown
    assert len(shown.splitlines()) == 1, shown


def test_without_a_demo_it_says_what_to_start(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        run_phone(config, provider="google", person="ada")
    assert "start `make demo`" in capsys.readouterr().err


def test_without_a_client_for_it_there_is_no_phone(config: Config, capsys: pytest.CaptureFixture[str]) -> None:
    clients = {name: client for name, client in config.clients.items() if name != "demo-native"}
    poorer = config.model_copy(update={"clients": clients})
    assert build_phone(poorer) is None
    with pytest.raises(SystemExit):
        run_phone(poorer, provider="google", person="ada")
    assert "accept_posted" in capsys.readouterr().err


async def test_the_banner_says_how_to_run_it(demo: Demo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "argv", [".venv/bin/broker", "demo"])
    assert "Phone app    .venv/bin/broker demo phone" in banner(demo)


def test_the_kits_are_at_the_ports_of_the_demo(config: Config) -> None:
    phone = build_phone(config)
    assert phone is not None
    assert phone.kits["google"].url == "http://127.0.0.1:8410"
    assert phone.kits.keys() == set(KITS)
