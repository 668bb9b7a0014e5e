"""Threats F: pushed authorization requests, tried from outside."""

from __future__ import annotations

import asyncio
from urllib.parse import urlencode

import pytest

from broker.core.authorize.pushed import PREFIX
from broker.demo.visitor import Visitor
from tests.threats.journeys import (
    back,
    http,
    new_visitor,
    post_bytes,
    proof,
    push,
    pushed,
    redeem,
    request_for,
    send_raw,
    walk,
)
from tests.threats.site import Site
from tests.threats.tours import issued

pytestmark = pytest.mark.anyio


def link(site: Site, request_uri: str, client_id: str = "app", **more: str) -> str:
    """What the app sends the browser to."""
    sent = {"client_id": client_id, "request_uri": request_uri, **more}
    return f"{site.issuer}/authorize?{urlencode(sent)}"


async def test_f14_a_pushed_request_gives_one_code_and_no_second(site: Site, visitor: Visitor) -> None:
    request_uri = await pushed(site)
    await visitor.get(link(site, request_uri))
    await visitor.get(link(site, request_uri, ui_locales="ru"))
    answer = back(await walk(await visitor.get(link(site, request_uri, idp_hint="google")), visitor))
    async with http(site) as client:
        assert (await redeem(site, client, answer["code"])).status_code == 200
    before = issued(site)
    again = await visitor.get(link(site, request_uri))
    assert again.status == 400
    assert "invalid_request_uri" in again.text
    assert issued(site) == before


async def test_f14_many_browsers_at_once_share_one_answer(site: Site, visitor: Visitor) -> None:
    await walk(await visitor.get(link(site, await pushed(site), idp_hint="google")), visitor)
    cookies = visitor.cookies.header(site.issuer + "/authorize", method="GET", initiator=None)
    request_uri = await pushed(site)
    async with http(site, headers={"Cookie": cookies}) as client:
        answers = await asyncio.gather(*(client.get(link(site, request_uri)) for _ in range(20)))
    codes = [answer for answer in answers if "code=" in answer.headers.get("location", "")]
    assert len(codes) == 1
    assert {answer.status_code for answer in answers if answer not in codes} == {400}


async def test_f14_a_client_proves_itself_to_push(site: Site) -> None:
    request = request_for(site)
    async with http(site) as client:
        assert (await client.post("/par", data=request)).status_code == 401
        for auth in (("app", "wrong"), ("second", site.secret("second"))):
            answer = await client.post("/par", data=request, auth=auth)
            assert (answer.status_code, answer.json()["error"]) == (401, "invalid_client")
            assert "request_uri" not in answer.json()
        foreign = request_for(site, "second") | proof(site, "second")["form"] | {"client_id": "app"}
        assert (await client.post("/par", data=foreign)).status_code == 401


async def test_f14_another_client_a_guess_and_an_old_one_are_nothing(site: Site) -> None:
    request_uri = await pushed(site)
    async with http(site) as client:
        for wrong in (
            link(site, request_uri, "second"),
            link(site, PREFIX + "A" * 43),
            link(site, request_uri[:-1]),
            link(site, request_uri + "A"),
            link(site, request_uri.upper().replace("URN:IETF:PARAMS:OAUTH:REQUEST_URI:", PREFIX)),
            link(site, request_uri) + f"&request_uri={PREFIX}x",
        ):
            answer = await client.get(wrong)
            assert answer.status_code == 400, wrong
            assert "location" not in answer.headers
        assert (await client.get(link(site, request_uri))).status_code == 200


async def test_f14_what_is_pushed_is_bounded_and_names_no_other_request(site: Site) -> None:
    async with http(site) as client:
        assert (await push(site, client, state="x" * 2049)).json()["error"] == "invalid_request"
        assert (await push(site, client, request_uri=await pushed(site))).json()["error"] == "invalid_request"
        assert (await push(site, client, redirect_uri="https://evil.test/")).json()["error"] == "invalid_request"
        body = urlencode(request_for(site, "spa")).encode() + b"&x=" + b"x" * 65536
        assert (await send_raw(site, post_bytes(site, "/par", body))).status == 413
        assert (await client.get(f"/par?{urlencode(request_for(site, 'spa'))}")).status_code == 405


async def test_h1_a_pushed_parameter_comes_once(site: Site) -> None:
    request = request_for(site, "spa", max_age="5", prompt="login", claims="{}")
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with http(site) as client:
        for name, value in request.items():
            for second in (value, "other", ""):
                body = f"{urlencode(request)}&{urlencode({name: second})}"
                answer = await client.post("/par", content=body, headers=headers)
                assert answer.status_code in {400, 401}, f"{name}={second}"


async def test_f14_a_dump_of_the_store_holds_no_name_of_a_request(site: Site) -> None:
    async with new_visitor() as visitor:
        request_uri = await pushed(site)
        await visitor.get(link(site, request_uri))
    secret = request_uri.removeprefix(PREFIX).encode()
    files = [site.database, site.database.with_name("broker.db-wal")]
    assert not any(secret in path.read_bytes() for path in files if path.exists())
