"""Threat B8: a value of one kind is nothing in the place of another."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from typing import Final

import httpx2
import pytest

from broker.core.authorize.pushed import PREFIX
from broker.core.clients.assertion import ASSERTION_TYPE
from broker.core.terms import GrantType
from broker.demo.visitor import Visitor
from tests.threats.journeys import (
    ask_token,
    authorize_url,
    code_for,
    http,
    introspect,
    new_visitor,
    own_token,
    post_as,
    pushed,
    query_of,
    redeem,
    refresh,
    request_for,
    sign_in,
    tokens_for,
    until_callback,
    userinfo,
)
from tests.threats.kinds import ASSERTION, INITIAL, JWTS, Stand
from tests.threats.site import Site
from tests.threats.tours import called, issued, signed_link

pytestmark = pytest.mark.anyio

Use = Callable[[Stand, str], Awaitable[httpx2.Response]]


async def _as_code(stand: Stand, value: str) -> httpx2.Response:
    return await redeem(stand.site, stand.client, value)


async def _as_refresh(stand: Stand, value: str) -> httpx2.Response:
    return await refresh(stand.site, stand.client, value)


async def _as_bearer(stand: Stand, value: str) -> httpx2.Response:
    return await userinfo(stand.site, stand.client, value)


async def _as_hint(stand: Stand, value: str) -> httpx2.Response:
    return await stand.client.get("/authorize", params=request_for(stand.site, prompt="none", id_token_hint=value))


async def _as_state(stand: Stand, value: str) -> httpx2.Response:
    return await stand.client.get("/callback/google", params={"code": "x", "state": value})


async def _as_path_state(stand: Stand, value: str) -> httpx2.Response:
    return await stand.client.post(f"/callback/widget/{value}", data={"fragment": "tgAuthResult=e30"})


async def _as_session(stand: Stand, value: str) -> httpx2.Response:
    headers = {"Cookie": f"__Host-session={value}"}
    return await stand.client.get("/authorize", params=request_for(stand.site, prompt="none"), headers=headers)


async def _as_consent(stand: Stand, value: str) -> httpx2.Response:
    """In the browser that is logged in, as every ticket below: without its cookies everything is refused."""
    return await stand.client.post("/consent", data={"ticket": value, "answer": "allow"}, headers=stand.cookies())


async def _as_request_uri(stand: Stand, value: str) -> httpx2.Response:
    return await stand.client.get("/authorize", params={"client_id": "app", "request_uri": f"{PREFIX}{value}"})


async def _as_entry(stand: Stand, value: str) -> httpx2.Response:
    form = {"ticket": value, "answer": "allow"}
    return await stand.client.post("/enter/telegram/app", data=form, headers=stand.cookies())


async def _as_secret(stand: Stand, value: str) -> httpx2.Response:
    form = {"client_id": "robot", "client_secret": value, "grant_type": "client_credentials"}
    return await stand.client.post("/token", data=form)


async def _as_initial(stand: Stand, value: str) -> httpx2.Response:
    headers = {"Authorization": f"Bearer {value}"}
    return await stand.client.post("/register", json=METADATA, headers=headers)


async def _as_registration(stand: Stand, value: str) -> httpx2.Response:
    return await stand.client.get(stand.entry, headers={"Authorization": f"Bearer {value}"})


async def _as_logout(stand: Stand, value: str) -> httpx2.Response:
    form = {"ticket": value, "answer": "logout"}
    return await stand.client.post("/logout/confirm", data=form, headers=stand.cookies())


async def _as_device_code(stand: Stand, value: str) -> httpx2.Response:
    return await ask_token(stand.site, stand.client, "app", grant_type=GrantType.DEVICE_CODE, device_code=value)


async def _as_user_code(stand: Stand, value: str) -> httpx2.Response:
    return await stand.client.post("/device", data={"user_code": value}, headers=stand.cookies())


async def _as_device_entry(stand: Stand, value: str) -> httpx2.Response:
    return await stand.client.get("/device/login", params={"ticket": value}, headers=stand.cookies())


async def _as_device_question(stand: Stand, value: str) -> httpx2.Response:
    form = {"ticket": value, "answer": "allow"}
    return await stand.client.post("/device/confirm", data=form, headers=stand.cookies())


async def _as_join(stand: Stand, value: str) -> httpx2.Response:
    return await stand.client.post("/join", data={"ticket": value, "answer": "new"}, headers=stand.cookies())


async def _as_link(stand: Stand, value: str) -> httpx2.Response:
    form = {"ticket": value, "answer": "allow"}
    return await stand.client.post("/account/link/confirm", data=form, headers=stand.cookies())


async def _as_account_form(stand: Stand, value: str) -> httpx2.Response:
    return await stand.client.post("/account/sign-out", data={"ticket": value}, headers=stand.cookies())


METADATA: Final = {"redirect_uris": ["https://new.example.com/cb"]}
USES: Final[dict[str, Use]] = {
    "code": _as_code,
    "refresh_token": _as_refresh,
    "access_token": _as_bearer,
    "id_token": _as_hint,
    "state": _as_state,
    "path_state": _as_path_state,
    "session": _as_session,
    "consent": _as_consent,
    "entry": _as_entry,
    "secret": _as_secret,
    "logout": _as_logout,
    "initial_token": _as_initial,
    "registration_token": _as_registration,
    "request_uri": _as_request_uri,
    "device_code": _as_device_code,
    "user_code": _as_user_code,
    "device_entry": _as_device_entry,
    "device_question": _as_device_question,
    "join": _as_join,
    "link": _as_link,
    "account_form": _as_account_form,
}
ACTIVE: Final = {"access_token", "refresh_token"}
"""What introspection tells its owner about."""


async def one_of_each(stand: Stand) -> dict[str, str]:
    """A live value of every kind the broker gives out."""
    site = stand.site
    found = {"own_token": await own_token(site, stand.client), "initial_token": INITIAL}
    entry = (await _as_initial(stand, INITIAL)).json()
    found |= await _of_proofs(stand)
    stand.entry, found["registration_token"] = entry["registration_client_uri"], entry["registration_access_token"]
    async with new_visitor() as visitor:
        tokens = await tokens_for(site, visitor=visitor)
        found |= {name: tokens[name] for name in ("access_token", "id_token", "refresh_token")}
        found |= await _of_ways(site, visitor)
        found["code"] = await code_for(site, visitor)
        found["request_uri"] = (await pushed(site)).removeprefix(PREFIX)
        callback = await until_callback(site, visitor, prompt="login")
        found["state"] = query_of(callback)["state"]
        page = await visitor.get(authorize_url(site, "shop", prompt="consent"))
        found["consent"] = next(form.fields["ticket"] for form in page.markup.forms if "ticket" in form.fields)
        page = await visitor.get(f"{site.issuer}/logout")
        found["logout"] = next(form.fields["ticket"] for form in page.markup.forms if "ticket" in form.fields)
        page = await visitor.get(f"{site.issuer}/account/sign-out")
        found["account_form"] = next(form.fields["ticket"] for form in page.markup.forms if "ticket" in form.fields)
        page = await visitor.get(await signed_link(site, "telegram"))
        found["entry"] = next(form.fields["ticket"] for form in page.markup.forms if "ticket" in form.fields)
        for cookie in visitor.cookies.sent_to(site.issuer):
            found |= {"session": cookie.value} if cookie.name == "__Host-session" else {}
            found |= {"flow": cookie.value} if cookie.name.startswith("__Host-flow-") else {}
            found |= {"browser": cookie.value} if cookie.name == "__Host-browser" else {}
    stand.session, stand.browser = found["session"], found["browser"]
    return found | await _of_devices(stand)


async def _of_ways(site: Site, visitor: Visitor) -> dict[str, str]:
    """The tickets of both questions that somebody is put who comes another way than the one we know."""
    page = await sign_in(site, visitor, person="zoe", idp_hint="google-two", prompt="login")
    asked = next(form.fields["ticket"] for form in page.markup.forms if "ticket" in form.fields)
    await visitor.click("provider-google")
    page = await visitor.click("person-ada")
    added = next(form.fields["ticket"] for form in page.markup.forms if "ticket" in form.fields)
    return {"join": asked, "link": added}


async def _of_devices(stand: Stand) -> dict[str, str]:
    """The code of a device that has its yes, and what leads to the question of one that waits."""
    approved, _, question = await _asked_about(stand)
    assert (await _as_device_question(stand, question)).status_code == 200
    waiting, entry, question = await _asked_about(stand)
    found = {"device_code": approved["device_code"], "user_code": waiting["user_code"]}
    return found | {"device_entry": entry, "device_question": question}


async def _asked_about(stand: Stand) -> tuple[dict[str, str], str, str]:
    """What a device of the app is told, and the tickets of the two pages after its code."""
    told = (await post_as(stand.site, stand.client, "app", "/device_authorization", scope="openid")).json()
    entered = await _as_user_code(stand, told["user_code"])
    entry = query_of(entered.headers["location"])["ticket"]
    chosen = await _as_device_entry(stand, entry)
    return told, entry, query_of(chosen.headers["location"])["ticket"]


async def _of_proofs(stand: Stand) -> dict[str, str]:
    """What is remembered of a client's proof of itself, and what is given out for the next proof of its key."""
    claims = {"iss": "signer", "sub": "signer", "aud": stand.site.issuer, "jti": secrets.token_urlsafe(32)}
    form = {"grant_type": "client_credentials", "client_assertion_type": ASSERTION_TYPE}
    form["client_assertion"] = stand.sign(ASSERTION, claims)
    headers = {"DPoP": await JWTS["DPoP proof"](stand)}
    answer = await stand.client.post("/token", data=form, headers=headers)
    assert answer.status_code == 200, answer.text
    return {"assertion_jti": claims["jti"], "dpop_nonce": answer.headers["dpop-nonce"]}


