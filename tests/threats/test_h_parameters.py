"""Threats H: parameters of a request: how often, where, of what type and length."""

from __future__ import annotations

from time import perf_counter
from urllib.parse import urlencode

import httpx2
import pytest

from tests.threats.journeys import (
    code_for,
    http,
    post_bytes,
    proof,
    request_for,
    send_raw,
)
from tests.threats.site import Site

pytestmark = pytest.mark.anyio

FORM_ENDPOINTS = ("/token", "/par", "/authorize", "/consent", "/userinfo", "/callback/google", "/enter/telegram/app")


def refused_or_sent_back(answer: httpx2.Response) -> bool:
    """A 4xx, or an error at the client's registered address."""
    told = answer.headers.get("location", "") or answer.text
    return 400 <= answer.status_code < 500 or ("error=invalid_request" in told and "code=" not in told)


async def test_h1_a_parameter_of_an_authorization_request_comes_once(site: Site) -> None:
    request = request_for(site, max_age="5", prompt="login", login_hint="a", ui_locales="en", response_mode="query")
    request |= {"claims": "{}", "acr_values": "1", "display": "page", "id_token_hint": "x", "idp_hint": "google"}
    whole = urlencode(request)
    async with http(site) as client:
        for name, value in request.items():
            for second in (value, "other", "", f"{value}2"):
                twice = f"{whole}&{urlencode({name: second})}"
                assert refused_or_sent_back(await client.get(f"/authorize?{twice}")), f"{name}={second}"
                headers = {"Content-Type": "application/x-www-form-urlencoded"}
                assert refused_or_sent_back(await client.post("/authorize", content=twice, headers=headers)), name


async def test_h1_a_parameter_of_a_token_request_comes_once(site: Site) -> None:
    settings = site.secret("second")
    form = {"grant_type": "authorization_code", "code": "x", "redirect_uri": "https://second.example.com/cb"}
    form |= {"code_verifier": "v" * 43, "client_id": "second", "client_secret": settings, "scope": "openid", "x": "y"}
    headers = {"Content-Type": "application/x-www-form-urlencoded"}
    async with http(site) as client:
        for name, value in form.items():
            for second in (value, "other", ""):
                body = f"{urlencode(form)}&{urlencode({name: second})}"
                answer = await client.post("/token", content=body, headers=headers)
                assert (answer.status_code, answer.json()["error"]) in {
                    (400, "invalid_request"),
                    (401, "invalid_client"),
                }, f"{name}={second}"


async def test_h1_a_callback_with_anything_twice_is_nothing(site: Site) -> None:
    async with http(site) as client:
        for query in ("state=a&state=b", "code=a&code=a&state=x", "iss=a&iss=b&state=x", "x=1&x=2&state=x"):
            assert (await client.get(f"/callback/google?{query}")).status_code == 400


async def test_h2_a_post_is_read_from_its_body_alone(site: Site) -> None:
    code = await code_for(site, client_id="second")
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": "https://second.example.com/cb"}
    form |= {"code_verifier": "v" * 64} | proof(site, "second")["form"]
    async with http(site) as client:
        for name, value in form.items():
            rest = {key: text for key, text in form.items() if key != name}
            answer = await client.post(f"/token?{urlencode({name: value})}", data=rest)
            assert answer.status_code in {400, 401}, f"{name} was read from the query"
            if name in {"redirect_uri", "code_verifier"}:
                form["code"] = await code_for(site, client_id="second")
        request = request_for(site)
        missing = {name: value for name, value in request.items() if name != "client_id"}
        assert (await client.post("/authorize?client_id=app", data=missing)).status_code == 400
        assert (await client.post("/authorize?client_id=nobody", data=request)).status_code == 303


async def test_h4_a_form_is_a_form(site: Site) -> None:
    body = b"grant_type=authorization_code&client_id=spa&code=x"
    kinds = (
        "application/json",
        "multipart/form-data; boundary=x",
        "text/plain",
        "",
        "application/x-www-form-urlencoded; charset=utf-16",
        "application/x-www-form-urlencoded; charset=iso-8859-1",
        "application/x-www-form-urlencoded, text/plain",
        "x",
        "application/x-www-form-urlencodedx",
        "application/xml",
    )
    for path in FORM_ENDPOINTS:
        if path == "/userinfo":
            continue  # needs a token, not a form
        for kind in kinds:
            answer = await send_raw(site, post_bytes(site, path, body, kind=kind))
            assert answer.status in {400, 415}, (path, kind)
    for good in ("application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=UTF-8"):
        answer = await send_raw(site, post_bytes(site, "/token", body, kind=good))
        assert b"invalid_grant" in answer.body


async def test_h5_a_bomb_in_claims_is_refused_at_once(site: Site) -> None:
    bombs = (
        "[" * 4000,
        '{"a":' * 700,
        "{" + ",".join(f'"{n}":1' for n in range(600)) + "}",
        '{"id_token":{"a":null,"a":null}}',
        '{"id_token":' + "9" * 4300 + "}",
        '{"id_token":NaN}',
        '{"id_token":1e999}',
        '{"id_token":"\\ud800"}',
        "\ufeff{}",
        "null",
        "[]",
    )
    async with http(site) as client:
        for bomb in bombs:
            # By POST there is room for it; the answer comes before anything is kept or sent on.
            started = perf_counter()
            answer = await client.post("/authorize", data=request_for(site, claims=bomb))
            assert perf_counter() - started < 0.5
            assert answer.status_code == 200, "the client hears of it, by a page that navigates"
            assert "error=invalid_request" in answer.text


async def test_h14_long_values_cost_no_more_than_their_length(site: Site) -> None:
    names = (
        "scope",
        "state",
        "prompt",
        "ui_locales",
        "max_age",
        "claims",
        "code_challenge",
        "redirect_uri",
        "login_hint",
        "id_token_hint",
    )
    async with http(site) as client:
        for unit in ("a", "=", "%", " ", "a ", "-", "a-", "{", '"', "\\", ".", "/", "@", "a@"):
            long = (unit * 16000)[:15000]
            for name in names:
                started = perf_counter()
                answer = await client.post("/authorize", data=request_for(site, **{name: long}))
                assert perf_counter() - started < 0.5, (name, unit)
                assert answer.status_code in {200, 303, 400, 413}
            for name in ("code", "refresh_token", "client_secret", "scope", "code_verifier"):
                started = perf_counter()
                await client.post("/token", data={"grant_type": "refresh_token", "client_id": "spa", name: long})
                assert perf_counter() - started < 0.5, (name, unit)
            if unit.isascii() and unit not in {" ", "a "}:
                for header in (
                    "Authorization",
                    "Accept-Language",
                    "Cookie",
                    "Accept",
                    "Content-Type",
                    "X-Forwarded-For",
                    "Origin",
                ):
                    started = perf_counter()
                    await client.get("/", headers={header: (unit * 8000)[:8000]})
                    assert perf_counter() - started < 0.5, (header, unit)
