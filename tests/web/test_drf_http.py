"""`/auth/...` over HTTP: what is counted, who may call from a page, and what a body may be."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from broker.core.openapi.operations import OPERATIONS
from tests.services.upstreams import PostingUpstream
from tests.web.public_app import CONFIG, PublicApp, public_app

pytestmark = pytest.mark.anyio
CALLS = [one.path for one in OPERATIONS if one.where == "drf"]
SPEAKS = f"""{CONFIG.rstrip()}
    scopes: [openid, offline_access]
    grants: [authorization_code, refresh_token, "urn:ietf:params:oauth:grant-type:token-exchange"]
    accept_posted: [alpha]
    drf_backends: {{ google-oauth2: alpha }}
    drf_without_nonce: [alpha]
limits:
  token: 3/min
""".replace("client_id: a,", "client_id: a, accept_posted: [id_token], native_client_ids: [phone],")
SENT = {"client_id": "app", "grant_type": "refresh_token", "refresh_token": "x", "token": "x", "backend": "x"}


@pytest.fixture
async def site() -> AsyncIterator[PublicApp]:
    async with public_app(SPEAKS, kind=PostingUpstream) as app:
        yield app


@pytest.mark.parametrize("path", CALLS)
async def test_every_call_is_counted_with_those_of_the_token_endpoint(site: PublicApp, path: str) -> None:
    headers = {} if path.endswith(("-token", "/token")) else {"authorization": "Bearer made-up"}
    for _ in range(3):
        assert (await site.browser.post(path, data=SENT, headers=headers)).status_code != 429
    answer = await site.browser.post(path, data=SENT, headers=headers)
    assert (answer.status_code, answer.json()["error"]) == (429, "slow_down")
    assert int(answer.headers["retry-after"]) <= 60


@pytest.mark.parametrize("path", CALLS)
async def test_pages_of_the_apps_may_call_and_no_others(site: PublicApp, path: str) -> None:
    for origin, status in (("https://spa.test", 204), ("https://evil.test", 403)):
        asked = {"Origin": origin, "Access-Control-Request-Method": "POST"}
        assert (await site.browser.request("OPTIONS", path, headers=asked)).status_code == status
    assert (await site.browser.get(path)).status_code == 405


@pytest.mark.parametrize("path", [CALLS[0], f"{CALLS[0]}/"])
@pytest.mark.parametrize(
    ("kind", "body", "status"),
    [
        ("application/json", b'{"client_id": "app", "client_id": "app"}', 400),
        ("application/json", b"[]", 400),
        ("application/json", b'{"client_id": null}', 400),
        ("application/json", b'{"client_id": {"a": 1}}', 400),
        ("application/json; charset=utf-16", b"{}", 415),
        ("multipart/form-data; boundary=x", b"--x--", 415),
        ("text/plain", b"client_id=app", 415),
        ("application/json", b" " * 100_000, 413),
    ],
)
async def test_what_is_no_body_of_a_call_is_refused(
    site: PublicApp, path: str, kind: str, body: bytes, status: int
) -> None:
    assert (await site.browser.post(path, content=body, headers={"content-type": kind})).status_code == status
