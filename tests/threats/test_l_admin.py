"""The admin API of a running broker: its tokens by commands, a person blocked by it, and whatever its document allows.

docs/how-to/over-http.md says how, and is done here.
"""

from __future__ import annotations

import asyncio
import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import httpx2
import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import (
    content_type_conformance,
    response_schema_conformance,
    status_code_conformance,
)

from broker.core.openapi.admin import BASE, DOCUMENT, path_of, reached
from broker.core.operators.question import UseCase
from tests.threats.journeys import http, introspect, new_visitor, refresh, tokens_for, userinfo
from tests.threats.site import Site, running_site
from tests.threats.tours import broker_command

pytestmark = pytest.mark.anyio
PAGE: Final = Path(__file__).parents[2] / "docs/how-to/over-http.md"
OVER_HTTP: Final = PAGE.read_text(encoding="utf-8")
COMMANDS: Final = [shlex.split(line) for line in re.findall(r"^broker (.+)$", OVER_HTTP, re.MULTILINE)]
CALLS: Final = [
    shlex.split(one.replace("\\\n", "")) for one in re.findall(r"^(curl (?:.+\\\n)*.+)$", OVER_HTTP, re.MULTILINE)
]
HELD_TO = [not_a_server_error, status_code_conformance, content_type_conformance, response_schema_conformance]
SUB: Final = "k4fq3s7d2c5b6a7z4y3x2w1v2u"  # of the page
each_method = pytest.mark.parametrize(
    ("case", "method"),
    [(case, method) for case in reached() for method in (("post",) if case.writes else ("get", "post"))],
    ids=lambda one: getattr(one, "name", one),
)


@pytest.fixture(scope="module")
def admin_site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A site whose operators are reached over HTTP, by a name of their own, too."""

    def change(config: dict[str, Any]) -> None:
        config["server"] |= {"admin_api": True, "admin_hosts": ["admin.internal"]}
        config["limits"] = config.get("limits", {}) | {"admin": "100000/min", "admin_failure": "100000/min"}

    with running_site(tmp_path_factory.mktemp("admin"), change) as site:
        yield site


async def make(site: Site, name: str, scope: str = "write") -> dict[str, str]:
    """The header of a new token."""
    words = ("admin", "token", "new", name, "--scope", scope, "--why", "a test", "--json")
    made = json.loads(await broker_command(site, *words))
    return {"Authorization": f"Bearer {made['token']}"}


async def call(site: Site, words: list[str], token: str, **instead: str) -> httpx2.Response:
    """What a `curl` of the page comes to; `instead` of what stands in it."""
    assert words[:3] == ["curl", "-H", "Authorization: Bearer $TOKEN"]
    url, body = words[-1], words[words.index("--json") + 1] if "--json" in words else None
    for old, new in instead.items():
        body = body and body.replace(old, new)
    headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
    async with httpx2.AsyncClient(base_url=site.management, trust_env=False) as client:
        there = url.removeprefix("http://127.0.0.1:9400")
        return await client.request("POST" if body else "GET", there, content=body, headers=headers)


async def test_l10_d11_the_page_is_done_and_whom_a_token_blocks_is_out_at_once(admin_site: Site) -> None:
    site = admin_site
    new, listing, revoke = COMMANDS
    token = re.search(r"^token: (\S+)$", await broker_command(site, *new), re.MULTILINE)
    assert token
    assert "support" in await broker_command(site, *listing)
    async with new_visitor() as visitor, http(site) as client:
        tokens = await tokens_for(site, visitor=visitor)
        sub = str((await userinfo(site, client, tokens["access_token"])).json()["sub"])
        blocked, found, block = CALLS
        assert (await call(site, blocked, token[1])).json() == {"accounts": []}
        assert (await call(site, found, token[1])).status_code == 200
        assert (await call(site, block, token[1], **{SUB: sub})).json()["changed"]
        assert (await userinfo(site, client, tokens["access_token"])).status_code == 401
        assert await introspect(site, client, tokens["access_token"]) == {"active": False}
        assert (await refresh(site, client, tokens["refresh_token"])).json()["error"] == "invalid_grant"
        assert [one["sub"] for one in (await call(site, blocked, token[1])).json()["accounts"]] == [sub]
    await broker_command(site, *revoke)
    assert (await call(site, blocked, token[1])).status_code == 401, "the next call is refused"
    site.stop()  # with that every line is written
    log, kept = site.log(), (site.log_bytes(), site.database_bytes())
    site.start()
    acted = [line for line in log if line.get("event") == "operator.acted" and line["by"] == "token support"]
    assert [line["use_case"] for line in acted] == ["account.find", "account.find", "account.block", "account.find"]
    assert [line["why"] for line in acted if line["why"]] == ["left, ticket 4711"]
    assert all(line["audit"] is True for line in acted)
    assert not [place for place in kept if token[1].encode() in place]
    events = [line["event"] for line in log if line["event"].startswith("admin.")]
    assert events == ["admin.token_made", "admin.token_revoked", "admin.refused"]


async def test_l10_l4_no_token_of_a_person_or_an_app_is_one(admin_site: Site) -> None:
    tokens = await tokens_for(admin_site, person="boris")
    async with httpx2.AsyncClient(base_url=admin_site.management, trust_env=False) as client:
        for shown in ("access_token", "id_token", "refresh_token"):
            for way in ({"Authorization": f"Bearer {tokens[shown]}"}, {"Authorization": f"DPoP {tokens[shown]}"}):
                answer = await client.get(f"{BASE}/account/find", headers=way)
                assert answer.status_code == 401
        answer = await client.get(f"{BASE}/account/find", auth=("app", admin_site.secret("app")))
        assert answer.status_code == 401


async def test_h8_a_path_leads_there_in_one_spelling(admin_site: Site) -> None:
    where, headers = urlsplit(admin_site.management), await make(admin_site, "paths", "read")
    for path, status in (
        *((f"{BASE}/client/list", 200), (f"/livez/..{BASE}/client/list", 404), (f"/{BASE}/client/list", 404)),
        *(("/admin%2fv1/client/list", 404), ("/./admin/v1/client/list", 404), ("/admin/v1/client%2flist", 404)),
    ):
        reader, writer = await asyncio.open_connection(where.hostname, where.port)
        told = f"GET {path} HTTP/1.1\r\nHost: admin.internal\r\nAuthorization: {headers['Authorization']}\r\n"
        writer.write(f"{told}User-Agent: kube-probe/1.31\r\nConnection: close\r\n\r\n".encode())
        answer = await asyncio.wait_for(reader.read(), 60)
        writer.close()
        assert answer.startswith(f"HTTP/1.1 {status} ".encode()), (path, answer[:80])


@pytest.fixture(scope="module")
def token(admin_site: Site) -> dict[str, str]:
    """The header of a token that may everything a token may."""
    return asyncio.run(make(admin_site, "fuzz"))


@each_method
def test_l10_whatever_is_sent_the_answer_is_one_that_is_described(
    admin_site: Site, token: dict[str, str], case: UseCase, method: str
) -> None:
    described = schemathesis.openapi.from_url(f"{admin_site.management}{DOCUMENT}", headers=token)

    def send(one: schemathesis.Case[Any]) -> None:
        answer = one.call(headers=dict(token))
        one.validate_response(answer, checks=HELD_TO)
        assert not re.search(r"broker_admin_|[0-9a-f]{64}", answer.text), "a secret, or a digest of one"

    strategy = described[path_of(case)][method.upper()].as_strategy()
    unhurried = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
    unhurried(given(one=strategy)(send))()
