"""The code of docs/how-to/integrate.md for Go and Java, run: `make interop`, on a machine that has both.

Versions are pinned: by go.mod and go.sum, by the parent in pom.xml, and here for oauth2-proxy.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from time import monotonic, sleep
from typing import Any, Final

import orjson
import pytest

from broker.cli.snippets import SNIPPETS
from broker.demo.visitor import Page, Visitor
from tests.interop.snippets import HERE, Shop, Street, opened, running
from tests.interop.world import choose

pytestmark = [pytest.mark.toolchains, pytest.mark.timeout(1200)]
PROXY: Final = "github.com/oauth2-proxy/oauth2-proxy/v7@v7.15.6"
FILES: Final = HERE / "toolchains"


@pytest.fixture(scope="module")
def street() -> Iterator[Street]:
    # Go's library renews a token ten seconds before its end, so here at every use.
    with opened(("go", "oauth2-proxy", "spring"), tokens={"access_token_ttl": "10s"}) as made:
        yield made


def build(*command: str, folder: Path, **more: str) -> None:
    """A step of a build, which may download what the lock names."""
    done = subprocess.run(
        command, cwd=folder, env=os.environ | more, capture_output=True, text=True, timeout=1000, check=False
    )
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"


@pytest.fixture
def go(street: Street, tmp_path: Path) -> Iterator[Shop]:
    shop = street.shops["go"]
    for name in ("go.mod", "go.sum"):
        shutil.copy(FILES / name, tmp_path)
    code = shop.code(street.broker.issuer)
    assert '"127.0.0.1:3000"' in code
    (tmp_path / "main.go").write_text(code.replace("127.0.0.1:3000", f"127.0.0.1:{shop.port}"), encoding="utf-8")
    build("go", "vet", ".", folder=tmp_path)
    build("go", "build", "-o", "shop", ".", folder=tmp_path)
    with running(["./shop"], tmp_path, shop):
        yield shop


@pytest.fixture
def proxy(street: Street, tmp_path: Path) -> Iterator[Shop]:
    """oauth2-proxy in front of a site that always says 202."""
    shop = street.shops["oauth2-proxy"]
    build("go", "install", PROXY, folder=tmp_path, GOBIN=str(tmp_path))
    (tmp_path / "proxy.cfg").write_text(shop.code(street.broker.issuer), encoding="utf-8")
    command = ["./oauth2-proxy", "--config", "proxy.cfg", "--http-address", f"127.0.0.1:{shop.port}"]
    # Beside the documented file: plain http, something to protect, and a session that is renewed soon.
    command += ["--cookie-secure=false", "--upstream", "static://202", "--cookie-refresh", "1s"]
    command += ["--standard-logging=true"]
    with running(command, tmp_path, shop):
        yield shop


@pytest.fixture
def spring(street: Street, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Shop]:
    shop = street.shops["spring"]
    sources, resources = tmp_path / "src/main/java/shop", tmp_path / "src/main/resources"
    sources.mkdir(parents=True)
    resources.mkdir(parents=True)
    shutil.copy(FILES / "pom.xml", tmp_path)
    shutil.copy(FILES / "Shop.java", sources)
    settings, _, bean = shop.code(street.broker.issuer).partition("\npackage shop;")
    (resources / "application.yaml").write_text(settings, encoding="utf-8")
    (sources / "Security.java").write_text(f"package shop;{bean}", encoding="utf-8")
    build("mvn", "--quiet", "--batch-mode", "package", folder=tmp_path)
    monkeypatch.setenv("SERVER_PORT", str(shop.port))
    with running(["java", "-jar", "target/shop-1.jar"], tmp_path, shop):
        yield shop


def told(page: Page, status: int = 200) -> dict[str, Any]:
    assert page.status == status, page.text
    found: dict[str, Any] = orjson.loads(page.text)
    return found


def subject(street: Street) -> str:
    return str(street.broker.login("google", "ada").claims["sub"])


def heard(street: Street, event: str, since: int) -> bool:
    """Whether the broker logged it; that happens a moment after the answer."""
    deadline = monotonic() + 20
    while event not in [line["event"] for line in street.broker.log[since:]] and monotonic() < deadline:
        sleep(0.05)
    return event in [line["event"] for line in street.broker.log[since:]]


def test_go_oidc_signs_in_and_refreshes(street: Street, go: Shop) -> None:
    async def going() -> list[Page]:
        async with Visitor() as visitor:
            await visitor.get(f"{go.site}/login")
            return [await choose(visitor, "google", "ada"), *[await visitor.get(f"{go.site}/") for _ in range(3)]]

    seen = len(street.broker.log)
    assert [told(page)["user"] for page in street.run(going())] == [subject(street)] * 4
    assert heard(street, "token.refreshed", seen)


def test_oauth2_proxy_signs_in_refreshes_and_signs_out(street: Street, proxy: Shop) -> None:
    async def signed_in(visitor: Visitor) -> tuple[Page, Page]:
        await visitor.get(f"{proxy.site}/oauth2/start?rd=%2F")
        return await choose(visitor, "google", "ada"), await visitor.get(f"{proxy.site}/oauth2/userinfo")

    async def later(visitor: Visitor) -> tuple[Page, Page, Page]:
        renewed = await visitor.get(f"{proxy.site}/oauth2/auth")
        await visitor.get(f"{proxy.site}/oauth2/sign_out?rd={street.broker.issuer}/logout")
        left = await visitor.click("logout")
        return renewed, left, await visitor.get(f"{proxy.site}/oauth2/start?rd=%2F")

    visitor = Visitor()
    street.run(visitor.__aenter__())
    try:
        behind, who = street.run(signed_in(visitor))
        assert (behind.status, told(who)["user"]) == (202, subject(street))
        sleep(2.5)  # --cookie-refresh counts from a rounded second
        seen = len(street.broker.log)
        renewed, left, again = street.run(later(visitor))
    finally:
        street.run(visitor.__aexit__(None, None, None))
    assert (renewed.status, left.has("logged-out"), again.has("provider-google")) == (202, True, True)
    assert heard(street, "token.refreshed", seen)


def test_spring_boot_signs_in_refreshes_and_signs_out(street: Street, spring: Shop) -> None:
    async def going() -> tuple[Page, list[Page], Page]:
        async with Visitor() as visitor:
            await visitor.get(f"{spring.site}/")
            home = await choose(visitor, "google", "ada")
            refreshed = [await visitor.get(f"{spring.site}/refresh") for _ in range(2)]
            await visitor.get(f"{spring.site}/logout")
            return home, refreshed, await visitor.submit("")

    home, refreshed, again = street.run(going())
    assert told(home)["user"] == subject(street)
    first, second = map(told, refreshed)
    assert first["before"] != first["after"] == second["before"] != second["after"]
    assert again.has("provider-google"), "back at the app, which asks the broker, which remembers nobody"
    assert SNIPPETS["spring"].home == ""
