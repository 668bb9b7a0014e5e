"""docs/how-to/add-an-app.md, done to a running broker by its commands: apps come, change and go without a restart."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from broker.demo.visitor import Visitor
from tests.threats.journeys import authorize_url, back, code_for, http, redeem, tokens_for, userinfo
from tests.threats.site import Site, running_site
from tests.threats.tours import broker_command

pytestmark = pytest.mark.anyio
TEXT: Final = (Path(__file__).parents[2] / "docs/how-to/add-an-app.md").read_text(encoding="utf-8")
COMMANDS: Final = [shlex.split(line) for line in re.findall(r"^broker (.+)$", TEXT, re.MULTILINE)]
FILE: Final = re.search(r"^```yaml\n(.*?)^```", TEXT, re.MULTILINE | re.DOTALL)
WIKI: Final = "https://wiki.example.com/cb"


@pytest.fixture
def own_site(tmp_path: Path) -> Iterator[Site]:
    """A site whose apps may be made and deleted."""
    with running_site(tmp_path) as site:
        yield site


async def do(site: Site, *begins: str, which: int = 0) -> str:
    """A command of the page that begins so."""
    words = [words for words in COMMANDS if tuple(words[: len(begins)]) == begins][which]
    return await broker_command(site, *[str(site.folder / word) if word == "tv.yaml" else word for word in words])


def secret_in(told: str) -> str:
    """What was shown this once."""
    found = re.search(r"^client_secret: (\S+)$", told, re.MULTILINE)
    assert found is not None, told
    return found[1]


def give(site: Site, secret: str) -> None:
    """The app's developer has it; the broker's file knows nothing of the app."""
    site.config["clients"]["wiki"] = {"redirect_uris": [WIKI], "secret": secret, "auth_method": "client_secret_basic"}


async def test_l9_an_app_is_added_changed_given_another_secret_and_deleted_without_a_restart(own_site: Site) -> None:
    site, started = own_site, own_site.pid
    async with Visitor(stops=("https://",)) as visitor, http(site) as client:
        first = secret_in(await do(site, "client", "create", "wiki"))
        give(site, first)
        page = await visitor.get(authorize_url(site, "wiki", scope="openid email", idp_hint="google"))
        page = await visitor.click("person-ada") if page.has("person-ada") else page
        assert page.has("allow"), "it is asked about"
        code = back(await visitor.click("allow"))["code"]
        assert (await redeem(site, client, code, "wiki")).status_code == 200
        await do(site, "client", "change", "wiki")
        tokens = await tokens_for(site, "wiki", visitor=visitor, scope="openid email")
        assert (await userinfo(site, client, tokens["access_token"])).json()["email"]
        changed = json.loads(await broker_command(site, "client", "show", "wiki", "--json"))["settings"]
        assert (changed["scopes"], changed["first_party"]) == (["openid", "email"], True)
        await do(site, "client", "change", "wiki", which=1)
        assert "first_party" not in await do(site, "client", "show", "wiki")
        second = secret_in(await do(site, "client", "rotate-secret", "wiki"))
        for secret in (first, second):
            give(site, secret)
            code = await code_for(site, visitor, "wiki", scope="openid email")
            assert (await redeem(site, client, code, "wiki")).status_code == 200, "both count for a while"
        third = secret_in(await do(site, "client", "rotate-secret", "wiki", which=1))
        for secret, status in ((first, 401), (second, 401), (third, 200)):
            give(site, secret)
            code = await code_for(site, visitor, "wiki", scope="openid email")
            assert (await redeem(site, client, code, "wiki")).status_code == status
        await off_and_on(site, visitor)
        await do(site, "client", "delete", "wiki")
        page = await visitor.get(authorize_url(site, "wiki"))
        assert (page.status, page.text_of("code")) == (400, "E-CLIENT")
        assert (await userinfo(site, client, tokens["access_token"])).status_code == 401
        assert site.pid == started
    nowhere(site, first, second, third)


async def off_and_on(site: Site, visitor: Visitor) -> None:
    """The switch works as for an app of the file."""
    await do(site, "client", "off", "wiki")
    assert "switched_off" in await do(site, "client", "list")
    page = await visitor.get(authorize_url(site, "wiki"))
    assert (page.status, page.text_of("code")) == (400, "E-APPOFF")
    await do(site, "client", "on", "wiki")


def nowhere(site: Site, *secrets: str) -> None:
    """No secret was written down, and every deed was, with who and why."""
    for secret in secrets:
        assert secret.encode() not in site.log_bytes()
        assert secret.encode() not in site.database_bytes()
    acted = [line for line in site.log() if line.get("event") == "operator.acted" and line.get("why")]
    assert [line["use_case"] for line in acted if line["use_case"] not in {"client.off", "client.on"}] == [
        *("client.create", "client.change", "client.change", "client.rotate-secret", "client.rotate-secret"),
        "client.delete",
    ]
    assert all(line["client_id"] == "wiki" and line["by"] and line["audit"] is True for line in acted)


async def test_an_app_from_a_file_is_one_of_the_same_words_and_moves_into_the_configuration(own_site: Site) -> None:
    site = own_site
    assert FILE is not None
    (site.folder / "tv.yaml").write_text(FILE[1], encoding="utf-8")
    assert "client_secret" not in await do(site, "client", "create", "tv")
    async with http(site) as client, Visitor(stops=("https://",)) as visitor:
        asked = await client.post(f"{site.issuer}/device_authorization", data={"client_id": "tv", "scope": "openid"})
        assert asked.status_code == 200, asked.text
        give(site, secret_in(await do(site, "client", "create", "wiki")))
        tokens = await tokens_for(site, "wiki", visitor=visitor, scope="openid email")
        exported = await do(site, "client", "export", "wiki")
        assert exported.startswith("  wiki:\n    name: Wiki\n")
        again = site.folder / "again.yaml"
        again.write_text(exported, encoding="utf-8")
        await do(site, "client", "delete", "wiki")
        await broker_command(site, "client", "create", "wiki", "--from", str(again), "--why", "moved there and back")
        assert (await userinfo(site, client, tokens["access_token"])).status_code == 200, "with the secret it had"
        site.config["clients"]["wiki"] |= {"name": "Wiki, of the file", "first_party": True}
        site.stop()
        site.start()
        listed = json.loads(await broker_command(site, "client", "list", "--json"))["clients"]
        assert {one["client_id"]: one["source"] for one in listed}["wiki"] == "file"
        await do(site, "client", "delete", "wiki")
        assert (await userinfo(site, client, tokens["access_token"])).status_code == 200


async def test_a_browser_calls_from_the_origin_of_an_app_as_soon_as_there_is_one(own_site: Site) -> None:
    site, spa = own_site, "https://new.example.com"
    said = ("name=SPA", f"redirect_uris=[{spa}/cb]", "auth_method=none", f"origins=[{spa}]")
    words = [word for one in said for word in ("--set", one)]

    async def allowed() -> bool:
        async with http(site) as client:
            asked = {"origin": spa, "access-control-request-method": "POST"}
            return (await client.request("OPTIONS", f"{site.issuer}/token", headers=asked)).status_code == 204

    assert not await allowed()
    await broker_command(site, "client", "create", "new", *words, "--why", "x")
    assert await allowed()
    await broker_command(site, "client", "delete", "new", "--why", "x")
    assert not await allowed()


async def test_without_a_running_broker_the_database_is_opened(own_site: Site) -> None:
    site = own_site
    site.stop()
    give(site, secret_in(await do(site, "client", "create", "wiki")))
    known: dict[str, Any] = site.config["clients"].pop("wiki")
    site.start()
    site.config["clients"]["wiki"] = known
    async with http(site) as client:
        code = await code_for(site, None, "wiki", scope="openid email")
        assert (await redeem(site, client, code, "wiki")).status_code == 200
