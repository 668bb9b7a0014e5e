"""The sample app believes nobody: a hostile issuer on a real socket tries."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

from broker.demo.headless import ClientData, Login, LoginFailed, log_in
from broker.demo.sample_app import SCOPE, Registration, build_sample_app
from broker.demo.servers import serving, take_port
from broker.demo.upstreams.keys import challenge_of, half_hash, key
from broker.demo.visitor import Page, Visitor

pytestmark = pytest.mark.anyio
DEVICE = "device_authorization_endpoint"


@dataclass
class Issuer:
    """An issuer that can be told to lie. `claims` replace those of the ID token, None removes one."""

    url: str = ""
    signed_by: str = "issuer"
    claims: dict[str, Any] = field(default_factory=dict)
    refreshed: dict[str, Any] = field(default_factory=dict)
    info: dict[str, Any] = field(default_factory=dict)
    state: str | None = None
    asked: dict[str, str] = field(default_factory=dict)

    def routes(self) -> list[Route]:
        return [
            Route("/.well-known/openid-configuration", self.discovery),
            Route("/jwks", self.jwks),
            Route("/authorize", self.authorize),
            Route("/token", self.token, methods=["POST"]),
            Route("/userinfo", self.userinfo),
            Route("/device_authorization", self.device, methods=["POST"]),
        ]

    async def discovery(self, request: Request) -> Response:
        endpoints = {"authorization_endpoint": "authorize", "token_endpoint": "token", "userinfo_endpoint": "userinfo"}
        found = {
            name: f"{self.url}/{path}"
            for name, path in {**endpoints, "jwks_uri": "jwks", DEVICE: "device_authorization"}.items()
        }
        return JSONResponse({"issuer": self.url, "id_token_signing_alg_values_supported": ["RS256"], **found})

    async def jwks(self, request: Request) -> Response:
        return JSONResponse({"keys": [key("issuer", "RS256").jwk(use="sig")]})

    async def device(self, request: Request) -> Response:
        assert await request.body() == b"scope=openid+profile&client_id=tv"
        told = {"device_code": "d", "user_code": "BBBB-BBBB", "verification_uri": f"{self.url}/device"}
        return JSONResponse({**told, "verification_uri_complete": f"{self.url}/device?c=1", "expires_in": 60})

    async def authorize(self, request: Request) -> Response:
        self.asked = dict(request.query_params)
        state = self.asked["state"] if self.state is None else self.state
        answer = urlencode({"code": "c", "state": state, "iss": self.url})
        return RedirectResponse(f"{self.asked['redirect_uri']}?{answer}")

    async def token(self, request: Request) -> Response:
        form = dict(parse_qsl((await request.body()).decode()))
        fresh = form["grant_type"] == "refresh_token"
        if form["grant_type"] == "authorization_code":
            assert challenge_of(form["code_verifier"]) == self.asked["code_challenge"]
        now = int(time.time())
        claims = {"iss": self.url, "aud": "sample", "sub": "s-1", "iat": now, "exp": now + 60}
        claims |= {"at_hash": half_hash("at"), "nonce": self.asked.get("nonce"), "name": "Ada"}
        claims |= {"aud": "tv"} if form.get("client_id") == "tv" else {}
        claims |= self.refreshed if fresh else self.claims
        kept = {name: value for name, value in claims.items() if value is not None}
        token = key(self.signed_by, "RS256").sign(kept, kid="issuer")
        answer = {"access_token": "at", "token_type": "Bearer", "expires_in": 60, "refresh_token": "rt"}
        return JSONResponse({**answer, "id_token": token})

    async def userinfo(self, request: Request) -> Response:
        assert request.headers["authorization"] == "Bearer at"
        return JSONResponse({"sub": "s-1", "name": "Ada"} | self.info)


@dataclass
class World:
    issuer: Issuer
    app: str

    async def sign_in(self, visitor: Visitor) -> Page:
        await visitor.get(self.app)
        return await visitor.click("login")


@pytest.fixture
async def world(anyio_backend: str) -> AsyncIterator[World]:
    ours, theirs = take_port("app", "127.0.0.1"), take_port("issuer", "127.0.0.1")
    issuer = Issuer(f"http://localhost:{theirs.number}")
    app = f"http://127.0.0.1:{ours.number}/"
    sample = build_sample_app(Registration(issuer.url, "sample", "secret", f"{app}callback", ("vk",), tv="tv"))
    async with serving([(ours, sample), (theirs, Starlette(routes=issuer.routes()))]):
        yield World(issuer, app)
    ours.close()
    theirs.close()


async def test_an_honest_issuer_signs_in(world: World) -> None:
    async with Visitor(languages="ru") as visitor:
        page = await world.sign_in(visitor)
        assert page.text_of("claim-name") == "Ada"
        assert world.issuer.asked["scope"] == SCOPE
        assert world.issuer.asked["ui_locales"] == "ru"
        assert world.issuer.asked["code_challenge_method"] == "S256"


async def test_a_provider_may_be_asked_for_but_only_an_offered_one(world: World) -> None:
    async with Visitor() as visitor:
        await visitor.get(world.app + "login?provider=vk")
        assert world.issuer.asked["idp_hint"] == "vk"
        await visitor.get(world.app + "login?provider=evil")
        assert "idp_hint" not in world.issuer.asked


@pytest.mark.parametrize(
    "lie",
    [
        {"nonce": "another"},
        {"nonce": None},
        {"iss": "http://evil.example"},
        {"aud": "another"},
        {"exp": 1},
        {"exp": None},
        {"sub": None},
        {"at_hash": "A" * 22},
    ],
    ids=str,
)
async def test_a_wrong_id_token_signs_nobody_in(world: World, lie: dict[str, Any]) -> None:
    world.issuer.claims = lie
    async with Visitor() as visitor:
        page = await world.sign_in(visitor)
        assert (page.status, page.has("signed-in"), page.has("problem")) == (400, False, True)
        assert not (await visitor.get(world.app)).has("signed-in")


@pytest.mark.parametrize(
    ("lie", "signed_by", "status"),
    [
        ({}, "issuer", 200),
        ({}, "stranger", 400),
        ({"iss": "http://evil.example"}, "issuer", 400),
        ({"aud": "sample"}, "issuer", 400),
        ({"exp": 1}, "issuer", 400),
        ({"exp": None}, "issuer", 400),
        ({"sub": None}, "issuer", 400),
    ],
    ids=str,
)
async def test_a_television_believes_no_wrong_token_either(
    world: World, lie: dict[str, Any], signed_by: str, status: int
) -> None:
    world.issuer.claims, world.issuer.signed_by = lie, signed_by
    async with Visitor() as visitor:
        await visitor.get(f"{world.app}tv")
        page = await visitor.get((await visitor.click("start")).markup.refresh)
        assert (page.status, page.has("signed-in"), page.has("problem")) == (status, status == 200, status == 400)


async def test_a_wrong_signature_signs_nobody_in(world: World) -> None:
    world.issuer.signed_by = "stranger"
    async with Visitor() as visitor:
        assert (await world.sign_in(visitor)).status == 400


async def test_a_wrong_state_signs_nobody_in(world: World) -> None:
    world.issuer.state = "another"
    async with Visitor() as visitor:
        assert (await world.sign_in(visitor)).status == 400


async def test_an_answer_given_to_another_browser_signs_nobody_in(world: World) -> None:
    async with Visitor(stops=(world.app + "callback",)) as attacker, Visitor() as victim:
        stolen = await world.sign_in(attacker)
        assert (await victim.get(stolen.url)).status == 400


async def test_refreshed_tokens_must_be_about_the_same_person(world: World) -> None:
    async with Visitor() as visitor:
        await world.sign_in(visitor)
        world.issuer.refreshed = {"name": "Ada L."}
        assert (await visitor.click("refresh")).text_of("claim-name") == "Ada L."
        world.issuer.refreshed = {"sub": "s-2"}
        assert (await visitor.click("refresh")).text_of("error") == "wrong_subject"


async def test_userinfo_must_be_about_the_same_person(world: World) -> None:
    async with Visitor() as visitor:
        await world.sign_in(visitor)
        assert (await visitor.click("userinfo")).text_of("info-name") == "Ada"
        world.issuer.info = {"sub": "s-2"}
        assert (await visitor.click("userinfo")).text_of("error") == "wrong_subject"


async def test_every_login_gets_a_fresh_key_and_logging_out_ends_it(world: World) -> None:
    async with Visitor() as visitor:
        await world.sign_in(visitor)
        before = [cookie.value for cookie in visitor.cookies.sent_to(world.app)]
        await visitor.get(world.app + "login")
        assert before != [cookie.value for cookie in visitor.cookies.sent_to(world.app)]
        assert not (await visitor.click("logout")).has("signed-in")
        assert urlsplit(visitor.page.url).path == "/"


async def headless(issuer: Issuer) -> Login:
    return await log_in(
        issuer.url,
        ClientData("sample", "secret", "http://127.0.0.1/callback", "client_secret_post"),
        provider="vk",
        person="ada",
    )


async def test_a_headless_login_believes_no_wrong_token_either(world: World) -> None:
    assert (await headless(world.issuer)).claims["name"] == "Ada"
    world.issuer.claims = {"nonce": "another"}
    with pytest.raises(RuntimeError, match="nonce"):
        await headless(world.issuer)
    world.issuer.claims, world.issuer.state = {}, "another"
    with pytest.raises(LoginFailed):
        await headless(world.issuer)


async def test_without_a_client_for_it_there_is_no_single_page(world: World) -> None:
    async with Visitor() as visitor:
        assert (await visitor.get(f"{world.app}spa")).status == 404
        home = await visitor.get(world.app)
        assert (home.has("tv"), home.has("spa")) == (True, False)
