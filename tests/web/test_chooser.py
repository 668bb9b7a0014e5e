"""The login page knows what will not work, before anybody tries it."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from broker.core.errors import UpstreamUnavailable
from tests.web.public_app import PublicApp, public_app

pytestmark = pytest.mark.anyio


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app() as app:
        yield app


def order(page: str) -> list[str]:
    """The providers from top to bottom."""
    return sorted(("alpha", "beta"), key=lambda name: page.index(f'id="provider-{name}"'))


async def test_a_provider_that_does_not_answer_is_marked_and_can_still_be_tried(site: PublicApp) -> None:
    assert "Not responding right now" not in (await site.authorize()).text
    site.upstreams["beta"].failure = UpstreamUnavailable("down")
    page = (await site.authorize()).text
    assert page.count("Not responding right now") == 1
    assert 'class="way down" id="provider-beta"' in page


@pytest.mark.parametrize(
    ("seconds", "language", "said"),
    [
        (59, "en", "Not responding right now"),
        (60, "en", "Not responding for 1 minute"),
        (5 * 60 + 59, "en", "Not responding for 5 minutes"),
        (119 * 60, "ru", "Не отвечает уже 119 минут"),
        (2 * 3600, "ru", "Не отвечает уже 2 часа"),
        (86400, "en", "Not responding for 24 hours"),
    ],
)
async def test_the_mark_says_for_how_long(site: PublicApp, seconds: float, language: str, said: str) -> None:
    site.upstreams["beta"].failure, site.upstreams["beta"].down_for = UpstreamUnavailable("down"), seconds
    lines = [line.strip() for line in (await site.authorize(ui_locales=language)).text.splitlines()]
    assert any(said in line for line in lines), said


async def test_a_hint_at_nobody_we_know_is_said_and_answered_with_a_choice(site: PublicApp) -> None:
    page = await site.authorize(idp_hint="gamma")
    assert page.status_code == 200
    assert 'id="notice"' in page.text
    assert order(page.text) == ["alpha", "beta"]
