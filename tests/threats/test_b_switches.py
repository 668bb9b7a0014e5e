"""docs/how-to/switch-off.md, done to a running broker by its commands: after the answer every path refuses (B9, F9)."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import httpx2
import pytest

from broker.demo.visitor import Visitor
from tests.threats.journeys import (
    authorize_url,
    back,
    code_for,
    http,
    introspect,
    new_visitor,
    push,
    redeem,
    refresh,
    tokens_for,
    until_callback,
    userinfo,
)
from tests.threats.site import Site, running_site
from tests.threats.tours import broker_command, called, issued, signed_link

pytestmark = pytest.mark.anyio
TEXT: Final = (Path(__file__).parents[2] / "docs/how-to/switch-off.md").read_text(encoding="utf-8")
COMMANDS: Final = [shlex.split(line) for line in re.findall(r"^broker (.+)$", TEXT, re.MULTILINE)]


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[Site]:
    """A site whose providers and apps may be switched off."""
    with running_site(tmp_path) as site:
        yield site


async def do(site: Site, *begins: str) -> str:
    """The command of the page that begins so."""
    (words,) = (words for words in COMMANDS if tuple(words[: len(begins)]) == begins)
    return await broker_command(site, *words)


async def seen(site: Site, client: httpx2.AsyncClient, name: str) -> str:
    """A gauge of the metrics."""
    found = re.search(rf"^{re.escape(name)} (.+)$", (await client.get(f"{site.management}/metrics")).text, re.MULTILINE)
    return found[1] if found else ""


async def test_b9_f9_a_provider_switched_off_is_off_on_every_path_at_once(own_site: Site) -> None:
    site = own_site
    async with new_visitor() as visitor, http(site) as client:
        tokens = await tokens_for(site, visitor=visitor)
        code = await code_for(site, visitor)
        shop = await visitor.get(authorize_url(site, "shop"))
        ticket = next(form.fields["ticket"] for form in shop.markup.forms if "ticket" in form.fields)
        callback = await until_callback(site, visitor, prompt="login")
        link = await signed_link(site, "telegram")
        await broker_command(site, "provider", "off", "telegram", "--why", "its bot was taken over")
        assert "state: switched_off\noff_at: 20" in await do(site, "provider", "off", "google")
        before, asked = issued(site), called(site)
        assert (await userinfo(site, client, tokens["access_token"])).status_code == 401
        assert await introspect(site, client, tokens["access_token"]) == {"active": False}
        told = (await refresh(site, client, tokens["refresh_token"])).json()
        assert told["error"] == "invalid_grant"
        assert "operator switched this provider off" in told["error_description"]
        assert (await redeem(site, client, code)).json()["error"] == "invalid_grant"
        assert (await visitor.get(callback)).text_of("code") == "E-OFF"
        assert back(await visitor.get(authorize_url(site, prompt="none")))["error"] == "login_required"
        assert (await visitor.get(link)).status == 503
        answered = await visitor.post(f"{site.issuer}/consent", {"ticket": ticket, "answer": "allow"})
        assert "code" not in back(answered)
        page = await visitor.get(authorize_url(site, idp_hint="google"))
        assert "Switched off" in page.text_of("provider-google")
        assert issued(site)[:2] == before[:2]
        assert called(site) == asked
        assert await seen(site, client, 'broker_provider_switched_off{provider="google"}') == "1.0"
        listed = json.loads(await broker_command(site, "provider", "list", "--json"))["providers"]
        states = {one["provider"]: one["state"] for one in listed}
        assert (states["google"], states["vk"]) == ("switched_off", "on")
        assert "client secret leaked, rotating it" in await do(site, "provider", "list")
        site.stop()
        site.start()
        assert (await userinfo(site, client, tokens["access_token"])).status_code == 401, "it outlives a restart"
        assert "state: on\nchanged: yes" in await do(site, "provider", "on", "google")
        assert (await refresh(site, client, tokens["refresh_token"])).status_code == 200
        assert await seen(site, client, 'broker_provider_switched_off{provider="google"}') == "0.0"
        audited = [line for line in site.log() if line.get("event") == "provider.switched"]
        assert [(line["provider"], line["switched"], line["why"]) for line in audited] == [
            ("google", "on", "new secret is in place")
        ]
        assert audited[0]["by"]
        assert audited[0]["audit"] is True


async def test_f9_a_client_switched_off_gets_nothing_and_hears_why(own_site: Site) -> None:
    site = own_site
    site.config["clients"]["shop"]["first_party"] = True
    site.stop()
    site.start()
    async with new_visitor() as visitor, http(site) as client:
        tokens = await tokens_for(site, "shop", visitor=visitor, scope="openid offline_access")
        code = await code_for(site, visitor, "shop")
        callback = await until_callback(site, visitor, client_id="shop", prompt="login")
        await do(site, "client", "off", "shop")
        assert (await userinfo(site, client, tokens["access_token"])).status_code == 401
        for refused in (
            await refresh(site, client, tokens["refresh_token"], "shop"),
            await redeem(site, client, code, "shop"),
            await push(site, client, "shop"),
        ):
            assert (refused.status_code, refused.json()["error"]) == (400, "unauthorized_client")
            assert "operator switched this client off" in refused.json()["error_description"]
        for address in (authorize_url(site, "shop"), authorize_url(site, "shop", prompt="none"), callback):
            page = await visitor.get(address)
            assert (page.status, page.text_of("code")) == (400, "E-APPOFF")
        others = await tokens_for(site)
        assert (await userinfo(site, client, others["access_token"])).status_code == 200
        assert "its secret is in a public repository" in await do(site, "client", "list")
        await do(site, "client", "on", "shop")
        assert (await redeem(site, client, code, "shop")).status_code == 200


async def test_a_misspelt_name_and_a_missing_reason_switch_nothing_off(site: Site, visitor: Visitor) -> None:
    for words in (("gogle", "--why", "x"), ("google",), ("google", "--why", " ")):
        with pytest.raises(AssertionError):
            await broker_command(site, "provider", "off", *words)
    assert site.rows("switched_off") == 0
    assert (await visitor.get(authorize_url(site))).status == 200
