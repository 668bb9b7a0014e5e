"""docs/how-to/who-may-come-in.md, done to a running broker: every door asks, what is not told opens none (D11, D15)."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator, Mapping
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any, Final, cast

import pytest

from broker.config.source import parse
from broker.core.errors import NOT_ADMITTED
from broker.demo.visitor import Page
from tests.threats.doors import DOORS, configure
from tests.threats.journeys import back, http, new_visitor, refresh, sign_in, tokens_for
from tests.threats.site import Site, running_site
from tests.threats.tours import broker_command, sub_of

pytestmark = pytest.mark.anyio
TEXT: Final = (Path(__file__).parents[2] / "docs/how-to/who-may-come-in.md").read_text(encoding="utf-8")
COMMANDS: Final = [shlex.split(line) for line in re.findall(r"^broker (.+)$", TEXT, re.MULTILINE)]
COMPANY, ONE_APP, INVITED = re.findall(r"```yaml\n(.+?)```", TEXT, re.DOTALL)
OURS: Final = "gmail.com"  # where Ada of the emulators works; Boris has no address, and Zoë's is of another domain


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    with running_site(tmp_path, configure) as found:
        yield found


def demand(site: Site, block: str) -> None:
    """Write a block of the page into the configuration, and start anew with it."""
    site.stop()
    merge(site.config, cast("dict[str, Any]", parse(block.replace("corp.example", OURS), "page").data))
    site.start()


def merge(into: dict[str, Any], more: Mapping[str, Any]) -> None:
    for key, value in more.items():
        if isinstance(value, Mapping) and isinstance(into.get(key), dict):
            merge(into[key], value)
        else:
            into[key] = value


async def come(site: Site, client_id: str = "app", person: str = "ada", **changes: str) -> Page:
    """Where a login ends."""
    async with new_visitor() as visitor:
        return await sign_in(site, visitor, client_id, person, **changes)


def refused(site: Site) -> list[str]:
    """The demands that were not met, in this start."""
    return [str(line["demand"]) for line in site.log() if line["event"] == "access.refused"]


async def invite(site: Site, *words: str) -> str:
    """A command of the page."""
    (found,) = (command for command in COMMANDS if tuple(command[: len(words)]) == words)
    return await broker_command(site, *[word.replace("corp.example", OURS) for word in found])


async def test_d11_d15_only_people_of_our_company_come_in_by_any_door(site: Site) -> None:
    async with AsyncExitStack() as browsers:
        doors = {
            name: await door(site, await browsers.enter_async_context(new_visitor())) for name, door in DOORS.items()
        }
        await sub_of(site)
        site.stop()
        site.config["access"] = {"email_domains": ["corp.example"]}
        site.start()
        assert {name: await knock() for name, knock in doors.items()} == dict.fromkeys(DOORS, False)
        del site.config["access"]
        demand(site, COMPANY)
        assert "code" in back(await come(site))
        assert (await come(site, person="zoe")).text_of("code") == "E-ACCESS"
        assert (await come(site, person="boris")).text_of("code") == "E-ACCESS"
        assert set(refused(site)) == {"access.email_domains"}


async def test_d15_one_app_is_for_some_people_and_the_others_for_all(site: Site) -> None:
    demand(site, ONE_APP)
    for person in ("boris", "zoe"):
        async with new_visitor() as visitor:
            page = await sign_in(site, visitor, "shop", person)
            assert (page.status, page.text_of("code")) == (403, "E-ACCESS")
            assert "mailbox" not in page.text
            assert page.has("other-way")
            told = (await visitor.click("back-to-app")).params
        assert (told["error"], told["error_description"]) == ("access_denied", NOT_ADMITTED)
        assert "code" in back(await come(site, "app", person))
    assert "code" in back(await come(site, "shop"))
    assert "code" in back(await come(site, "shop", "boris", idp_hint="vk")), "the rule is about Google's people"
    assert refused(site) == ["clients.shop.access.rules.mailbox"] * 2
    async with http(site) as client:
        tokens = await tokens_for(site, client_id="shop")
        site.stop()
        site.config["clients"]["shop"]["access"]["rules"]["mailbox"]["require"] = "groups == `null` && !guest"
        site.start()
        answer = await refresh(site, client, tokens["refresh_token"], "shop")
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")


async def test_only_who_was_invited_gets_an_account_and_once(site: Site) -> None:
    known = await sub_of(site, person="boris")
    demand(site, INVITED)
    assert await sub_of(site, person="boris") == known
    page = await come(site)
    assert (page.status, page.text_of("code")) == (403, "E-SIGNUP")
    for words in (("--email",), ("--provider",), ("--phone",)):
        await invite(site, "invite", "add", *words)
    assert len(json.loads(await broker_command(site, "invite", "list", "--json"))["invitations"]) == 3
    assert f"ada.lovelace@{OURS}".encode() not in site.database_bytes()
    assert "code" in back(await come(site))
    assert "code" in back(await come(site, person="zoe"))
    assert "freelancer" in await invite(site, "invite", "list")
    await invite(site, "invite", "remove")
    assert json.loads(await broker_command(site, "invite", "list", "--json"))["invitations"] == []
    assert (await come(site, idp_hint="yandex")).text_of("code") == "E-SIGNUP"
