"""oidc-provider (npm) as an upstream: people who have an account there sign in to apps behind the broker."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Mapping
from typing import Any, Final

import orjson
import pytest

from broker.demo.visitor import Page, Visitor
from tests.interop.deployed import Deployed, Place, aside, choose_place, deployed
from tests.interop.node import node_app

pytestmark = pytest.mark.interop
APP: Final = "shop"
SECRET: Final = "shop-0123456789abcdef0123456789abcdef"
WAYS: Final[Mapping[str, Mapping[str, Any]]] = {
    "sso": {},
    "posted": {
        "response_mode": "form_post",
        "token_endpoint_auth_method": "client_secret_post",
        "algorithms": ["ES256"],
        "pkce": "required",
    },
    "mistyped": {"client_secret": "not-the-secret-that-is-registered-there"},
}
"""The providers of the broker: what each says besides issuer, id and secret."""


def _upstream_clients(place: Place) -> list[dict[str, Any]]:
    """What somebody registered at the OpenID Provider for each of our providers."""
    return [
        {
            "client_id": f"broker-{name}",
            "client_secret": f"{name}-0123456789abcdef0123456789abcdef",
            "redirect_uris": [f"{place.issuer}/callback/{name}"],
            "token_endpoint_auth_method": way.get("token_endpoint_auth_method", "client_secret_basic"),
            "id_token_signed_response_alg": way.get("algorithms", ["RS256"])[0],
        }
        for name, way in WAYS.items()
    ]


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Place:
    return choose_place(tmp_path_factory.mktemp("deployed"))


@pytest.fixture(scope="module")
def broker(place: Place) -> Iterator[Deployed]:
    """It is told the issuer, and finds the rest in the metadata."""
    known = _upstream_clients(place)
    told = {"cert": str(place.tls.certificate), "key": str(place.tls.key), "clients": known}
    app = {"name": "Shop", "secret": SECRET, "redirect_uris": ["http://127.0.0.1/callback"], "first_party": True}
    app["scopes"] = ["openid", "profile", "email", "offline_access", "identities"]
    with node_app("oidc_provider.mjs", told) as port:
        providers = {
            name: {
                "type": "oidc",
                "issuer": f"https://127.0.0.1:{port}",
                "client_id": client["client_id"],
                "client_secret": client["client_secret"],
                **way,
            }
            for (name, way), client in zip(WAYS.items(), known, strict=True)
        }
        with deployed(place, providers, {APP: app}) as running:
            yield running


@pytest.fixture(scope="module")
def app(broker: Deployed) -> Iterator[str]:
    """An app with oauth4webapi that uses the broker."""
    told = {
        "issuer": broker.place.issuer,
        "scope": "openid profile email offline_access identities",
        "clients": {APP: {"secret": SECRET, "method": "client_secret_basic"}},
    }
    with node_app("oauth4webapi.mjs", told, broker.place.tls.authority) as port:
        yield f"http://127.0.0.1:{port}/login/{APP}"


async def _walk(visitor: Visitor, app: str, way: str, person: str) -> Page:
    """Its pages have one form each, without an id: name and password, consent, and perhaps the answer as a form."""
    await visitor.get(app)
    page = await visitor.click(f"provider-{way}")
    while page.markup.forms:
        page = await visitor.submit("", **({"login": person, "password": "any"} if "Sign-in" in page.text else {}))
    return page


def sign_in(place: Place, app: str, way: str, person: str) -> Page:
    """A fresh browser chooses the provider, enters a name there and agrees; where it ends."""

    async def going() -> Page:
        async with place.visitor() as visitor:
            return await _walk(visitor, app, way, person)

    page: Page = aside(asyncio.run, going())
    return page


@pytest.mark.parametrize("way", ["sso", "posted"])
def test_people_of_an_oidc_provider_sign_in_to_apps_of_ours(broker: Deployed, app: str, way: str) -> None:
    subjects = []
    for person in ("gardener", "keeper", "gardener"):
        page = sign_in(broker.place, app, way, person)
        assert page.status == 200, page.text
        found = orjson.loads(page.text)
        claims = found["userinfo"]
        assert (claims["name"], claims["email"]) == (f"The {person}", f"{person}@example.com")
        assert claims["email_verified"] is True
        assert claims["identities"][0]["oidc_sub"] == person
        subjects.append(found["claims"]["sub"])
    assert subjects[0] == subjects[2] != subjects[1]


def test_people_who_turn_back_at_an_oidc_provider_return_to_the_app(broker: Deployed, app: str) -> None:
    async def turned_back() -> Page:
        async with broker.place.visitor() as visitor:
            await visitor.get(app)
            page = await visitor.click("provider-sso")
            (cancel,) = [target for target in page.markup.targets if target.endswith("/abort")]
            return await visitor.get(cancel, initiator=page.url)

    page = aside(asyncio.run, turned_back())
    assert (page.status, page.text_of("code")) == (403, "E-CANCEL")


def test_a_secret_that_the_oidc_provider_does_not_know_ends_the_login(broker: Deployed, app: str) -> None:
    page = sign_in(broker.place, app, "mistyped", "gardener")
    assert (page.status, page.text_of("code")) == (502, "E-ANSWER")
    assert broker.told("login.failed", provider="mistyped")["reason"] == "/token: status 401, error invalid_client"
