"""An app that registered itself asks for consent, in Chromium."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from playwright.sync_api import BrowserContext, Page

from broker.demo.background import RunningBroker
from broker.testing import running_broker
from tests.conformance.openid_provider import INITIAL_TOKEN, SECTIONS

pytestmark = [pytest.mark.browser, pytest.mark.timeout(180)]
BACK = "https://app.example.com/callback"


@pytest.fixture(scope="module")
def open_broker() -> Iterator[RunningBroker]:
    """A broker where apps may register."""
    with running_broker(sections=SECTIONS) as running:
        yield running


def register(broker: RunningBroker) -> str:
    """The id of a new app that shows all it can."""
    metadata = {
        "client_name": "Photo book",
        "redirect_uris": [BACK],
        "policy_uri": "https://app.example.com/policy",
        "tos_uri": "https://app.example.com/terms",
    }
    headers = {"Authorization": f"Bearer {INITIAL_TOKEN}", "Content-Type": "application/json"}
    with urlopen(Request(f"{broker.issuer}/register", json.dumps(metadata).encode(), headers), timeout=10) as answer:
        client_id: str = json.load(answer)["client_id"]
        return client_id


@pytest.mark.parametrize("language", ["en", "ru"])
def test_the_consent_page_shows_the_links_and_that_nobody_verified_the_app(
    open_broker: RunningBroker,
    profile: Callable[..., BrowserContext],
    picture: Callable[[Page, str], None],
    language: str,
) -> None:
    context = profile(language, scripts=False)
    page = context.new_page()
    asked = {"client_id": register(open_broker), "redirect_uri": BACK, "response_type": "code", "scope": "openid email"}
    page.goto(f"{open_broker.issuer}/authorize?{urlencode(asked)}")
    page.click("#provider-google")
    page.click("#person-ada")
    page.wait_for_selector("#allow")
    assert "app.example.com" in page.inner_text("#unverified")
    assert page.get_attribute("#app-policy", "href") == "https://app.example.com/policy"
    assert page.get_attribute("#app-terms", "href") == "https://app.example.com/terms"
    picture(page, f"consent-registered-{language}")