NOWHERE: Final = {"flow", "browser", "own_token", "assertion_jti", "dpop_nonce"}
"""What has no place among these: bound to another value beside it, or told about no person."""


async def test_b8_a_value_of_one_kind_is_no_other_kind(stand: Stand) -> None:
    values = await one_of_each(stand)
    assert set(values) == {*USES, *NOWHERE} - {"path_state", "secret"}
    before = issued(stand.site)
    for kind, value in values.items():
        for use in (name for name in USES if name != kind):
            answer = await USES[use](stand, value)
            refused = answer.status_code in {400, 401, 403, 404}
            sent_back = "error=" in answer.headers.get("location", "") and "code=" not in answer.headers["location"]
            assert refused or sent_back, f"{kind} as {use}: {answer.status_code} {answer.text[:200]}"
            assert "__Host-session" not in answer.headers.get("set-cookie", "")
    assert issued(stand.site) == before
    for kind in ("device_question", "device_code", "consent"):
        assert (await USES[kind](stand, values[kind])).status_code == 200, f"{kind} was good all the while"
    for kind, path in (("join", "/join"), ("link", "/account/link")):
        page = await stand.client.get(path, params={"ticket": values[kind]}, headers=stand.cookies())
        assert page.status_code == 200, f"{kind} was good all the while"


async def test_b8_of_all_values_only_tokens_are_tokens(stand: Stand) -> None:
    values = await one_of_each(stand)
    told = {kind for kind, value in values.items() if (await introspect(stand.site, stand.client, value))["active"]}
    assert told == ACTIVE
    for kind in values.keys() - ACTIVE:
        answer = await post_as(stand.site, stand.client, "app", "/revoke", token=values[kind])
        assert answer.status_code == 200
    assert (await userinfo(stand.site, stand.client, values["access_token"])).status_code == 200
    assert (await redeem(stand.site, stand.client, values["code"])).status_code == 200
    assert (await ask_token(stand.site, stand.client, "app", grant_type=values["code"])).status_code == 400


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
