"""What the developer of an app, and the operator, are told about a request that does not fit."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

import pytest

from broker.core.events import Event
from tests.web.page_samples import Outline
from tests.web.public_app import CONFIG, ISSUER, REDIRECT, PublicApp, public_app

pytestmark = pytest.mark.anyio
SECRET = "s3cr3t-of-the-shop-and-long-enough-it-is"
WITH_SHOP = f"""\
{CONFIG}  shop:
    name: Shop
    redirect_uris: [https://shop.test/cb]
    secret: {SECRET}
    id_token_alg: ES256
"""
LOCAL = "http://localhost:8410"


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app(WITH_SHOP) as app:
        yield app


def said(site: PublicApp, event: Event) -> dict[str, Any]:
    """The newest event of this kind."""
    return [fields for heard, fields in site.notes.heard if heard is event][-1]


def read(text: str) -> Outline:
    """The page."""
    page = Outline()
    page.feed(text)
    page.close()
    return page


async def test_a_redirect_uri_that_does_not_fit_is_shown_with_the_place_where_it_differs(site: PublicApp) -> None:
    sent = "https://app.test/cB?<b>=1"
    page = await site.authorize(redirect_uri=sent)
    assert page.status_code == 400
    assert "<code>https://app.test/c<mark>B?&lt;b&gt;=1</mark></code>" in page.text
    assert 'id="registered"' not in page.text, "strangers are not told what is registered"
    refused = said(site, Event.REQUEST_REFUSED)
    assert refused["client_id"] == "app"
    assert sent in refused["reason"]
    assert f"nearest: {REDIRECT}" in refused["reason"]


async def test_on_the_developers_own_machine_the_page_says_what_is_registered() -> None:
    async with public_app(CONFIG.replace(ISSUER, LOCAL)) as site:
        page = await site.browser.get(f"{LOCAL}/authorize?client_id=app&redirect_uri=https://app.test/")
    assert f'id="registered" lang="en" dir="ltr"><code>{REDIRECT}</code>' in page.text


@pytest.mark.parametrize("sent", ["nobody", "<script>alert(1)</script>", "x" * 5000, "\u202eevil"])
async def test_a_client_id_that_is_unknown_is_shown_cut_and_escaped(site: PublicApp, sent: str) -> None:
    page = await site.authorize(client_id=sent)
    assert page.status_code == 400
    assert "<script>alert" not in page.text
    assert "\u202e" not in page.text
    assert "x" * 201 not in page.text
    assert len(said(site, Event.REQUEST_REFUSED)["reason"]) < 300
    assert "nobody" in page.text or sent != "nobody"


async def test_a_refused_request_names_the_client_that_was_known(site: PublicApp) -> None:
    await site.authorize(scope="bad")
    assert said(site, Event.REQUEST_REFUSED)["client_id"] == "app"
    await site.browser.post("/token", data={"client_id": "app", "grant_type": "authorization_code", "code": "x"})
    refused = said(site, Event.REQUEST_REFUSED)
    assert (refused["client_id"], refused["error"]) == ("app", "invalid_grant")
    await site.browser.post("/token", data={"client_id": "nobody", "grant_type": "authorization_code", "code": "x"})
    assert "client_id" not in said(site, Event.REQUEST_REFUSED)


@pytest.mark.parametrize(
    ("form", "auth", "cause"),
    [
        ({}, ("shop", "wrong"), "secret does not match"),
        ({"client_id": "shop"}, None, "no secret sent, registered for client_secret_basic"),
        ({}, ("app", SECRET), "sent in the header, registered for none"),
        ({}, ("nobody", SECRET), "unknown client nobody"),
    ],
)
async def test_the_log_says_why_a_client_was_not_let_in_and_the_app_hears_one_sentence(
    site: PublicApp, form: dict[str, str], auth: tuple[str, str] | None, cause: str
) -> None:
    sent = {"grant_type": "authorization_code", "code": "x"} | form
    answer = (
        await site.browser.post("/token", data=sent, auth=auth)
        if auth
        else await site.browser.post("/token", data=sent)
    )
    assert json.loads(answer.text) == {
        "error": "invalid_client",
        "error_description": "client authentication failed; check client_id, secret and method",
    }
    assert said(site, Event.CLIENT_AUTH_FAILED)["reason"].endswith(cause)
    assert SECRET not in str(site.notes.heard)
