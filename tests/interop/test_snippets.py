"""The code of docs/how-to/integrate.md, run: whoever copies it signs in at the first try."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, Final

import orjson
import pytest
from flask import Flask
from flask.sessions import SecureCookieSessionInterface

from broker.demo.visitor import Page, Visitor
from tests.interop.snippets import SECRET, Shop, Street, node, opened, python, running
from tests.interop.world import choose

pytestmark = pytest.mark.interop
NODE: Final = ("authjs", "express", "openid-client", "passport")
PYTHON: Final = ("fastapi", "flask-dance")
REFRESHING: Final = ("express", "fastapi", "openid-client")
LEAVING: Final = ("express", "fastapi", "openid-client")
STARTS: Final = {"authjs": "/auth/signin", "flask-dance": "/"}
"""Where somebody begins who is not signed in; elsewhere that is /login."""
Open = Callable[[str], Shop]


@pytest.fixture(scope="module")
def street() -> Iterator[Street]:
    with opened((*NODE, *PYTHON)) as made:
        yield made


@pytest.fixture(scope="module")
def shop(street: Street, tmp_path_factory: pytest.TempPathFactory, request: pytest.FixtureRequest) -> Iterator[Shop]:
    """The app of this library, running."""
    found = street.shops[request.param]
    folder: Path = tmp_path_factory.mktemp(found.library)
    prepare = python if found.library in PYTHON else node
    with running(prepare(folder, found.code(street.broker.issuer), found.port), folder, found):
        yield found


def of(*libraries: str) -> pytest.MarkDecorator:
    return pytest.mark.parametrize("shop", libraries, indirect=True, scope="module")


async def begin(visitor: Visitor, shop: Shop) -> Page:
    """From the app to the broker's login page."""
    page = await visitor.get(shop.site + STARTS.get(shop.library, "/login"))
    return await visitor.submit("") if page.url.startswith(shop.site) else page  # Auth.js has a page with a button


async def sign_in(visitor: Visitor, shop: Shop, person: str = "ada") -> dict[str, Any]:
    """Through the broker and back; what the app's home page knows then."""
    await begin(visitor, shop)
    return told(await choose(visitor, "google", person), shop)


def told(page: Page, shop: Shop) -> dict[str, Any]:
    assert (page.status, page.url.partition("?")[0].rstrip("/")) == (200, shop.site), page.text
    found: dict[str, Any] = orjson.loads(page.text)
    return found


def user_of(found: dict[str, Any], shop: Shop) -> str:
    return str(found["user"]["id"] if shop.library == "authjs" else found["user"])


@of(*NODE, *PYTHON)
def test_whoever_copies_the_code_signs_in_and_is_known_by_sub_again(street: Street, shop: Shop) -> None:
    async def going() -> list[str]:
        found = []
        for person in ("ada", "boris", "ada"):
            async with Visitor() as visitor:
                found.append(user_of(await sign_in(visitor, shop, person), shop))
        return found

    subjects = [street.broker.login("google", person).claims["sub"] for person in ("ada", "boris", "ada")]
    assert street.run(going()) == subjects


@of(*REFRESHING)
def test_the_code_refreshes_again_and_again(street: Street, shop: Shop) -> None:
    async def going() -> tuple[str, list[str]]:
        async with Visitor() as visitor:
            user = user_of(await sign_in(visitor, shop), shop)
            pages = [await visitor.get(f"{shop.site}/refresh") for _ in range(3)]
            return user, [orjson.loads(page.text)["sub"] for page in pages]

    user, refreshed = street.run(going())
    assert refreshed == [user] * 3


@of("flask-dance")
def test_flask_dance_refreshes_by_itself_when_the_token_is_over(street: Street, shop: Shop) -> None:
    app = Flask("shop")
    app.secret_key = SECRET
    cookies = SecureCookieSessionInterface().get_signing_serializer(app)
    assert cookies is not None

    async def going() -> tuple[dict[str, Any], dict[str, Any], str, str]:
        async with Visitor() as visitor:
            before = await sign_in(visitor, shop)
            (cookie,) = [c for c in visitor.cookies.sent_to(shop.site) if c.name == "session"]
            kept = cookies.loads(cookie.value)
            token = kept["example-id_oauth_token"]
            kept["example-id_oauth_token"] = {**token, "expires_at": 1}
            visitor.cookies.store(shop.site, [f"session={cookies.dumps(kept)}; Path=/"])
            after = told(await visitor.get(f"{shop.site}/"), shop)
            (cookie,) = [c for c in visitor.cookies.sent_to(shop.site) if c.name == "session"]
            return (
                before,
                after,
                token["refresh_token"],
                cookies.loads(cookie.value)["example-id_oauth_token"]["refresh_token"],
            )

    before, after, old, new = street.run(going())
    assert before == after
    assert old != new


@of(*LEAVING)
def test_the_code_signs_out_of_everything(street: Street, shop: Shop) -> None:
    async def going() -> tuple[Page, Page]:
        async with Visitor() as visitor:
            await sign_in(visitor, shop)
            left = await visitor.get(f"{shop.site}/logout")
            return left, await begin(visitor, shop)

    left, again = street.run(going())
    assert told(left, shop).get("user") is None
    assert again.has("provider-google"), "the broker remembers nobody"


@of("fastapi", "openid-client")
def test_two_tabs_and_the_back_button_end_in_the_app(street: Street, shop: Shop) -> None:
    async def going() -> list[Page]:
        async with Visitor() as visitor:
            first = await begin(visitor, shop)
            await begin(visitor, shop)  # the second tab, which the app waits for
            await visitor.get(first.markup.links["provider-google"], initiator=first.url)
            page = await visitor.click("person-ada")
            overtaken = await visitor.click("allow") if page.has("allow") else page
            answer = next(step.url for step in reversed(visitor.history) if "code=" in step.url)
            return [overtaken, await visitor.get(answer)]

    subject = street.broker.login("google", "ada").claims["sub"]
    assert [told(page, shop)["user"] for page in street.run(going())] == [subject, subject]
