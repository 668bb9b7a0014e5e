"""What docs/how-to shows of ways in, executed: the commands and addresses of the pages, word by word."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from string import Template
from time import monotonic, sleep
from typing import Any
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

import httpx2
import pytest

from broker.demo.background import PROVIDERS as PLAIN
from broker.demo.background import RunningBroker
from broker.demo.people import ADA
from broker.demo.visitor import Page, Visitor
from broker.testing import running_broker
from tests.interop.deployed import aside
from tests.services.merged_accounts import absorb
from tests.threats.posted_matrix import ANDROID, APP, PROVIDERS, bench
from tests.threats.token_takers import SECRET, takers

OF_LEGACY = ["openid", "profile", "email", "offline_access"]
PAGES = Path(__file__).parents[2] / "docs/how-to"
URL = re.compile(r"^```url\n(.*?)\n```", re.MULTILINE)
BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```", re.MULTILINE | re.DOTALL)
pytestmark = pytest.mark.interop  # the commands are curl's


def shown(page: str) -> list[tuple[str, dict[str, Any]]]:
    """Each command of a page with the answer below it."""
    blocks = BLOCK.findall((PAGES / page).read_text(encoding="utf-8"))
    pairs = list(zip(blocks[::2], blocks[1::2], strict=True))
    assert all((command[0], answer[0]) == ("sh", "json") for command, answer in pairs), page
    return [(command[1], json.loads(answer[1])) for command, answer in pairs]


def run(command: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """What a shell prints."""
    environ = {**os.environ, "NO_PROXY": "*", **variables}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], env=environ, capture_output=True, check=True)
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    with running_broker() as running:
        yield running


async def sign_in(broker: RunningBroker, visitor: Visitor, provider: str) -> dict[str, Any]:
    """The token response of Ada, in this browser, who is asked who she is: the app is to change her ways in."""
    client = broker.client()
    asked = {"client_id": client.client_id, "redirect_uri": client.redirect_uri, "response_type": "code"}
    asked |= {"scope": "openid profile identities identities.manage", "nonce": "n-1", "idp_hint": provider}
    asked |= {"max_age": "300"}
    back = await walk(visitor, f"{broker.issuer}/authorize?{urlencode(asked)}")
    form = {"grant_type": "authorization_code", "code": back.params["code"], "redirect_uri": client.redirect_uri}
    async with httpx2.AsyncClient() as http:
        answer = await http.post(f"{broker.issuer}/token", data=form, auth=(client.client_id, client.client_secret))
    tokens: dict[str, Any] = answer.json()
    return tokens


async def walk(visitor: Visitor, url: str) -> Page:
    """As Ada does, who says yes, to where the app is."""
    page = await visitor.get(url)
    for button in ("person-ada", "allow"):
        if page.has(button):
            page = await visitor.click(button)
    assert page.status == 0, page.title
    return page


def filled(template: str, variables: Mapping[str, str]) -> str:
    """An address of the page with one's own values."""
    known = {name: quote(value, safe="" if name != "ISSUER" else ":/") for name, value in variables.items()}
    return Template(template).substitute(known)


def test_let_people_add_a_second_way_in(broker: RunningBroker) -> None:
    aside(asyncio.run, second_way_in(broker))


async def second_way_in(broker: RunningBroker) -> None:
    """The page from top to bottom."""
    client = broker.client()
    (show, example), (remove, gone), (remove_last, last) = shown("second-way-in.md")
    link, back = URL.findall((PAGES / "second-way-in.md").read_text(encoding="utf-8"))
    async with Visitor(stops=(client.redirect_uri,)) as visitor:
        tokens = await sign_in(broker, visitor, "ok")
        variables = {"ISSUER": broker.issuer, "CLIENT_ID": client.client_id, "REDIRECT_URI": client.redirect_uri}
        variables |= {"ACCESS_TOKEN": tokens["access_token"], "ID_TOKEN": tokens["id_token"]}
        (only,) = (await asyncio.to_thread(run, show, variables))["identities"]
        assert only.keys() >= example["identities"][0].keys()
        assert (await walk(visitor, filled(link, variables))).params == dict(
            parse_qsl(urlsplit(filled(back, variables | {"REDIRECT_URI": ""})).query)
        )
    first, second = (await asyncio.to_thread(run, show, variables))["identities"]
    assert (first["current"], second["provider"], second["subject"]) == (True, "google", ADA.ids["google"])
    assert await asyncio.to_thread(run, remove, variables | {"ID": second["id"]}) == gone
    assert await asyncio.to_thread(run, remove_last, variables | {"LAST_ID": first["id"]}) == last


