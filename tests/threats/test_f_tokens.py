"""Threats F: the token endpoint and the back channel of a running broker."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from broker.demo.visitor import Visitor
from tests.threats.journeys import (
    VERIFIER,
    ask_token,
    back,
    code_for,
    http,
    redeem,
    refresh,
    sign_in,
    tokens_for,
    userinfo,
)
from tests.threats.site import Site, running_site

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def hasty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site where everything is over within seconds."""

    def change(config: dict[str, Any]) -> None:
        config["tokens"] = {"code_ttl": "4s", "access_token_ttl": "60s", "refresh_token": {"reuse_grace": "4s"}}
        config["login"] = {"flow_ttl": "1s"}
        config["session"] = {"idle_ttl": "2s", "absolute_ttl": "4s"}

    with running_site(tmp_path_factory.mktemp("hasty"), change) as site:
        yield site


def refused(answer: httpx2.Response, error: str = "invalid_grant", status: int = 400) -> bool:
    """Whether this is exactly this error, in JSON nobody caches."""
    assert answer.headers["cache-control"] == "no-store"
    return (answer.status_code, answer.json()["error"]) == (status, error)


async def test_f1_a_code_that_comes_again_ends_what_it_gave(site: Site, visitor: Visitor) -> None:
    code = await code_for(site, visitor)
    async with http(site) as client:
        tokens = (await redeem(site, client, code)).json()
        assert (await userinfo(site, client, tokens["access_token"])).status_code == 200
        await asyncio.sleep(1)
        assert refused(await redeem(site, client, code))
        assert (await userinfo(site, client, tokens["access_token"])).status_code == 401
        assert refused(await refresh(site, client, tokens["refresh_token"]))
        assert refused(await redeem(site, client, code))


@pytest.mark.parametrize("client_id", ["app", "spa"])
async def test_f1_a_replay_in_any_wrong_way_ends_it_too(site: Site, visitor: Visitor, client_id: str) -> None:
    for wrong in ({"code_verifier": "w" * 64}, {"redirect_uri": "https://evil.test/"}, {"code_verifier": None}):
        code = await code_for(site, visitor, client_id)
        async with http(site) as client:
            tokens = (await redeem(site, client, code, client_id)).json()
            assert (await redeem(site, client, code, client_id, **wrong)).status_code == 400
            assert (await userinfo(site, client, tokens["access_token"])).status_code == 401


async def test_f2_of_a_hundred_redemptions_at_once_one_succeeds(site: Site, visitor: Visitor) -> None:
    async with http(site) as client:
        for _ in range(5):
            code = await code_for(site, visitor)
            answers = await asyncio.gather(*(redeem(site, client, code) for _ in range(100)))
            good = [answer for answer in answers if answer.status_code == 200]
            assert len(good) == 1
            assert all(refused(answer) for answer in answers if answer not in good)
            token = good[0].json()["access_token"]
            assert (await userinfo(site, client, token)).status_code == 401, "a replay is a replay, also in a race"


async def test_f3_a_code_of_another_client_is_dead_from_then_on(site: Site, visitor: Visitor) -> None:
    code = await code_for(site, visitor)
    async with http(site) as client:
        assert refused(await redeem(site, client, code, "second", redirect_uri=site.redirect_uri("app")))
        assert refused(await redeem(site, client, code))


async def test_f4_the_redirect_uri_must_be_the_one_of_the_request(site: Site, visitor: Visitor) -> None:
    async with http(site) as client:
        for wrong in (
            None,
            "",
            "https://app.example.com/callback/",
            "https://evil.test/",
            "https://second.example.com/cb",
        ):
            code = await code_for(site, visitor)
            assert refused(await redeem(site, client, code, redirect_uri=wrong))


async def test_f5_a_code_lives_as_long_as_it_is_told_to(hasty: Site) -> None:
    async with http(hasty) as client:
        code = await code_for(hasty)
        await asyncio.sleep(4.2)
        assert refused(await redeem(hasty, client, code))


