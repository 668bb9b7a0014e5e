"""Threat D11: whom an operator blocks is refused at every door at once, and apps are told."""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode
from collections.abc import AsyncIterator, Iterator
from contextlib import AsyncExitStack
from pathlib import Path
from typing import Any

import pytest

from tests.conformance.hearing_app import HearingApp, listening
from tests.threats.doors import AT_ONCE, DOORS, Knock, configure
from tests.threats.journeys import new_visitor
from tests.threats.site import Site, running_site
from tests.threats.tours import broker_command, sub_of

pytestmark = pytest.mark.anyio
PROVIDERS = ("google", "yandex", "telegram")


@pytest.fixture
def app() -> Iterator[HearingApp]:
    """Where the app hears of logouts."""
    with listening() as found:
        yield found


@pytest.fixture
def site(tmp_path: Path, app: HearingApp) -> Iterator[Site]:
    def change(config: dict[str, Any]) -> None:
        configure(config)
        config["clients"]["app"]["backchannel_logout_uri"] = app.uri
        config["network"] = {"client_networks": ["127.0.0.0/8"]}

    with running_site(tmp_path, change) as found:
        yield found


@pytest.fixture
async def browsers() -> AsyncIterator[AsyncExitStack]:
    """Those that are open until the end."""
    async with AsyncExitStack() as opened:
        yield opened


async def before_every_door(site: Site, browsers: AsyncExitStack) -> dict[str, Knock]:
    """All that is needed to knock."""
    return {name: await door(site, await browsers.enter_async_context(new_visitor())) for name, door in DOORS.items()}


def whom(logout_token: str) -> str:
    """Whom it is about; whose signature it has is tested elsewhere."""
    claims = logout_token.split(".")[1]
    return str(json.loads(urlsafe_b64decode(claims + "=" * (-len(claims) % 4)))["sub"])


async def let_in(doors: dict[str, Knock]) -> dict[str, bool]:
    """Who knocks now."""
    return {name: await knock() for name, knock in doors.items()}


async def test_d11_a_blocked_account_is_refused_at_every_door_at_once_and_gets_nothing_back(
    site: Site, app: HearingApp, browsers: AsyncExitStack
) -> None:
    welcome, blocked, later = [await before_every_door(site, browsers) for _ in range(3)]
    subs = [await sub_of(site, provider) for provider in PROVIDERS]
    assert await let_in(welcome) == dict.fromkeys(DOORS, True)
    for sub in subs:
        said = await broker_command(site, "account", "block", sub, "--why", "left the company", "--json")
        assert json.loads(said) == {"sub": sub, "blocked": True, "changed": True}
    assert await let_in(blocked) == dict.fromkeys(DOORS, False)
    untold = set(subs)
    while untold:
        untold.discard(whom(app.heard.get(timeout=60)["logout_token"]))
    for sub in subs:
        await broker_command(site, "account", "unblock", sub, "--why", "came back")
    assert await let_in(later) == {name: name in AT_ONCE for name in DOORS}, "what was given before stays ended"
