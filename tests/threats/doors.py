"""Every way by which the broker issues something about a person or believes something of theirs: a door each.

A door is opened in two steps. What it needs is got beforehand, in a browser of its own, and a `Knock` tells whether the
person is let in.
"""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Final
from urllib.parse import urlencode

import httpx2

from broker.core.terms import GrantType, TokenType
from broker.demo.visitor import Visitor
from tests.threats.journeys import (
    ask_token,
    authorize_url,
    back,
    code_for,
    http,
    introspect,
    new_visitor,
    own_token,
    post_as,
    redeem,
    refresh,
    sign_in,
    tokens_for,
    until_callback,
    userinfo,
    walk,
)
from tests.threats.site import Site
from tests.threats.tours import consent_page, opened_mini_app, signed_link
from tests.web.bot_world import BOT, SECRET, Phone, number_on

Knock = Callable[[], Awaitable[bool]]
DEVICE: Final = GrantType.DEVICE_CODE.value
PERSON: Final = "ada"


def configure(config: dict[str, Any]) -> None:
    """One app that may do everything; it hears of logouts where a test listens."""
    config["providers"]["google"] |= {"keep_tokens": True}
    config["providers"]["yandex"] |= {"accept_posted": ["access_token"]}
    config["providers"]["chat"] = config["providers"]["telegram"] | {
        "bot_username": BOT,
        "bot_start": True,
        "webhook_secret": SECRET,
    }
    config["limits"] |= dict.fromkeys(("bot_start", "bot_wait", "bot_update"), "1000000/s")
    app = config["clients"]["app"]
    app |= {
        "scopes": [*app["scopes"], "identities.manage"],
        "grants": ["authorization_code", "refresh_token", "client_credentials", GrantType.TOKEN_EXCHANGE.value, DEVICE],
        "accept_posted": ["yandex"],
        "upstream_tokens": ["google"],
        "service_scopes": ["notify"],
        "lookup_identities": True,
        "account_linking": True,
    }
    config["clients"]["old"] = {
        "name": "Old",
        "redirect_uris": ["http://127.0.0.1/callback"],
        "auth_method": "none",
        "first_party": True,
        "scopes": ["openid", "profile", "offline_access"],
        "grants": ["authorization_code", "refresh_token", GrantType.TOKEN_EXCHANGE.value],
        "accept_posted": ["yandex"],
        "drf_backends": {"yandex-oauth2": "yandex"},
    }


async def _new_login(site: Site, _: Visitor) -> Knock:
    async def knock() -> bool:
        async with new_visitor() as fresh:
            return "code" in back(await sign_in(site, fresh))

    return knock


async def _login_under_way(site: Site, visitor: Visitor) -> Knock:
    callback = await until_callback(site, visitor, prompt="login")

    async def knock() -> bool:
        code = back(await walk(await visitor.get(callback), visitor)).get("code", "")
        async with http(site) as client:
            return (await redeem(site, client, code)).is_success

    return knock


async def _signed_link(site: Site, _: Visitor) -> Knock:
    link = await signed_link(site, "telegram")

    async def knock() -> bool:
        async with new_visitor() as fresh:
            if (await fresh.get(link)).has("allow"):
                await fresh.click("allow")
            return "code" in back(await fresh.get(authorize_url(site, prompt="none")))

    return knock


async def _mini_app(site: Site, _: Visitor) -> Knock:
    fragment = await opened_mini_app(site, PERSON, start_param=secrets.token_hex(8))

    async def knock() -> bool:
        async with new_visitor() as fresh:
            if (await fresh.get(f"{site.issuer}/miniapp/telegram/app#{fragment}")).has("allow"):
                await fresh.click("allow")
            return "code" in back(await fresh.get(authorize_url(site, prompt="none")))

    return knock


async def _chat(site: Site, _: Visitor) -> Knock:
    async def knock() -> bool:
        async with new_visitor() as fresh:
            await fresh.get(authorize_url(site, idp_hint="chat"))
            page = await fresh.click("by-bot")
            phone = Phone(site.emulators, PERSON)
            await phone.start(page.markup.links["open-bot"].partition("?start=")[2])
            await phone.press(number_on(page))
            return "code" in back(await fresh.get(page.url))

    return knock