async def test_f6_f8_a_spent_refresh_token_gives_the_same_child_for_a_moment_and_then_ends_all(hasty: Site) -> None:
    async with http(hasty) as client:
        first = await tokens_for(hasty, "spa")
        second = (await refresh(hasty, client, first["refresh_token"], "spa")).json()
        again = (await refresh(hasty, client, first["refresh_token"], "spa")).json()
        assert second["refresh_token"] == again["refresh_token"], "a lost answer is given again, never a second line"
        await asyncio.sleep(5.2)
        assert refused(await refresh(hasty, client, first["refresh_token"], "spa"))
        assert refused(await refresh(hasty, client, second["refresh_token"], "spa"))
        assert (await userinfo(hasty, client, second["access_token"])).status_code == 401


async def test_f7_of_a_hundred_refreshes_at_once_one_line_lives(site: Site, visitor: Visitor) -> None:
    async with http(site) as client:
        for _ in range(3):
            tokens = await tokens_for(site, visitor=visitor)
            asked = (refresh(site, client, tokens["refresh_token"]) for _ in range(100))
            answers = await asyncio.gather(*asked)
            children = {answer.json()["refresh_token"] for answer in answers if answer.status_code == 200}
            assert len(children) == 1
            assert all(refused(answer) for answer in answers if answer.status_code != 200)
            assert (await refresh(site, client, children.pop())).status_code == 200


async def test_f9_a_blocked_account_is_blocked_at_every_door(site: Site, visitor: Visitor) -> None:
    # There is no command that blocks yet; the column is what every later command will set.
    tokens = await tokens_for(site, visitor=visitor, person="zoe")
    code = await code_for(site, visitor, person="zoe")
    block(site, True)
    try:
        async with http(site) as client:
            assert (await userinfo(site, client, tokens["access_token"])).status_code == 401
            assert refused(await refresh(site, client, tokens["refresh_token"]))
            assert refused(await redeem(site, client, code))
        silent = await sign_in(site, visitor, prompt="none")
        assert back(silent)["error"] == "login_required"
        again = await sign_in(site, visitor, person="zoe", prompt="login")
        assert (again.status, back(again)) == (403, {})
    finally:
        block(site, False)


def block(site: Site, blocked: bool) -> None:
    """Switch Zoe's account at Google off or on, beside the running broker."""
    site.write(
        "UPDATE accounts SET blocked = ? WHERE sub IN (SELECT sub FROM links WHERE subject = ?)",
        (int(blocked), "100000000000000000044"),
    )


async def test_f10_a_refresh_token_is_its_clients_and_its_scope_only_shrinks(site: Site, visitor: Visitor) -> None:
    async with http(site) as client:
        tokens = await tokens_for(site, visitor=visitor, scope="openid profile offline_access")
        assert refused(await refresh(site, client, tokens["refresh_token"], "second"))
        wider = await refresh(site, client, tokens["refresh_token"], scope="openid profile email")
        assert refused(wider, "invalid_scope")
        narrow = (await refresh(site, client, tokens["refresh_token"], scope="openid")).json()
        assert narrow["scope"] == "openid"
        assert "name" not in (await userinfo(site, client, narrow["access_token"])).json()


