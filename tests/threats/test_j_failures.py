"""Threats J: what a failure shows, and what the audit stream tells."""

from __future__ import annotations

import asyncio
import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.threats.journeys import (
    back,
    code_for,
    http,
    new_visitor,
    redeem,
    refresh,
    sign_in,
    tokens_for,
    until_callback,
    userinfo,
)
from tests.threats.plugins import PATH_SECRET, install
from tests.threats.site import Site, running_site
from tests.threats.tours import broker_command, consent_page

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site with a provider from another package that breaks."""
    folder = tmp_path_factory.mktemp("broken")

    def change(config: dict[str, Any]) -> None:
        config["providers"]["broken"] = {
            "type": "broken",
            "client_id": "x",
            "client_secret": "pluginsecret-4711-abcdef",
        }

    with running_site(folder, change, environment={"PYTHONPATH": str(install(folder))}) as site:
        yield site


async def test_j8_a_bug_shows_a_reference_and_nothing_of_itself(broken: Site) -> None:
    site = broken
    async with new_visitor() as visitor, http(site) as client:
        assert "code" in back(await sign_in(site, visitor, idp_hint="broken"))
        for hint in ("begin", "finish", "nothing"):
            page = await sign_in(site, visitor, idp_hint="broken", login_hint=hint, prompt="login")
            assert page.status == 500
            assert page.has("reference")
            check_silent(page.text + str(page.headers))
            reference = page.text_of("reference")
            await asyncio.sleep(0.1)  # lines are gathered for a moment before they are written
            assert any(e["event"] == "server.error" and e["request_id"] == reference for e in site.log())
        answer = await client.get("/enter/broken/app", params={"x": "y"})
        assert answer.status_code == 500
        check_silent(answer.text)
    assert b"pluginsecret-4711" not in site.log_bytes()
    assert PATH_SECRET.encode() in site.log_bytes(), "the operator is told what happened"


def check_silent(text: str) -> None:
    """No trace, no path, no version, no words of the exception."""
    for word in (
        PATH_SECRET,
        "Traceback",
        "RuntimeError",
        "KeyError",
        "AttributeError",
        "ZeroDivision",
        ".py",
        "site-packages",
        "uvicorn",
        "Starlette",
        "Python/",
        "pluginsecret",
        str(Path(__file__).parents[2]),
    ):
        assert word not in text, word


async def test_j8_a_store_that_breaks_shows_no_query(tmp_path: Path) -> None:
    with running_site(tmp_path) as site:
        async with new_visitor() as visitor, http(site) as client:
            tokens = await tokens_for(site, visitor=visitor)
            code = await code_for(site, visitor)
            callback = await until_callback(site, visitor, prompt="login")
            site.script(
                "DROP VIEW standing_grants; ALTER TABLE refresh_tokens RENAME TO a; ALTER TABLE links RENAME TO b;"
            )
            for answer in (
                await userinfo(site, client, tokens["access_token"]),
                await refresh(site, client, tokens["refresh_token"]),
                await redeem(site, client, code),
            ):
                assert answer.status_code in {500, 503}
                check_silent(answer.text)
                assert not re.search(r"(?i)select|sqlite|no such|table|refresh_tokens", answer.text)
            page = await visitor.get(callback)
            assert page.status in {500, 503}
            check_silent(page.text)


async def test_j11_every_deed_is_in_the_audit_stream_once(tmp_path: Path) -> None:
    audit = tmp_path / "audit.log"

    def change(config: dict[str, Any]) -> None:
        config["logging"] = {"level": "error", "format": "json", "audit": str(audit)}

    with running_site(tmp_path, change) as site:
        async with new_visitor() as visitor, http(site) as client:
            await consent_page(site, visitor)
            page = await visitor.click("allow")
            tokens = (await redeem(site, client, back(page)["code"], "shop")).json()
            await refresh(site, client, tokens["refresh_token"], "shop")
            await redeem(site, client, back(page)["code"], "shop")
            await consent_page(site, visitor)
            await visitor.click("deny")
        await broker_command(site, "keys", "rotate", "--now")
        events = [json.loads(line)["event"] for line in audit.read_text().splitlines()]
        for once in ("account.created", "consent.given", "consent.refused", "code.replayed"):
            assert events.count(once) == 1, (once, events)
        assert events.count("login.succeeded") == 1
        assert {"session.started", "token.issued", "token.refreshed", "key.created", "key.activated"} <= set(events)
        assert audit.stat().st_mode & 0o077 == 0
        assert tokens["access_token"] not in audit.read_text()
