"""oauth2-mock-server (npm) as an upstream: it lets everybody in as one person, by http on this machine."""

from __future__ import annotations

import asyncio

import orjson
import pytest

from broker.demo.visitor import Page
from tests.interop.deployed import aside, choose_place, deployed
from tests.interop.node import node_app

pytestmark = pytest.mark.interop
SECRET = "shop-0123456789abcdef0123456789abcdef"


def test_its_one_person_signs_in_to_apps_of_ours(tmp_path_factory: pytest.TempPathFactory) -> None:
    place = choose_place(tmp_path_factory.mktemp("deployed"))
    app = {"name": "Shop", "secret": SECRET, "redirect_uris": ["http://127.0.0.1/callback"], "first_party": True}
    scope = "openid profile offline_access identities"
    told: dict[str, object] = {"issuer": place.issuer, "scope": scope}
    told["clients"] = {"shop": {"secret": SECRET, "method": "client_secret_basic"}}
    with node_app("mock_server.mjs", {}) as port:
        issuer = {"type": "oidc", "issuer": f"http://127.0.0.1:{port}", "client_id": "broker", "client_secret": SECRET}
        with (
            deployed(
                place,
                {"mock": issuer, "other": {**issuer, "client_id": "other"}},
                {"shop": {**app, "scopes": scope.split()}},
            ),
            node_app("oauth4webapi.mjs", told, place.tls.authority) as number,
        ):

            async def going() -> Page:
                async with place.visitor() as visitor:
                    await visitor.get(f"http://127.0.0.1:{number}/login/shop")
                    return await visitor.click("provider-mock")

            page = aside(asyncio.run, going())
    assert page.status == 200, page.text
    assert orjson.loads(page.text)["userinfo"]["identities"][0]["oidc_sub"] == "johndoe"
