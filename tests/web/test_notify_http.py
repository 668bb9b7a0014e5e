"""`/notify` as apps meet it, from the order to the emulated chat: statuses, tokens, proofs, counting; and off."""

from __future__ import annotations

from collections.abc import Iterator
from time import monotonic, sleep, time
from typing import Any

import httpx2
import pytest

from broker.core.terms import Algorithm
from broker.demo.background import TEST_APP, RunningBroker
from broker.testing import running_broker
from broker.upstream.exchange import tls_context
from tests.core.own_tokens import pair_of
from tests.core.prover import Prover
from tests.web.public_app import CONFIG, ISSUER, public_app

SECRET = "a secret of a client that may write once"
ONCE = {
    "name": "Once",
    "redirect_uris": ["http://127.0.0.1/callback"],
    "secret": SECRET,
    "grants": ["client_credentials", "authorization_code"],
    "service_scopes": ["notify", "orders:read"],
    "first_party": True,
}


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    """With an app that the tests of every operation have, and one more."""
    with running_broker({"once": ONCE}, sections={"notify": {"per_person": "1000/s"}}) as running:
        yield running


def own_token(broker: RunningBroker, client_id: str = TEST_APP, proof: str = "", **more: str) -> str:
    """The client's own access token."""
    client = broker.client(client_id)
    form = {"grant_type": "client_credentials", "client_id": client.client_id, "client_secret": client.client_secret}
    headers = {"DPoP": proof} if proof else {}
    answer = httpx2.post(f"{broker.issuer}/token", data=form | more, headers=headers, verify=tls_context(None))
    answer.raise_for_status()
    return str(answer.json()["access_token"])


def order(broker: RunningBroker, token: str, headers: dict[str, str] | None = None, **body: Any) -> httpx2.Response:
    """An order with this token."""
    sent = {"authorization": f"Bearer {token}"} if headers is None else headers
    return httpx2.post(f"{broker.issuer}/notify", json=body, headers=sent, verify=tls_context(None))


def show(broker: RunningBroker, token: str, message_id: str) -> httpx2.Response:
    """What became of it."""
    headers = {"authorization": f"Bearer {token}"}
    return httpx2.get(f"{broker.issuer}/notify/{message_id}", headers=headers, verify=tls_context(None))


def settled(broker: RunningBroker, token: str, message_id: str) -> dict[str, Any]:
    """What became of it in the end."""
    deadline = monotonic() + 60
    while (said := show(broker, token, message_id).json())["status"] == "queued":
        assert monotonic() < deadline, said
        sleep(0.05)  # a broker in another thread: there is nothing to wait for but its answers
    return dict(said)


def messages(broker: RunningBroker) -> list[dict[str, Any]]:
    """What reached people."""
    found: list[dict[str, Any]] = httpx2.get(f"{broker.emulators['telegram'].url}/_emulator/messages").json()
    return found


def refusal(answer: httpx2.Response) -> tuple[int, str]:
    """Status and error."""
    assert answer.headers["cache-control"] == "no-store"
    return answer.status_code, answer.json()["error"]


def test_a_message_is_accepted_arrives_in_the_chat_and_its_app_hears_so(broker: RunningBroker) -> None:
    sub, token = broker.login("telegram", "ada").claims["sub"], own_token(broker)
    button = {"text": "Your order", "url": "https://shop.example.com/orders/7"}
    answer = order(broker, token, sub=sub, text="It is ready\nfor you", buttons=[button])
    assert (answer.status_code, answer.json()["status"], answer.headers["cache-control"]) == (202, "queued", "no-store")
    said = settled(broker, token, answer.json()["id"])
    assert (said["status"], said["attempts"]) == ("sent", 1)
    assert (messages(broker)[-1]["text"], messages(broker)[-1]["buttons"]) == (
        "It is ready\nfor you",
        [["Your order", "https://shop.example.com/orders/7"]],
    )


def test_a_person_who_blocks_the_bot_is_unreachable_until_they_sign_in_again(broker: RunningBroker) -> None:
    sub, token = broker.login("telegram", "boris").claims["sub"], own_token(broker)
    blocking = f"{broker.emulators['telegram'].url}/_emulator/block"
    httpx2.post(blocking, json={"person": "boris"})
    said = settled(broker, token, order(broker, token, sub=sub, text="hello").json()["id"])
    assert (said["status"], "blocked" in said["reason"]) == ("unreachable", True)
    assert refusal(order(broker, token, sub=sub, text="hello")) == (409, "unreachable")
    httpx2.post(blocking, json={"person": "boris", "blocked": False})
    sleep(1.1)  # times are whole seconds: who signs in within the same one is not known to have come later
    broker.login("telegram", "boris")
    said = settled(broker, token, order(broker, token, sub=sub, text="hello").json()["id"])
    assert said["status"] == "sent"


