"""The emulated X against its contract."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from functools import partial
from typing import Any
from urllib.parse import parse_qsl

import httpx2
import pytest
from oauthlib.oauth1 import Client

from broker.demo.people import ADA, ZOE
from broker.demo.upstreams import RegisteredApp
from broker.demo.upstreams.x import X
from tests.demo.emulated import CALLBACK, CHALLENGE, STATE, VERIFIER, Upstream, emulated, params_of

pytestmark = pytest.mark.anyio
APP = RegisteredApp("M1M5R3BMVy13QmpTest", "x-secret-abc", (CALLBACK,))
OTHER = RegisteredApp("other", "other-secret", (CALLBACK,), {"email": "no"})
BASIC = "Basic TTFNNVIzQk1WeTEzUW1wVGVzdDp4LXNlY3JldC1hYmM="  # the vector
REQUEST = {
    "client_id": APP.client_id,
    "response_type": "code",
    "redirect_uri": CALLBACK,
    "scope": "users.read tweet.read users.email offline.access",
    "state": STATE,
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
ME = {"user.fields": "id,name,username,confirmed_email"}


@pytest.fixture
async def x(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(X, (APP, OTHER))) as upstream:
        yield upstream


# --- OAuth 2.0 ---


async def exchange(x: Upstream, headers: dict[str, str] | None = None, **form: str) -> httpx2.Response:
    sent = {"grant_type": "authorization_code", "redirect_uri": CALLBACK, "code_verifier": VERIFIER} | form
    return await x.post("/2/oauth2/token", sent, {"Authorization": BASIC} if headers is None else headers)


async def code(x: Upstream, person: str = "ada", **changes: str) -> str:
    return (await x.answer_of("/i/oauth2/authorize", person, **REQUEST | changes))["code"]


async def me(x: Upstream, token: str) -> httpx2.Response:
    return await x.http.get("/2/users/me", params=ME, headers={"Authorization": f"Bearer {token}"})


async def test_a_login_ends_with_the_profile_and_refresh_tokens_change(x: Upstream) -> None:
    given = (await exchange(x, code=await code(x))).json()
    assert (given["token_type"], given["expires_in"]) == ("bearer", 7200)
    found = (await me(x, given["access_token"])).json()["data"]
    assert found["confirmed_email"] == ADA.email
    assert int(found["id"]) > 2**53
    again = await exchange(x, grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert again.json()["refresh_token"] != given["refresh_token"]
    used = await exchange(x, grant_type="refresh_token", refresh_token=given["refresh_token"])
    assert used.status_code == 400
    await x.post("/2/oauth2/revoke", {"token": again.json()["access_token"]}, {"Authorization": BASIC})
    assert (await me(x, again.json()["access_token"])).status_code == 401


async def test_a_code_lives_for_thirty_seconds_and_once(x: Upstream) -> None:
    old = await code(x)
    x.clock.at += 30
    assert (await exchange(x, code=old)).status_code == 400
    fresh = await code(x)
    assert (await exchange(x, code=fresh)).status_code == 200
    assert (await exchange(x, code=fresh)).json()["error"] == "invalid_request"


@pytest.mark.parametrize(
    "changes", [{"code_verifier": "x" * 43}, {"redirect_uri": "https://else.example"}, {"grant_type": "password"}]
)
async def test_an_exchange_that_does_not_fit_is_refused(x: Upstream, changes: dict[str, str]) -> None:
    assert (await exchange(x, None, **{"code": await code(x), **changes})).status_code == 400


async def test_without_the_header_nobody_is_known(x: Upstream) -> None:
    form = {"client_id": APP.client_id, "client_secret": APP.client_secret, "code": await code(x)}
    refused = await exchange(x, {}, **form)
    assert (refused.status_code, refused.json()["error"]) == (401, "unauthorized_client")


@pytest.mark.parametrize(
    "wrong",
    [
        {"code_challenge": ""},
        {"code_challenge_method": "plain"},
        {"state": ""},
        {"state": "s" * 501},
        {"scope": "openid"},
        {"redirect_uri": "https://else.example"},
        {"client_id": "nobody"},
    ],
)
async def test_a_wrong_request_ends_on_a_page_of_its_own(x: Upstream, wrong: dict[str, str]) -> None:
    assert (await x.get("/i/oauth2/authorize", **REQUEST | wrong)).status_code == 400


async def test_the_profile_needs_its_scopes_and_tells_what_was_granted(x: Upstream) -> None:
    narrow = (await exchange(x, code=await code(x, scope="users.read"))).json()["access_token"]
    assert (await me(x, narrow)).json()["type"].endswith("/client-forbidden")
    plain = (await exchange(x, code=await code(x, scope="users.read tweet.read"))).json()["access_token"]
    assert "confirmed_email" not in (await me(x, plain)).json()["data"]
    assert (await me(x, "nonsense")).status_code == 401


# --- OAuth 1.0a, spoken by another library ---


def client(token: str = "", secret: str = "", app: RegisteredApp = APP, **more: Any) -> Client:
    return Client(app.client_id, app.client_secret, token or None, secret or None, **more)


async def ask(
    x: Upstream, by: Client, path: str, base: str = "https://api.x.com", method: str = "POST"
) -> httpx2.Response:
    _, headers, _ = by.sign(base + path, method)
    return await x.http.request(method, path, headers=dict(headers))


def stamped(x: Upstream, **more: Any) -> dict[str, Any]:
    return {"timestamp": str(int(x.clock())), **more}


async def request_token(x: Upstream, **more: Any) -> dict[str, str]:
    answer = await ask(x, client(callback_uri=f"{CALLBACK}?state=s", **stamped(x, **more)), "/oauth/request_token")
    assert answer.headers["content-type"].startswith("text/html")
    return dict(parse_qsl(answer.text))


async def access_token(x: Upstream, person: str = "ada") -> dict[str, str]:
    asked = await request_token(x)
    back = await x.answer_of("/oauth/authenticate", person, oauth_token=asked["oauth_token"])
    assert (back["state"], back["oauth_token"]) == ("s", asked["oauth_token"])
    by = client(asked["oauth_token"], asked["oauth_token_secret"], verifier=back["oauth_verifier"], **stamped(x))
    return dict(parse_qsl((await ask(x, by, "/oauth/access_token")).text))


CREDENTIALS = "/1.1/account/verify_credentials.json?include_email=true"


async def test_signed_steps_end_with_the_profile(x: Upstream) -> None:
    held = await access_token(x, "zoe")
    by = client(held["oauth_token"], held["oauth_token_secret"], **stamped(x))
    found = (await ask(x, by, CREDENTIALS, method="GET")).json()
    assert (found["id_str"], str(found["id"])) == (held["user_id"], held["user_id"])
    assert (found["email"], found["name"]) == (ZOE.email, ZOE.name)
    newer = client(held["oauth_token"], held["oauth_token_secret"], **stamped(x))
    assert (await ask(x, newer, "/2/users/me", method="GET")).json()["data"]["id"] == held["user_id"]


def _wrong(name: str) -> Callable[[Upstream, dict[str, str]], Client]:
    def of(x: Upstream, held: dict[str, str]) -> Client:
        token, secret = held["oauth_token"], held["oauth_token_secret"]
        return {
            "signature": lambda: client(token, "another", **stamped(x)),
            "application": lambda: client(token, secret, OTHER, **stamped(x)),
            "time": lambda: client(token, secret, timestamp=str(int(x.clock()) - 3600)),
            "token": lambda: client("nobody's", secret, **stamped(x)),
            "client": lambda: client(token, secret, RegisteredApp("nobody", "s"), **stamped(x)),
        }[name]()

    return of


@pytest.mark.parametrize(
    ("name", "code_told"), [("signature", 32), ("application", 89), ("time", 135), ("token", 32), ("client", 32)]
)
async def test_a_call_that_is_signed_wrongly_is_refused_by_its_code(x: Upstream, name: str, code_told: int) -> None:
    refused = await ask(x, _wrong(name)(x, await access_token(x)), CREDENTIALS, method="GET")
    assert refused.json()["errors"][0]["code"] == code_told
    assert (await x.http.get(CREDENTIALS)).json()["errors"][0]["code"] == 215


async def test_both_hosts_count_and_a_nonce_counts_once(x: Upstream) -> None:
    held = await access_token(x)
    by = client(held["oauth_token"], held["oauth_token_secret"], **stamped(x, nonce="n1"))
    assert (await ask(x, by, CREDENTIALS, "https://api.twitter.com", "GET")).status_code == 200
    assert (await ask(x, by, CREDENTIALS, "https://api.twitter.com", "GET")).json()["errors"][0]["code"] == 32
    elsewhere = client(held["oauth_token"], held["oauth_token_secret"], **stamped(x))
    assert (await ask(x, elsewhere, CREDENTIALS, "https://api.else.example", "GET")).status_code == 401


async def test_a_request_token_is_good_once_for_its_app_and_its_verifier(x: Upstream) -> None:
    asked = await request_token(x)
    token, secret = asked["oauth_token"], asked["oauth_token_secret"]
    early = await ask(x, client(token, secret, verifier="v", **stamped(x)), "/oauth/access_token")
    assert early.json()["errors"][0]["code"] == 89
    asked = await request_token(x)
    token, secret = asked["oauth_token"], asked["oauth_token_secret"]
    await x.answer_of("/oauth/authorize", oauth_token=token)
    assert (await x.get("/oauth/authorize", oauth_token=token, _person="ada")).status_code == 400
    wrong = await ask(x, client(token, secret, verifier="v", **stamped(x)), "/oauth/access_token")
    assert wrong.json()["errors"][0]["code"] == 89
    assert (await x.get("/oauth/authorize", oauth_token="nobody's")).status_code == 400


async def test_a_callback_is_registered_and_a_refusal_names_the_token(x: Upstream) -> None:
    foreign = client(callback_uri="https://else.example/", **stamped(x))
    assert (await ask(x, foreign, "/oauth/request_token")).json()["errors"][0]["code"] == 415
    asked = await request_token(x)
    answer = await x.get("/oauth/authenticate", oauth_token=asked["oauth_token"], _cancel="1")
    assert params_of(answer) == {"state": "s", "denied": asked["oauth_token"]}


async def test_an_invalidated_token_is_no_more(x: Upstream) -> None:
    held = await access_token(x)
    token, secret = held["oauth_token"], held["oauth_token_secret"]
    assert (await ask(x, client(token, secret, **stamped(x)), "/1.1/oauth/invalidate_token")).status_code == 200
    assert (await ask(x, client(token, secret, **stamped(x)), CREDENTIALS, method="GET")).status_code == 401


async def test_calls_may_be_refused_by_plan_or_by_number(x: Upstream) -> None:
    held = await access_token(x)
    for fault, status, told in (("only_v2", 403, 453), ("too_many_calls", 429, 88), ("unauthorized", 401, 89)):
        await x.fault(fault, times=1)
        by = client(held["oauth_token"], held["oauth_token_secret"], **stamped(x))
        answer = await ask(x, by, CREDENTIALS, method="GET")
        assert (answer.status_code, answer.json()["errors"][0]["code"]) == (status, told)
    await x.fault("too_many_calls", times=1)
    by = client(held["oauth_token"], held["oauth_token_secret"], **stamped(x))
    assert int((await ask(x, by, "/2/users/me", method="GET")).headers["x-rate-limit-reset"]) > x.clock()