async def test_f11_a_client_proves_itself_in_exactly_its_registered_way(site: Site, visitor: Visitor) -> None:
    app, second = site.secret("app"), site.secret("second")
    basic = {"Authorization": "Basic " + base64.b64encode(f"app:{app}".encode()).decode()}
    wrong_basic = {"Authorization": "Basic " + base64.b64encode(f"second:{second}".encode()).decode()}
    body = {"client_id": "app", "client_secret": app}
    shapes: tuple[tuple[dict[str, str], dict[str, str], str], ...] = (
        (basic, body, ""),  # two at once
        ({}, body, ""),  # in the body, registered for the header
        (wrong_basic, {}, ""),  # in the header, registered for the body
        ({}, {"client_id": "app"}, ""),  # nothing
        ({}, {}, ""),
        ({}, {"client_id": "second", "client_secret": ""}, ""),
        ({}, {"client_id": "second", "client_secret": second[:-1]}, ""),
        ({}, {"client_id": "second", "client_secret": second + " "}, ""),
        ({}, {"client_id": "spa", "client_secret": "x"}, ""),  # a secret for a client that has none
        ({}, {}, f"?client_id=second&client_secret={second}"),
        ({"Authorization": "Basic " + base64.b64encode(b"app:").decode()}, {}, ""),
        ({"Authorization": "Basic !!!"}, {}, ""),
        ({"Authorization": "Bearer x"}, {"client_id": "spa"}, ""),
        (basic, {"client_id": "second"}, ""),
        ({"Authorization": "Basic " + base64.b64encode(f"spa:{app}".encode()).decode()}, {}, ""),
    )
    code = await code_for(site, visitor)
    grant = {"grant_type": "authorization_code", "code": code, "code_verifier": VERIFIER}
    grant["redirect_uri"] = site.redirect_uri()
    async with http(site) as client:
        for headers, form, query in shapes:
            answer = await client.post(f"/token{query}", data=grant | form, headers=headers)
            assert refused(answer, "invalid_client", 401), (headers, form)
            assert answer.headers["www-authenticate"].startswith("Basic ")
        assert (await redeem(site, client, code)).status_code == 200, "nobody who failed to prove himself spends a code"


async def test_f21_grants_that_should_not_exist_do_not(site: Site) -> None:
    async with http(site) as client:
        for grant in ("password", "implicit", "urn:ietf:params:oauth:grant-type:jwt-bearer", "x"):
            answer = await ask_token(site, client, grant_type=grant, username="u", password="p")
            assert refused(answer, "unsupported_grant_type")
        for unlisted in ("app", "second", "spa"):
            answer = await ask_token(site, client, unlisted, grant_type="client_credentials")
            assert refused(answer, "unauthorized_client")
        assert refused(await ask_token(site, client, code="x"), "invalid_request")


async def test_f22_an_access_token_in_the_address_is_not_read(site: Site, visitor: Visitor) -> None:
    tokens = await tokens_for(site, visitor=visitor)
    async with http(site) as client:
        answer = await client.get("/userinfo", params={"access_token": tokens["access_token"]})
        assert answer.status_code in {400, 401}
        header = {"Authorization": f"Bearer {tokens['access_token']}"}
        assert (await client.get("/userinfo", headers=header)).status_code == 200
        both = await client.post("/userinfo", headers=header, data={"access_token": tokens["access_token"]})
        assert both.status_code in {400, 401}, "two ways at once (RFC 6750 section 2)"
    assert tokens["access_token"].encode() not in site.log_bytes()


async def test_f23_only_a_registered_origin_may_read_answers(site: Site) -> None:
    evil = (
        "https://evil.test",
        "null",
        "https://spa.example.com.evil.test",
        "https://evil-spa.example.com",
        "http://spa.example.com",
        "https://spa.example.com:8443",
        "https://SPA.example.com",
        site.issuer,
    )
    async with http(site) as client:
        for origin in evil:
            for method, path in (
                ("POST", "/token"),
                ("GET", "/userinfo"),
                ("OPTIONS", "/token"),
                ("POST", "/revoke"),
                ("OPTIONS", "/revoke"),
                ("OPTIONS", "/introspect"),
                ("OPTIONS", "/userinfo"),
                ("GET", "/jwks"),
            ):
                answer = await client.request(method, path, headers={"Origin": origin})
                assert "access-control-allow-origin" not in answer.headers
        good = await client.request("OPTIONS", "/token", headers={"Origin": "https://spa.example.com"})
        assert good.headers["access-control-allow-origin"] == "https://spa.example.com"
        assert "access-control-allow-credentials" not in good.headers
        closed = await client.request("OPTIONS", "/introspect", headers={"Origin": "https://spa.example.com"})
        assert "access-control-allow-origin" not in closed.headers, "nothing that runs in a browser has a secret"
        page = await client.get("/authorize", headers={"Origin": "https://spa.example.com"})
        assert "access-control-allow-origin" not in page.headers
