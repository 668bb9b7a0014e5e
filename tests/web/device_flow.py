"""A device and the person in front of it, step by step (RFC 8628)."""

from __future__ import annotations

from collections.abc import Mapping
from html import unescape
from typing import Any
from urllib.parse import urlsplit

import httpx2

from tests.web.page_samples import Outline
from tests.web.public_app import CONFIG, PublicApp

GRANT = "urn:ietf:params:oauth:grant-type:device_code"
WITH_DEVICES = f"""\
{CONFIG}  tv:
    name: {{en: TV, ru: Телевизор}}
    auth_method: none
    grants: [refresh_token, "{GRANT}"]
    scopes: [openid, profile, offline_access]
    id_token_alg: ES256
    home_uri: https://tv.test/
  radio:
    name: Radio
    auth_method: none
    grants: ["{GRANT}"]
    scopes: [openid]
    id_token_alg: ES256
"""


async def start(site: PublicApp, **changed: str) -> dict[str, Any]:
    """What the device is told."""
    sent = {"client_id": "tv", "scope": "openid profile offline_access"} | changed
    answer = await site.browser.post("/device_authorization", data=sent)
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


async def poll(site: PublicApp, told: Mapping[str, Any], client_id: str = "tv") -> httpx2.Response:
    """The device asks for its answer."""
    form = {"grant_type": GRANT, "device_code": told["device_code"], "client_id": client_id}
    return await site.browser.post("/token", data=form)


async def enter(site: PublicApp, user_code: str, **headers: str) -> httpx2.Response:
    """Somebody types a code."""
    return await site.browser.post("/device", data={"user_code": user_code}, headers=headers)


async def question(site: PublicApp, told: Mapping[str, Any], name: str = "alpha") -> str:
    """The address of the question, after the code, the choice and a login."""
    entered = await enter(site, told["user_code"])
    assert entered.status_code == 303, entered.text
    chooser = await site.browser.get(entered.headers["location"])
    assert chooser.status_code == 200
    href = unescape(chooser.text.split(f'id="provider-{name}" href="')[1].split('"')[0])
    left = await site.browser.get(href)
    assert left.status_code == 303
    back = await site.browser.get(site.callback(name))
    assert back.status_code == 303, back.text
    location: str = back.headers["location"]
    assert urlsplit(location).path == "/device/confirm"
    return location


def read(page: httpx2.Response) -> Outline:
    """What the browser shows."""
    outline = Outline()
    outline.feed(page.text)
    outline.close()
    return outline


def ticket_in(page: httpx2.Response) -> str:
    """The hidden field of the question."""
    (field,) = (attrs for attrs in read(page).found("input") if attrs.get("name") == "ticket")
    return field["value"]


async def say(site: PublicApp, location: str, answer: str = "allow") -> httpx2.Response:
    """Press a button of the question."""
    page = await site.browser.get(location)
    assert page.status_code == 200, page.text
    return await site.browser.post("/device/confirm", data={"ticket": ticket_in(page), "answer": answer})