def test_sign_in_with_a_kit_on_the_phone() -> None:
    (take, taken), (swap, swapped) = shown("phones.md")
    with bench() as at:
        variables = {"ISSUER": at.broker.issuer}
        got = run(take, variables)
        assert (got.keys(), got["expires_in"]) == (taken.keys(), taken["expires_in"])
        order = {"app": ANDROID, "server": str(PROVIDERS["google"]["client_id"]), "nonce": got["nonce"]}
        token = at.kit("google", **order)["id_token"]
        answer = run(swap, variables | {"ID_TOKEN": token, "CHALLENGE": got["challenge"]})
    told = {name: value for name, value in swapped.items() if value != "…"}
    assert answer.keys() == swapped.keys()
    assert answer | told == answer


def test_move_apps_from_drf_social_oauth2() -> None:
    (convert, converted), (refresh, refreshed) = shown("from-drf-social-oauth2.md")
    with bench({"legacy": {**APP, "scopes": OF_LEGACY, "drf_backends": {"yandex-oauth2": "yandex"}}}) as at:
        variables = {"HOST": at.broker.issuer}
        token = at.kit("yandex", app=str(PROVIDERS["yandex"]["client_id"]), person="ada")["access_token"]
        first = run(convert, variables | {"TOKEN": token})
        second = run(refresh, variables | {"REFRESH_TOKEN": first["refresh_token"]})
    for answer, example in ((first, converted), (second, refreshed)):
        told = {name: value for name, value in example.items() if value != "…"}
        assert (answer.keys(), answer | told) == (example.keys(), answer)


def test_call_a_providers_api(tmp_path: Path) -> None:
    ((take, taken),) = shown("upstream-tokens.md")
    with takers(tmp_path) as at:
        variables = {"ISSUER": at.broker.issuer, "CLIENT_ID": "planner", "CLIENT_SECRET": SECRET}
        answer = run(take, variables | {"ACCESS_TOKEN": at.sign_in("ada")})
    told = {name: value for name, value in taken.items() if value != "…"}
    assert answer.keys() == taken.keys()
    assert answer | told == answer


def test_write_to_people_afterwards(broker: RunningBroker) -> None:
    client, sub = broker.client(), broker.login("telegram", "ada").claims["sub"]
    (order, ordered), (ask, answered), (send, sent) = shown("write-to-people.md")
    variables = {
        "ISSUER": broker.issuer,
        "CLIENT_ID": client.client_id,
        "CLIENT_SECRET": client.client_secret,
        "SUB": sub,
    }
    got = run(order, variables)
    assert (got.keys(), got["status"]) == (ordered.keys(), "queued")
    form = {"grant_type": "client_credentials", "scope": "notify"}
    known = (client.client_id, client.client_secret)
    token = httpx2.post(f"{broker.issuer}/token", data=form, auth=known, trust_env=False).json()["access_token"]
    deadline = monotonic() + 30
    while (told := run(ask, variables | {"TOKEN": token, "ID": got["id"]}))["status"] == "queued":
        assert monotonic() < deadline, told
        sleep(0.2)
    assert (told.keys(), told["status"]) == (answered.keys(), "sent")
    telegram = broker.emulators["telegram"].url
    by_hand = {
        "BOT_TOKEN": str(PLAIN["telegram"]["bot_token"]),
        "TELEGRAM_ID": ADA.ids["telegram"],
        "ISSUER": broker.issuer,
    }
    sleep(1.1)  # Telegram takes one message a second to a person
    answer = run(send.replace("https://api.telegram.org", telegram), by_hand)
    assert (answer["ok"], answer["result"].keys() >= sent["result"].keys()) == (True, True)
    *_, last = httpx2.get(f"{telegram}/_emulator/messages", trust_env=False).json()
    assert last["buttons"] == [["Sign in to the shop", f"{broker.issuer}/enter/telegram/shop"]]


def test_whose_vk_id_is_this(broker: RunningBroker) -> None:
    sub = broker.login("vk", "ada").claims["sub"]
    merge = absorb(broker.durable, sub, "who-she-was")
    asyncio.run_coroutine_threadsafe(merge, broker.loop).result(timeout=30)
    client = broker.client()
    variables = {"ISSUER": broker.issuer, "CLIENT_ID": client.client_id, "CLIENT_SECRET": client.client_secret}
    (ask, _), (ask_nobody, nobody), (follow, _) = shown("whose-id.md")
    assert run(ask, variables) == {"sub": sub}
    assert run(ask_nobody, variables) == nobody
    assert run(follow, variables | {"SUB_IN_OUR_DATABASE": "who-she-was"}) == {"sub": sub}
