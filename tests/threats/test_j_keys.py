"""Threat J6: a drill. A signing key has leaked, an operator types one command, and everybody else goes on."""

from __future__ import annotations

import asyncio
import os
import time
from base64 import b64encode
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import httpx2
import jwt
import pytest

from broker.app import build
from broker.assembly.broker import Broker
from broker.cli.common import resolve
from broker.config.load import load_text
from broker.core.seal import Seal
from broker.core.terms import Algorithm
from broker.services.context import Context
from broker.services.keys.ring import KeyRing
from broker.services.keys.signing import SealedKeys
from tests.config.minimal import MINIMAL
from tests.services.bare_broker import RULES, Notes
from tests.threats.journeys import back, http, introspect, new_visitor, refresh, sign_in, tokens_for, userinfo
from tests.threats.site import Site, running_site
from tests.threats.tours import broker_command

pytestmark = pytest.mark.anyio
DEAD = {"active": False}
MASTER = bytes(range(32))


def with_jwt(config: dict[str, Any]) -> None:
    """A client whose access tokens are signed, and keys of two algorithms."""
    config["keys"]["algorithms"] = ["RS256", "PS256"]
    config["clients"]["second"] |= {"access_token_format": "jwt", "id_token_alg": "PS256"}


async def test_j6_after_an_emergency_nothing_a_leaked_key_signed_is_believed(tmp_path: Path) -> None:
    with running_site(tmp_path, with_jwt) as site:
        async with http(site) as client, new_visitor() as visitor:
            signed = await tokens_for(site, "second", visitor=visitor)
            opaque = await tokens_for(site, visitor=visitor)
            before = (await client.get("/jwks")).json()["keys"]
            await broker_command(site, "keys", "rotate", "--emergency")
            after = (await client.get("/jwks")).json()["keys"]
            assert len(before) == len(after) == 2
            assert not {key["kid"] for key in before} & {key["kid"] for key in after}
            await refused_everywhere(site, client, signed["access_token"])
            for client_id, tokens in (("second", signed), ("app", opaque)):
                page = await sign_in(site, visitor, client_id, prompt="none", id_token_hint=tokens["id_token"])
                assert back(page)["error"] == "invalid_request"
            # Nobody has to log in again: what no key signed stays good, and gets new signatures.
            assert (await userinfo(site, client, opaque["access_token"])).status_code == 200
            renewed = (await refresh(site, client, signed["refresh_token"], "second")).json()
            assert (await userinfo(site, client, renewed["access_token"])).status_code == 200
            verify(renewed["id_token"], after, "second", site)
            page = await sign_in(site, visitor, "second", prompt="none", id_token_hint=renewed["id_token"])
            assert "code" in back(page)
        site.stop()
        site.start()
        async with http(site) as client:
            assert (await client.get("/jwks")).json()["keys"] == after
            await refused_everywhere(site, client, signed["access_token"])


async def test_j6_all_that_apps_were_given_ends_when_the_operator_says_so(tmp_path: Path) -> None:
    with running_site(tmp_path, with_jwt) as site:
        async with http(site) as client, new_visitor() as visitor:
            tokens = {name: await tokens_for(site, name, visitor=visitor) for name in ("app", "second", "spa")}
            said = await broker_command(site, "keys", "rotate", "--emergency", "--end-grants")
            assert said.splitlines()[-1] == "3 grants ended"
            for name, given in tokens.items():
                assert (await userinfo(site, client, given["access_token"])).status_code == 401
                answer = await refresh(site, client, given["refresh_token"], name)
                assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
            events = [line["event"] for line in site.log() if line.get("audit")]
            assert (events.count("key.removed"), events.count("grants.ended")) == (2, 1)
            again = back(await sign_in(site, visitor, prompt="none"))
            assert "code" in again, "browsers stay signed on"


async def refused_everywhere(site: Site, client: httpx2.AsyncClient, token: str) -> None:
    """An access token that opens nothing."""
    assert (await userinfo(site, client, token)).status_code == 401
    assert await introspect(site, client, token, "second") == DEAD


def verify(token: str, keys: list[dict[str, str]], client_id: str, site: Site) -> None:
    """As an app does that fetched the keys anew."""
    found = jwt.PyJWKSet.from_dict({"keys": keys})[jwt.get_unverified_header(token)["kid"]]
    jwt.decode(token, found, algorithms=["RS256", "PS256"], audience=client_id, issuer=site.issuer)


class Hours:
    """Waits that end when told, by how long they were to last."""

    def __init__(self) -> None:
        self.waiting: dict[float, asyncio.Event] = {}

    async def pause(self, seconds: float) -> None:
        """In place of sleep."""
        event = self.waiting[seconds] = asyncio.Event()
        await event.wait()

    async def pass_(self, seconds: float) -> None:
        """Let the chore that waits this long be done once."""
        self.waiting.pop(seconds).set()
        while seconds not in self.waiting:
            await asyncio.sleep(0.001)


@pytest.fixture
async def node(tmp_path: Path, anyio_backend: str) -> AsyncIterator[Broker]:
    """A broker in this process, not yet started."""
    keys = f"keys: {{master: [{b64encode(MASTER).decode()}], algorithms: [RS256]}}\n"
    text = f"{MINIMAL}storage: {{sqlite: {{path: broker.db}}}}\n{keys}"
    broker = await build(load_text(text, "config.yaml", resolve, environ={}, base=tmp_path).config, create=True)
    yield broker
    await broker.close()


async def test_j6_k18_a_node_hears_within_a_minute_that_another_one_removed_a_key(node: Broker) -> None:
    hours = Hours()
    node.pause = hours.pause
    await node.start()
    await asyncio.sleep(0)
    *_, look, sweep = sorted(hours.waiting)
    assert look * 2 < 60
    context = Context("https://id.example.com", time.time, os.urandom, Notes())
    service = SealedKeys(Seal((MASTER,), "signing key", randomness=os.urandom, clock=time.time))
    other = KeyRing(context, node.durable.keys, service, algorithms=(Algorithm.RS256,), rules=RULES)
    await other.refresh()
    leaked = set(node.keys.current.own)
    await other.replace()
    assert set(node.keys.current.own) == leaked, "it has not looked yet"
    await hours.pass_(look)
    assert set(node.keys.current.own) == set(other.current.own)
    assert not leaked & set(node.keys.current.own)
    assert sweep in hours.waiting, "a look waits for no sweep"