async def _silent_login(site: Site, visitor: Visitor) -> Knock:
    await code_for(site, visitor)

    async def knock() -> bool:
        return "code" in back(await visitor.get(authorize_url(site, prompt="none")))

    return knock


async def _consent(site: Site, visitor: Visitor) -> Knock:
    page = await consent_page(site, visitor)
    ticket = next(form.fields["ticket"] for form in page.markup.forms if "ticket" in form.fields)

    async def knock() -> bool:
        form = {"ticket": ticket, "answer": "allow"}
        return "code" in back(await visitor.post(f"{site.issuer}/consent", form, initiator=site.issuer))

    return knock


async def _account_page(site: Site, visitor: Visitor) -> Knock:
    await code_for(site, visitor)

    async def knock() -> bool:
        page = await visitor.get(f"{site.issuer}/account")
        return page.status == 200 and page.has("sub")

    return knock


async def _asks_for_a_way(site: Site, visitor: Visitor) -> str:
    """Where an app sends somebody who is signed in, to add VK."""
    tokens = await tokens_for(site, visitor=visitor, prompt="login")
    asked = {"client_id": "app", "provider": "vk", "redirect_uri": site.redirect_uri()}
    return f"{site.issuer}/link?{urlencode(asked | {'id_token_hint': tokens['id_token']})}"


async def _link_request(site: Site, visitor: Visitor) -> Knock:
    link = await _asks_for_a_way(site, visitor)

    async def knock() -> bool:
        return (await visitor.get(link)).has(f"person-{PERSON}")

    return knock


async def _link_question(site: Site, visitor: Visitor) -> Knock:
    link = await _asks_for_a_way(site, visitor)
    await visitor.get(link)
    page = await visitor.click(f"person-{PERSON}")
    assert page.has("allow"), page.title

    async def knock() -> bool:
        return back(await visitor.click("allow")).get("status") == "linked"

    return knock


async def _code(site: Site, _: Visitor) -> Knock:
    code = await code_for(site)
    return _calls(site, lambda client: redeem(site, client, code))


async def _refresh(site: Site, _: Visitor) -> Knock:
    tokens = await tokens_for(site)
    return _calls(site, lambda client: refresh(site, client, tokens["refresh_token"]))


async def _userinfo(site: Site, _: Visitor) -> Knock:
    tokens = await tokens_for(site)
    return _calls(site, lambda client: userinfo(site, client, tokens["access_token"]))


async def _userinfo_by_jwt(site: Site, _: Visitor) -> Knock:
    tokens = await tokens_for(site, "spa")
    return _calls(site, lambda client: userinfo(site, client, tokens["access_token"]))


async def _introspection(site: Site, _: Visitor) -> Knock:
    tokens = await tokens_for(site)

    async def knock() -> bool:
        async with http(site) as client:
            found = [await introspect(site, client, tokens[name]) for name in ("access_token", "refresh_token")]
        assert found[0]["active"] is found[1]["active"]
        return bool(found[0]["active"])

    return knock


async def _identities(site: Site, _: Visitor) -> Knock:
    tokens = await tokens_for(site, scope="openid identities identities.manage")
    headers = {"Authorization": f"Bearer {tokens['access_token']}"}
    return _calls(site, lambda client: client.get(f"{site.issuer}/identities", headers=headers))


async def _lookup(site: Site, _: Visitor) -> Knock:
    asked = {"provider": "google", "subject": site.raw_emulators["google"].people[PERSON].ids["google"]}
    return _calls(site, lambda client: post_as(site, client, "app", "/identities/lookup", **asked))


async def _upstream_token(site: Site, _: Visitor) -> Knock:
    tokens = await tokens_for(site)
    form = {
        "grant_type": GrantType.TOKEN_EXCHANGE.value,
        "subject_token": tokens["access_token"],
        "subject_token_type": TokenType.ACCESS_TOKEN.value,
        "requested_token_type": TokenType.ACCESS_TOKEN.value,
        "audience": "google",
    }
    return _calls(site, lambda client: ask_token(site, client, **form))


