"""Pages of docs/how-to for operators, executed from top to bottom: their commands, beside a running broker."""

from __future__ import annotations

import asyncio
import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from broker.demo.people import ADA
from tests.conformance.hearing_app import HearingApp, listening
from tests.threats.journeys import authorize_url, back, http, new_visitor, refresh, sign_in, tokens_for, walk
from tests.threats.site import Site, running_site
from tests.threats.tours import sub_of
from tests.threats.ways import add, at_home

pytestmark = pytest.mark.anyio
PAGES = Path(__file__).parents[2] / "docs/how-to"
SHELL = 'broker() { "$PYTHON" -m broker "$@" --config config.yaml; }; '
SUB, OTHER = "k4fq3s7d2c5b6a7z4y3x2w1v2u", "b2d4f6h2j4k6m2n4p6q2r4s6t2"
SID, WAY, WAY_HOME = "Tm9uZSBvZiB5b3VycyE", "5yQ1c7l0bF3r9d2mXzKp8w", "Qm90aCBhcmUgaGVycyBh"
"""What the pages call the accounts, the session and the ways in."""


class Story:
    """The commands of a page, one after the other, in the folder of the broker."""

    def __init__(self, site: Site, page: str) -> None:
        text = (PAGES / page).read_text(encoding="utf-8")
        blocks = re.findall(r"^```sh\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
        self.left = [line for block in blocks for line in block.splitlines() if line]
        self.values: dict[str, str] = {"ada@example.com": ADA.email, "117500000000000000042": ADA.ids["google"]}
        self._site = site

    async def goes_on(self, begins: str) -> str:
        """What the next command prints, which begins so."""
        line = self.left.pop(0)
        assert line.startswith(f"broker {begins}"), line
        for shown, real in self.values.items():
            line = line.replace(shown, real)
        process = await asyncio.create_subprocess_exec(
            *("bash", "-euo", "pipefail", "-c", SHELL + line),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            cwd=self._site.folder,
            env={"PYTHON": sys.executable, "PATH": "/usr/bin:/bin"},
        )
        said, _ = await asyncio.wait_for(process.communicate(), 120)
        assert process.returncode == 0, f"{line}\n{said.decode()}"
        return said.decode()


async def look(site: Site, *words: str) -> dict[str, Any]:
    """What a command says as JSON, beside the page."""
    story = Story(site, "look-after-people.md")
    story.left = [f"broker {' '.join(words)} --json"]
    told: dict[str, Any] = json.loads(await story.goes_on(words[0]))
    return told


def column(printed: str, name: str) -> list[str]:
    """The values of a column of the first table that has it."""
    lines = [re.split("  +", line.strip()) for line in printed.splitlines()]
    head = next(number for number, cells in enumerate(lines) if name in cells)
    place = lines[head].index(name)
    return [cells[place] for cells in lines[head + 1 :] if len(cells) == len(lines[head])]


@pytest.fixture
def app() -> Iterator[HearingApp]:
    """Where the app hears of logouts."""
    with listening() as found:
        yield found


@pytest.fixture
def site(tmp_path: Path, app: HearingApp) -> Iterator[Site]:
    def change(config: dict[str, Any]) -> None:
        config["clients"]["app"]["backchannel_logout_uri"] = app.uri
        config["network"] = {"client_networks": ["127.0.0.0/8"]}

    with running_site(tmp_path, change) as found:
        yield found


async def add_vk(site: Site) -> None:
    """Ada adds VK to the account that she has by Google."""
    async with new_visitor() as visitor:
        await at_home(site, visitor, "google", "ada")
        page = await walk(await add(site, visitor, "vk"), visitor)
        assert page.has("way-2"), page.title


async def is_let_in(site: Site) -> bool:
    """Whether Ada gets in by Google."""
    async with new_visitor() as visitor:
        return "code" in back(await sign_in(site, visitor))


async def test_somebody_left_the_company(site: Site, app: HearingApp) -> None:
    story = Story(site, "somebody-left.md")
    sub, tokens = await sub_of(site), await tokens_for(site)
    story.values[SUB] = sub
    assert f"sub: {sub}" in await story.goes_on("account find")
    assert ADA.ids["google"] in await story.goes_on("account show")
    assert sub in await story.goes_on("account find --provider google")
    assert "blocked: yes" in await story.goes_on("account block")
    assert app.heard.get(timeout=60)["logout_token"]
    assert not await is_let_in(site)
    async with http(site) as client:
        assert (await refresh(site, client, tokens["refresh_token"])).json()["error"] == "invalid_grant"
        assert sub in await story.goes_on("account find --blocked")
        assert "sessions: -" in await story.goes_on("session list")
        shown = await story.goes_on("account show")
        assert "blocked_why: left, ticket 4711" in shown
        assert "apps: -" in shown
        assert "blocked: no" in await story.goes_on("account unblock")
        assert await sub_of(site) == sub
        assert (await refresh(site, client, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    assert story.left == []


async def test_who_signed_in_as_this_person_last_week(site: Site) -> None:
    story = Story(site, "who-signed-in.md")
    sub = story.values[SUB] = await sub_of(site)
    tokens = await tokens_for(site)
    await add_vk(site)
    await story.goes_on("account find")
    history = await story.goes_on("session list")
    assert len(column(history, "SID")) == 4
    assert {"google"} == set(column(history, "PROVIDER"))
    assert "linked" in await story.goes_on("account show")
    story.values[SID] = column(history, "SID")[0]
    assert "changed: yes" in await story.goes_on("session end")
    assert story.values[SID] not in str(await look(site, "session", "list", sub))
    assert "changed: yes" in await story.goes_on("account end")
    async with http(site) as client:
        assert (await refresh(site, client, tokens["refresh_token"])).json()["error"] == "invalid_grant"
    story.values[WAY] = (await look(site, "account", "show", sub))["ways"][1]["way"]
    await story.goes_on("account unlink")
    assert [one["provider"] for one in (await look(site, "account", "show", sub))["ways"]] == ["google"]
    assert story.left == []


async def test_look_after_people(site: Site) -> None:
    story = Story(site, "look-after-people.md")
    sub, other = await sub_of(site), await sub_of(site, "yandex")
    story.values |= {SUB: sub, OTHER: other}
    for begins in ("account find --email", "account find --provider"):
        assert sub in await story.goes_on(begins)
    assert sub in await story.goes_on("account find --name")
    assert (await story.goes_on("account find --phone")).startswith("accounts:")
    assert await story.goes_on("account find --blocked") == "accounts: -\n"
    await story.goes_on("account show")
    await story.goes_on("account block")
    assert not await is_let_in(site)
    await story.goes_on("account unblock")
    await add_vk(site)
    await phone_is_lost(site, story)
    assert column(await story.goes_on("session list"), "SID")
    await joined(site, story)
    async with new_visitor() as visitor:
        page = await sign_in(site, visitor, "shop", scope="openid profile offline_access")
        assert "code" in back(page)
        assert "shop" in await story.goes_on("consent list")
        assert "changed: yes" in await story.goes_on("consent revoke")
        assert (await visitor.get(authorize_url(site, "shop"))).has("allow"), "it has to ask again"
    exported = await story.goes_on("account export")
    assert (exported, sub in (site.folder / "export.json").read_text()) == ("", True)
    assert "closes_at: 2" in await story.goes_on("account delete")
    assert "changed: yes" in await story.goes_on("account keep")
    assert await is_let_in(site)
    assert story.left == []


async def test_answer_a_data_request(site: Site) -> None:
    story = Story(site, "answer-a-data-request.md")
    sub = story.values[SUB] = await sub_of(site)
    assert sub in await story.goes_on("account find --email")
    assert (await story.goes_on("account find --phone")).startswith("accounts:")
    assert sub in await story.goes_on("account find --name")
    assert sub in await story.goes_on("account show")
    await story.goes_on("account export")
    assert json.loads((site.folder / "export.json").read_text())["ways_in"][0]["subject"] == ADA.ids["google"]
    assert "deleted: no" in await story.goes_on("account delete")
    assert "deleted: yes" in await story.goes_on("account delete")
    assert story.left == []
    assert await sub_of(site) != sub, "who comes back is somebody new"


async def phone_is_lost(site: Site, story: Story) -> None:
    """The section of that name."""
    shown = await look(site, "account", "show", story.values[SUB])
    story.values |= {SID: shown["sessions"][0]["sid"], WAY: shown["ways"][1]["way"]}
    assert "vk" in await story.goes_on("account show")
    assert story.values[SID] in await story.goes_on("session list")
    await story.goes_on("session end")
    await story.goes_on("account end")
    await story.goes_on("account unlink")
    assert (await look(site, "account", "show", story.values[SUB]))["sessions"] == []


async def joined(site: Site, story: Story) -> None:
    """Two accounts are one, and two again."""
    sub, other = story.values[SUB], story.values[OTHER]
    assert f"absorbed: {other}" in await story.goes_on("account merge")
    assert await sub_of(site, "yandex") == sub
    shown = await look(site, "account", "show", other)
    story.values[WAY_HOME] = next(one["way"] for one in shown["ways"] if one["provider"] == "yandex")
    assert f"went_home_to: {other}" in await story.goes_on("account unlink")
    assert await sub_of(site, "yandex") == other