def test_who_has_no_telegram_or_is_nobody_cannot_be_written_to(broker: RunningBroker) -> None:
    token = own_token(broker)
    google = broker.login("google", "zoe").claims["sub"]
    assert refusal(order(broker, token, sub=google, text="hello")) == (409, "no_way_to_write")
    assert refusal(order(broker, token, sub="nobody", text="hello")) == (404, "not_found")


def test_the_same_key_again_is_the_same_message(broker: RunningBroker) -> None:
    sub, token = broker.login("telegram", "zoe").claims["sub"], own_token(broker)
    first, again = (order(broker, token, sub=sub, text="hello", idempotency_key="k-1").json()["id"] for _ in range(2))
    assert first == again
    assert refusal(order(broker, token, sub=sub, text="other", idempotency_key="k-1")) == (400, "invalid_request")


def test_l6_an_app_sees_its_own_messages_alone(broker: RunningBroker) -> None:
    sub, token = broker.login("telegram", "ada").claims["sub"], own_token(broker)
    message_id = order(broker, token, sub=sub, text="hello").json()["id"]
    assert show(broker, token, message_id).status_code == 200
    assert refusal(show(broker, own_token(broker, "once"), message_id)) == (404, "not_found")
    assert refusal(show(broker, token, "n_made-up")) == (404, "not_found")


def test_only_a_token_of_the_app_itself_with_the_scope_opens_it(broker: RunningBroker) -> None:
    login = broker.login("telegram", "ada")
    asked = {"sub": login.claims["sub"], "text": "hello"}
    assert order(broker, "", headers={}, **asked).status_code == 401
    assert refusal(order(broker, "made-up", **asked)) == (401, "invalid_token")
    assert refusal(order(broker, login.tokens["access_token"], **asked)) == (403, "insufficient_scope")
    assert refusal(order(broker, own_token(broker, "once", scope="orders:read"), **asked)) == (
        403,
        "insufficient_scope",
    )


def test_a_token_that_is_bound_to_a_key_comes_with_a_proof(broker: RunningBroker) -> None:
    key = Prover(pair=pair_of(Algorithm.ES256))
    login = broker.login("telegram", "ada")
    token = own_token(broker, proof=key.prove("POST", f"{broker.issuer}/token", at=time()))
    asked = {"sub": login.claims["sub"], "text": "hello"}
    assert refusal(order(broker, token, **asked)) == (401, "invalid_token")
    headers = {"authorization": f"DPoP {token}"}
    proof = key.prove("POST", f"{broker.issuer}/notify", at=time(), token=token)
    assert order(broker, token, headers | {"dpop": proof}, **asked).status_code == 202


@pytest.mark.parametrize(
    ("content", "kind", "status"),
    [
        (b"sub=a&text=b", "application/x-www-form-urlencoded", 415),
        (b"{}", "application/json; charset=latin1", 415),
        (b"[]", "application/json", 400),
        (b'{"sub":"a","sub":"b","text":"c"}', "application/json", 400),
        (b'{"sub":"a"', "application/json", 400),
        (b'{"sub":"a"}', "application/json", 400),
        (b" " * 70_000, "application/json", 413),
    ],
)
def test_a_body_that_is_no_order_is_refused(broker: RunningBroker, content: bytes, kind: str, status: int) -> None:
    headers = {"authorization": f"Bearer {own_token(broker)}", "content-type": kind}
    answer = httpx2.post(f"{broker.issuer}/notify", content=content, headers=headers)
    assert refusal(answer) == (status, "invalid_request")


@pytest.mark.anyio
async def test_without_an_app_that_may_there_is_no_such_thing() -> None:
    async with public_app() as site:
        assert (await site.browser.post("/notify", json={})).status_code == 404
        assert (await site.browser.get("/notify/n_1")).status_code == 404
        assert "notification_endpoint" not in (await site.browser.get("/.well-known/openid-configuration")).json()
        assert not any(path.startswith("/notify") for path in (await site.browser.get("/openapi.json")).json()["paths"])


@pytest.mark.anyio
async def test_orders_are_counted_per_client() -> None:
    config = f"""{CONFIG.rstrip()}
  robot:
    name: Robot
    secret: {SECRET}
    auth_method: client_secret_post
    id_token_alg: ES256
    grants: [client_credentials]
    service_scopes: [notify]
limits:
  notify: 1/min
"""
    async with public_app(config) as site:
        form = {"grant_type": "client_credentials", "client_id": "robot", "client_secret": f"{SECRET}"}
        token = (await site.browser.post("/token", data=form)).json()["access_token"]
        headers = {"authorization": f"Bearer {token}"}
        sent = {"sub": "nobody", "text": "hello"}
        first = await site.browser.post("/notify", json=sent, headers=headers)
        assert refusal(first) == (400, "messages_not_configured")
        second = await site.browser.post("/notify", json=sent, headers=headers)
        assert refusal(second) == (429, "slow_down")
        assert "retry-after" in second.headers
        assert (await site.browser.get("/.well-known/openid-configuration")).json()[
            "notification_endpoint"
        ] == f"{ISSUER}/notify"
