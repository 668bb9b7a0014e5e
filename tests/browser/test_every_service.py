"""`broker demo --all`: whoever looks at the demo can sign in by every service that is emulated, in both languages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from playwright.sync_api import expect

from broker.demo.emulation import PORTS
from broker.demo.people import BORIS
from tests.browser.axe import violations
from tests.browser.conftest import World, running_world
from tests.browser.test_logins import HEADING, LANGUAGES, PROVIDERS, Picture, Profile, allow, open_chooser
from tests.demo.test_demo_run import moved_config

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
FURTHER = sorted(PORTS.keys() - set(PROVIDERS))


@pytest.fixture(scope="module")
def everything() -> Iterator[World]:
    """The demo with all of them."""
    with running_world(moved_config(), everything=True) as opened:
        yield opened


@pytest.mark.parametrize("language", LANGUAGES)
def test_the_chooser_has_a_button_for_each(
    everything: World, profile: Profile, picture: Picture, language: str
) -> None:
    page = open_chooser(profile(language), everything)
    expect(page.locator("h1")).to_have_text(HEADING[language])
    assert [kind for kind in PORTS if page.locator(f"#provider-{kind}").count() != 1] == []
    page.set_viewport_size({"width": 412, "height": 1800})
    picture(page, f"login-all-{language}")
    assert violations(page) == []


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("provider", FURTHER)
def test_boris_signs_in(everything: World, profile: Profile, picture: Picture, provider: str, language: str) -> None:
    page = open_chooser(profile(language), everything)
    page.click(f"#provider-{provider}")
    picture(page, f"{provider}-{language}")
    page.click("#person-boris")  # without an address, so nobody asks whether he has an account already
    allow(page, everything)
    assert page.inner_text("#claim-sub").strip()
    assert page.inner_text("#claim-name").startswith(BORIS.given_name)
