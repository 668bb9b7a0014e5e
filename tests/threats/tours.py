"""Journeys through more than one page, and what is left of them."""

from __future__ import annotations

import asyncio
import json
import subprocess
import sys
import time
from typing import Any
from urllib.parse import quote

import httpx2

from broker.demo.upstreams.keys import Key, key
from broker.demo.visitor import Page, Visitor
from broker.upstream.exchange import tls_context
from tests.threats.journeys import authorize_url, http, query_of, sign_in, tokens_for, until_callback, userinfo
from tests.threats.site import Site


async def consent_page(site: Site, visitor: Visitor, person: str = "ada", **changes: str) -> Page:
    """The question of the shop, asked anew."""
    page = await visitor.get(authorize_url(site, "shop", idp_hint="google", prompt="consent", **changes))
    page = await visitor.click(f"person-{person}") if page.has(f"person-{person}") else page
    assert page.has("allow"), page.url
    return page


def consent_form(page: Page) -> str:
    """The id of the form with the question; it has none of its own."""
    return next(form.id for form in page.markup.forms if "ticket" in form.fields)


async def answer_with_id_token(site: Site, callback: str, **changes: Any) -> None:
    """Google's emulator gives the next code this ID token."""
    state = query_of(callback)["state"]
    log = [entry["params"] for entry in site.emulators["google"].log()]
    sent = next(params for params in log if isinstance(params, dict) and params.get("state") == state)
    now = int(time.time())
    claims: dict[str, Any] = {
        "iss": "https://accounts.google.com",
        "azp": "g-one",
        "aud": "g-one",
        "sub": "100000000000000000042",
    }
    claims |= {"iat": now, "exp": now + 3600, "nonce": sent["nonce"], **changes}
    signing: Key = key("emu-google-2", "RS256")
    token = signing.sign(claims, kid=signing.kid)
    body = {"access_token": "ya29.x", "token_type": "Bearer", "expires_in": 3599, "id_token": token}
    site.emulators["google"].answer("/token", body=json.dumps(body), times=1)


async def tour(site: Site, visitor: Visitor) -> list[Page]:
    """Every kind of page of ours, as a person meets them."""
    await visitor.get(site.issuer + "/")
    await visitor.get(authorize_url(site))
    await visitor.get(authorize_url(site, ui_locales="ru"))
    for provider in ("google", "vk", "ok", "ok-client", "yandex", "telegram", "widget"):
        await sign_in(site, visitor, idp_hint=provider, prompt="login")
    await consent_page(site, visitor)
    await visitor.click("deny")
    await sign_in(site, visitor, response_mode="form_post")
    await visitor.get(authorize_url(site, "native"))
    await visitor.get(f"{site.issuer}/callback/ok-client")
    for wrong in ("/authorize", "/callback/google", "/callback/nobody", "/consent", "/nothing", "/enter/telegram/app"):
        await visitor.get(site.issuer + wrong)
    callback = await until_callback(site, visitor, prompt="login")
    site.emulators["google"].answer("/token", status=500, times=1)
    await visitor.get(callback)
    await visitor.get(callback)
    return [page for page in visitor.pages if page.url.startswith(site.issuer)]


def issued(site: Site) -> tuple[int, ...]:
    """What exists in the store."""
    return tuple(site.rows(table) for table in ("accounts", "links", "grants", "refresh_tokens"))


async def signed_link(site: Site, provider: str, person: str = "ada", client_id: str = "app") -> str:
    """What a tap on a button in a Telegram chat opens."""
    async with httpx2.AsyncClient(trust_env=False, verify=tls_context(None)) as client:
        order = {"person": person, "url": f"{site.issuer}/enter/{provider}/{client_id}"}
        base = site.emulators["telegram"].url.replace("localhost", "127.0.0.1")
        answer = await client.post(f"{base}/_emulator/login_url", json=order)
        return str(answer.json()["url"])


async def opened_mini_app(site: Site, person: str = "ada", **more: str | int) -> str:
    """What stands behind the `#` when this person opens the Mini App."""
    async with httpx2.AsyncClient(trust_env=False, verify=tls_context(None)) as client:
        order = {"app": "7000000009", "kind": "init_data", "person": person, **more}
        base = site.emulators["telegram"].url.replace("localhost", "127.0.0.1")
        answer = await client.post(f"{base}/_emulator/kit", json=order)
        data = quote(str(answer.json()["init_data"]), safe="")
    return f"tgWebAppData={data}&tgWebAppVersion=9.1&tgWebAppPlatform=android&tgWebAppThemeParams=%7B%7D"


async def sub_of(site: Site, provider: str = "google", person: str = "ada", scope: str = "openid") -> str:
    """The subject our app is given."""
    tokens = await tokens_for(site, person=person, idp_hint=provider, scope=scope)
    async with http(site) as client:
        return str((await userinfo(site, client, tokens["access_token"])).json()["sub"])


async def broker_command(site: Site, *words: str) -> str:
    """A `broker` command beside the running server."""
    command = [sys.executable, "-m", "broker", *words, "--config", str(site.folder / "config.yaml")]
    process = await asyncio.create_subprocess_exec(*command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
    said, _ = await asyncio.wait_for(process.communicate(), 120)
    assert process.returncode == 0, said.decode()
    return said.decode()


CALLS = {"/token", "/oauth2/auth", "/oauth/token.do", "/fb.do", "/info", "/oauth2/user_info"}


def called(site: Site) -> set[str]:
    """The back-channel paths any upstream was asked."""
    return {str(entry["path"]) for emulator in site.emulators.values() for entry in emulator.log()} & CALLS