async def _posted(site: Site, _: Visitor) -> Knock:
    form = {
        "grant_type": GrantType.TOKEN_EXCHANGE.value,
        "subject_token": await _kit(site),
        "subject_token_type": TokenType.ACCESS_TOKEN.value,
        "subject_issuer": "yandex",
    }

    async def call(client: httpx2.AsyncClient) -> httpx2.Response:
        challenge = (await post_as(site, client, "app", "/challenge", provider="yandex")).json()["challenge"]
        return await ask_token(site, client, **form, challenge=challenge)

    return _calls(site, call)


async def _drf(site: Site, _: Visitor) -> Knock:
    form = {"client_id": "old", "client_secret": "of-the-package", "grant_type": "convert_token"}
    form |= {"backend": "yandex-oauth2", "token": await _kit(site)}
    return _calls(site, lambda client: client.post(f"{site.issuer}/auth/convert-token", json=form))


async def _device(site: Site, visitor: Visitor) -> Knock:
    async with http(site) as client:
        told = (await post_as(site, client, "app", "/device_authorization", scope="openid offline_access")).json()
        await visitor.get(told["verification_uri_complete"])
        await visitor.click("continue")
        await visitor.click("provider-google")
        await visitor.click(f"person-{PERSON}")
        page = await visitor.click("allow")
        assert page.status == 200, page.title
    form = {"grant_type": DEVICE, "device_code": told["device_code"]}
    return _calls(site, lambda client: ask_token(site, client, **form))


async def _message(site: Site, _: Visitor) -> Knock:
    tokens = await tokens_for(site, idp_hint="telegram", scope="openid")
    async with http(site) as client:
        sub = (await userinfo(site, client, tokens["access_token"])).json()["sub"]

    async def call(client: httpx2.AsyncClient) -> httpx2.Response:
        headers = {"Authorization": f"Bearer {await own_token(site, client, 'app')}"}
        return await client.post(f"{site.issuer}/notify", json={"sub": sub, "text": "Hello"}, headers=headers)

    return _calls(site, call)


DOORS: Final[Mapping[str, Callable[[Site, Visitor], Awaitable[Knock]]]] = {
    "a new login": _new_login,
    "a login under way": _login_under_way,
    "a link signed by Telegram": _signed_link,
    "a Mini App": _mini_app,
    "a chat with the bot": _chat,
    "a silent login": _silent_login,
    "the question of consent": _consent,
    "the account page": _account_page,
    "a way in that an app asks for": _link_request,
    "the question whether to add it": _link_question,
    "a code": _code,
    "a refresh": _refresh,
    "userinfo": _userinfo,
    "userinfo, by a JWT": _userinfo_by_jwt,
    "introspection": _introspection,
    "ways in, for an app": _identities,
    "whose id an app asks for": _lookup,
    "an upstream's own token": _upstream_token,
    "a credential of a kit": _posted,
    "a token of drf-social-oauth2": _drf,
    "a device that was approved": _device,
    "a message": _message,
}
AT_ONCE: Final = frozenset(
    {
        *("a new login", "a link signed by Telegram", "whose id an app asks for", "a credential of a kit"),
        *("a token of drf-social-oauth2", "a message", "a Mini App", "a chat with the bot"),
    }
)
"""Doors that bring everything along: they stand open again once somebody is welcome again."""


def _calls(site: Site, call: Callable[[httpx2.AsyncClient], Awaitable[httpx2.Response]]) -> Knock:
    """A call that is answered with success for whoever is welcome; never with a failure of the broker."""

    async def knock() -> bool:
        async with http(site) as client:
            answer = await call(client)
        assert answer.status_code < 500, answer.text
        return answer.is_success

    return knock


async def _kit(site: Site) -> str:
    """A token that Yandex's kit gave to the app."""
    base = site.emulators["yandex"].url.replace("localhost", "127.0.0.1")
    order = {"app": site.config["providers"]["yandex"]["client_id"], "person": PERSON}
    async with httpx2.AsyncClient(trust_env=False) as client:
        answer = await client.post(f"{base}/_emulator/kit", json=order)
    return str(answer.json()["access_token"])
