"""`/backchannel/{provider}`: what an upstream is answered."""

from __future__ import annotations

import time
from collections.abc import Iterator
from typing import Any

import httpx2
import pytest

from broker.demo.upstreams.keys import key
from broker.demo.upstreams.oidc_logins import EVENT
from broker.upstream.exchange import tls_context
from tests.conformance.rp.upstream_op import ISSUER, RelyingBroker, relying_broker

HEADERS = {"cache-control": "no-store", "x-content-type-options": "nosniff"}


@pytest.fixture(scope="module")
def rp() -> Iterator[RelyingBroker]:
    """A broker that takes logout tokens; nobody is logged in."""
    with relying_broker("query", {"logout": {"backchannel": True}}) as started:
        yield started


def token(**changes: Any) -> str:
    """A good logout token about somebody who was never here."""
    now = int(time.time())
    said = {"iss": ISSUER, "aud": "rp", "iat": now, "exp": now + 60, "sub": "nobody", "events": {EVENT: {}}}
    return key("emu-oidc-rs-1", "RS256").sign(said | changes, kid="emu-oidc-rs-1", typ="logout+jwt")


def post(rp: RelyingBroker, name: str = "op", **request: Any) -> httpx2.Response:
    """What the broker answers."""
    return httpx2.post(f"{rp.broker.issuer}/backchannel/{name}", timeout=30, verify=tls_context(None), **request)


def test_a_token_about_nobody_who_is_here_is_taken_and_nothing_is_kept_of_the_answer(rp: RelyingBroker) -> None:
    answer = post(rp, data={"logout_token": token(jti="j-1")})
    assert (answer.status_code, answer.content) == (200, b"")
    assert HEADERS.items() <= dict(answer.headers).items()
    assert "set-cookie" not in answer.headers
    (line,) = [line for line in rp.broker.log if line["event"] == "upstream.logout"]
    assert (line["provider"], line["kind"], line["outcome"], line["sessions"]) == ("op", "sub", "ended", 0)


def test_g8_what_is_not_a_logout_token_is_answered_with_an_error_that_says_what_to_change(rp: RelyingBroker) -> None:
    used = token(jti="j-2")
    assert post(rp, data={"logout_token": used}).status_code == 200
    junk: list[tuple[str, dict[str, Any]]] = [
        ("op", {"data": {"logout_token": used}}),
        ("op", {"data": {"logout_token": token(jti="j-3", aud="another")}}),
        ("op", {"data": {"logout_token": "<script>"}}),
        ("op", {"data": {"logout_token": "x" * 20_000}}),
        ("op", {"data": {}}),
        ("op", {"params": {"logout_token": token(jti="j-4")}}),
        ("op", {"content": f"logout_token={token(jti='j-5')}&logout_token={token(jti='j-6')}".encode()}),
        ("op", {"json": {"logout_token": token(jti="j-7")}}),
        ("nobody", {"data": {"logout_token": token(jti="j-8")}}),
    ]
    for name, request in junk:
        if "content" in request:
            request["headers"] = {"content-type": "application/x-www-form-urlencoded"}
        answer = post(rp, name, **request)
        body = answer.json()
        assert answer.status_code in {400, 415}, request
        assert (body["error"], bool(body["error_description"])) == ("invalid_request", True)
        assert HEADERS.items() <= dict(answer.headers).items()
        assert "<script>" not in answer.text


def test_a_logout_is_told_by_post_alone(rp: RelyingBroker) -> None:
    answer = httpx2.get(f"{rp.broker.issuer}/backchannel/op", params={"logout_token": token(jti="j-9")})
    assert (answer.status_code, answer.headers["allow"]) == (405, "POST")
