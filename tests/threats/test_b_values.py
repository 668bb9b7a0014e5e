"""Threats B: a value of one kind is nothing in the place of another."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import httpx2
import pytest

from broker.demo.visitor import Visitor
from tests.threats.journeys import (
    authorize_url,
    code_for,
    http,
    new_visitor,
    query_of,
    redeem,
    refresh,
    request_for,
    tokens_for,
    until_callback,
    userinfo,
)
from tests.threats.site import Site
from tests.threats.tours import called, issued, signed_link

pytestmark = pytest.mark.anyio

Use = Callable[[Site, httpx2.AsyncClient, str], Awaitable[httpx2.Response]]


async def _as_code(site: Site, client: httpx2.AsyncClient, value: str) -> httpx2.Response:
    return await redeem(site, client, value)


async def _as_refresh(site: Site, client: httpx2.AsyncClient, value: str) -> httpx2.Response:
    return await refresh(site, client, value)


async def _as_bearer(site: Site, client: httpx2.AsyncClient, value: str) -> httpx2.Response:
    return await userinfo(site, client, value)


async def _as_hint(site: Site, client: httpx2.AsyncClient, value: str) -> httpx2.Response:
    return await client.get("/authorize", params=request_for(site, prompt="none", id_token_hint=value))


async def _as_state(site: Site, client: httpx2.AsyncClient, value: str) -> httpx2.Response:
    return await client.get("/callback/google", params={"code": "x", "state": value})


async def _as_path_state(site: Site, client: httpx2.AsyncClient, value: str) -> httpx2.Response:
    return await client.post(f"/callback/widget/{value}", data={"fragment": "tgAuthResult=e30"})


async def _as_session(site: Site, client: httpx2.AsyncClient, value: str) -> httpx2.Response:
    headers = {"Cookie": f"__Host-session={value}"}
    return await client.get("/authorize", params=request_for(site, prompt="none"), headers=headers)


async def _as_consent(site: Site, client: httpx2.AsyncClient, value: str) -> httpx2.Response:
    return await client.post("/consent", data={"ticket": value, "answer": "allow"})


async def _as_entry(site: Site, client: httpx2.AsyncClient, value: str) -> httpx2.Response:
    return await client.post(
        "/enter/telegram/app", data={"ticket": value, "answer": "allow"}, headers={"Cookie": f"__Host-browser={value}"}
    )


USES: dict[str, Use] = {
    "code": _as_code,
    "refresh_token": _as_refresh,
    "access_token": _as_bearer,
    "id_token": _as_hint,
    "state": _as_state,
    "path_state": _as_path_state,
    "session": _as_session,
    "consent": _as_consent,
    "entry": _as_entry,
}


async def one_of_each(site: Site) -> dict[str, str]:
    """A live value of every kind the broker gives out."""
    async with new_visitor() as visitor:
        tokens = await tokens_for(site, visitor=visitor)
        found = {name: tokens[name] for name in ("access_token", "id_token", "refresh_token")}
        found["code"] = await code_for(site, visitor)
        callback = await until_callback(site, visitor, prompt="login")
        found["state"] = query_of(callback)["state"]
        page = await visitor.get(authorize_url(site, "shop", prompt="consent"))
        found["consent"] = next(form.fields["ticket"] for form in page.markup.forms if "ticket" in form.fields)
        page = await visitor.get(await signed_link(site, "telegram"))
        found["entry"] = next(form.fields["ticket"] for form in page.markup.forms if "ticket" in form.fields)
        for cookie in visitor.cookies.sent_to(site.issuer):
            found |= {"session": cookie.value} if cookie.name == "__Host-session" else {}
            found |= {"flow": cookie.value} if cookie.name.startswith("__Host-flow-") else {}
            found |= {"browser": cookie.value} if cookie.name == "__Host-browser" else {}
    return found


async def test_b8_a_value_of_one_kind_is_no_other_kind(site: Site) -> None:
    values = await one_of_each(site)
    assert set(values) == {*USES, "flow", "browser"} - {"path_state"}
    before = issued(site)
    async with http(site) as client:
        for kind, value in values.items():
            for use, send in USES.items():
                if kind == use:
                    continue
                answer = await send(site, client, value)
                refused = answer.status_code in {400, 401, 403, 404}
                sent_back = "error=" in answer.headers.get("location", "") and "code=" not in answer.headers["location"]
                assert refused or sent_back, f"{kind} as {use}: {answer.status_code} {answer.text[:200]}"
                assert "__Host-session" not in answer.headers.get("set-cookie", "")
    assert issued(site) == before


async def test_b8_the_flow_cookie_of_one_attempt_is_no_record_of_another(site: Site, visitor: Visitor) -> None:
    first = await until_callback(site, visitor)
    cookies = {c.name: c.value for c in visitor.cookies.sent_to(site.issuer) if c.name.startswith("__Host-flow-")}
    await until_callback(site, visitor)
    both = {c.name: c.value for c in visitor.cookies.sent_to(site.issuer) if c.name.startswith("__Host-flow-")}
    (mine,) = cookies
    (other,) = set(both) - set(cookies)
    async with http(site) as client:
        answer = await client.get(first, headers={"Cookie": f"{mine}={both[other]}"})
    assert answer.status_code == 400
    assert called(site) == set()
