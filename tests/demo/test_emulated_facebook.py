"""The emulated Facebook against its contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx2
import jwt
import pytest

from broker.demo.people import ADA, BORIS
from broker.demo.upstreams import RegisteredApp
from broker.demo.upstreams.facebook import Facebook, proof
from tests.demo.emulated import CALLBACK, NOW, STATE, Upstream, emulated, params_of

pytestmark = pytest.mark.anyio
APP = RegisteredApp("138483919580948", "0123456789abcdef0123456789abcdef", (CALLBACK,))
OTHER = RegisteredApp("138483919580949", "fedcba9876543210fedcba9876543210", (CALLBACK,))
GRAPH = "/v25.0"
REQUEST = {"client_id": APP.client_id, "redirect_uri": CALLBACK, "state": STATE, "scope": "public_profile,email"}
FIELDS = "id,name,first_name,last_name,picture.width(256).height(256),email"


@pytest.fixture
async def facebook(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(Facebook, (APP, OTHER))) as upstream:
        yield upstream


async def code(facebook: Upstream, person: str = "ada", **changes: str) -> str:
    return (await facebook.answer_of(f"{GRAPH}/dialog/oauth", person, **REQUEST | changes))["code"]


async def exchange(facebook: Upstream, given: str, **changes: str) -> httpx2.Response:
    form = {"client_id": APP.client_id, "client_secret": APP.client_secret, "redirect_uri": CALLBACK, "code": given}
    return await facebook.post(f"{GRAPH}/oauth/access_token", form | changes)


async def token(facebook: Upstream, person: str = "ada", **changes: str) -> str:
    found: str = (await exchange(facebook, await code(facebook, person, **changes))).json()["access_token"]
    return found


async def me(facebook: Upstream, access_token: str, path: str = "/me", **query: str) -> httpx2.Response:
    signed = {"appsecret_proof": proof(access_token, APP.client_secret), "fields": FIELDS} | query
    headers = {"Authorization": f"Bearer {access_token}"}
    return await facebook.http.get(f"{GRAPH}{path}", params=signed, headers=headers)


async def debug(facebook: Upstream, access_token: str, viewer: RegisteredApp = APP) -> httpx2.Response:
    asked = {"input_token": access_token, "access_token": f"{viewer.client_id}|{viewer.client_secret}"}
    return await facebook.get(f"{GRAPH}/debug_token", **asked)


def error_of(answer: httpx2.Response) -> tuple[int, int, str]:
    error: dict[str, Any] = answer.json()["error"]
    return answer.status_code, error["code"], error["type"]


def test_the_vectors_of_the_proof() -> None:
    first = "a717c75eb3e114485ee091d52ce73fe9270c8cb926db51b33076a4f64c12cf69"
    assert proof("EAATESTtoken123", APP.client_secret, "1700000000") == first
    assert proof("EAATESTtoken123", APP.client_secret).startswith("0f0370cec06ba24c")


async def test_a_login_ends_with_the_profile(facebook: Upstream) -> None:
    answer = await facebook.get(f"{GRAPH}/dialog/oauth", _person="ada", **REQUEST)
    assert answer.headers["location"].endswith("#_=_")
    assert params_of(answer)["state"] == STATE
    tokens = (await exchange(facebook, params_of(answer)["code"])).json()
    assert (tokens["token_type"], tokens["expires_in"]) == ("bearer", 5184000)
    assert not {"refresh_token", "scope"} & tokens.keys()
    profile = (await me(facebook, tokens["access_token"])).json()
    assert profile.keys() == {"id", "name", "first_name", "last_name", "picture", "email"}
    assert profile["id"] == facebook.emulator.subject(ADA)
    assert (profile["id"].isdecimal(), len(profile["id"])) == (True, 17)
    assert (profile["name"], profile["email"]) == (ADA.name, ADA.email)
    assert profile["picture"]["data"]["is_silhouette"] is False
    assert (await facebook.get("/v1.0/dialog/oauth", **REQUEST)).status_code == 404


async def test_who_has_no_address_and_no_picture_is_told_so(facebook: Upstream) -> None:
    profile = (await me(facebook, await token(facebook, "boris"))).json()
    assert profile["id"] == facebook.emulator.subject(BORIS)
    assert not {"email", "last_name"} & profile.keys()
    assert profile["picture"]["data"]["is_silhouette"] is True


async def test_a_declined_permission_leaves_the_address_out(facebook: Upstream) -> None:
    await facebook.fault("email_declined", times=1)
    access_token = await token(facebook)
    assert "email" not in (await me(facebook, access_token)).json()
    rows = (await me(facebook, access_token, "/me/permissions")).json()["data"]
    assert {row["permission"]: row["status"] for row in rows} == {"public_profile": "granted", "email": "declined"}


async def test_a_code_is_good_once_for_its_app_and_address_by_form_or_query(facebook: Upstream) -> None:
    given = await code(facebook)
    assert error_of(await exchange(facebook, given, redirect_uri="https://other.example/")) == (
        400,
        100,
        "OAuthException",
    )
    assert error_of(await exchange(facebook, given))[1] == 100, "spent"
    theirs = {"client_id": OTHER.client_id, "client_secret": OTHER.client_secret}
    assert error_of(await exchange(facebook, await code(facebook), **theirs))[1] == 100
    assert error_of(await exchange(facebook, await code(facebook), client_id="1"))[1] == 101
    assert error_of(await exchange(facebook, await code(facebook), client_secret="x"))[1] == 1
    form = {"client_id": APP.client_id, "client_secret": APP.client_secret, "redirect_uri": CALLBACK}
    answer = await facebook.get(f"{GRAPH}/oauth/access_token", code=await code(facebook), **form)
    assert answer.json()["access_token"].isalnum()


async def test_who_cancels_or_has_an_app_in_disorder_comes_back_without_a_code(facebook: Upstream) -> None:
    answer = params_of(await facebook.get(f"{GRAPH}/dialog/oauth", _cancel="1", **REQUEST))
    assert answer == {
        "error": "access_denied",
        "error_code": "200",
        "error_reason": "user_denied",
        "error_description": "Permissions error.",
        "state": STATE,
    }
    await facebook.fault("dialog_error", times=1)
    answer = params_of(await facebook.get(f"{GRAPH}/dialog/oauth", **REQUEST))
    assert answer.keys() == {"error_code", "error_message", "state"}


@pytest.mark.parametrize(
    "change", [{"client_id": "1"}, {"redirect_uri": CALLBACK + "/"}, {"state": ""}, {"response_type": "token"}], ids=str
)
async def test_a_request_that_is_wrong_ends_on_a_page_of_facebooks(facebook: Upstream, change: dict[str, str]) -> None:
    assert (await facebook.get(f"{GRAPH}/dialog/oauth", _person="ada", **REQUEST | change)).status_code == 400


async def test_a_call_is_signed_by_the_app_of_the_token(facebook: Upstream) -> None:
    access_token = await token(facebook)
    for proofs in ("", "x", proof(access_token, OTHER.client_secret), proof(access_token, APP.client_secret).upper()):
        answer = await me(facebook, access_token, appsecret_proof=proofs)
        assert error_of(answer) == (400, 100, "GraphMethodException")
    for at, status in ((NOW, 200), (NOW - 300, 200), (NOW - 301, 400), (NOW + 301, 400)):
        timely = {"appsecret_time": str(at), "appsecret_proof": proof(access_token, APP.client_secret, str(at))}
        assert (await me(facebook, access_token, **timely)).status_code == status
    assert error_of(await me(facebook, "EAAnobodys")) == (400, 190, "OAuthException")
    in_query = {"access_token": access_token, "appsecret_proof": proof(access_token, APP.client_secret)}
    assert (await facebook.get(f"{GRAPH}/me", **in_query)).json().keys() == {"id", "name"}
    await facebook.fault("false_profile", times=1)
    assert (await me(facebook, access_token)).json() is False


async def test_debug_token_tells_whose_a_token_is_to_its_own_app(facebook: Upstream) -> None:
    given = (await facebook.order("kit", app=APP.client_id, issued_ago=60)).json()["access_token"]
    data = (await debug(facebook, given)).json()["data"]
    assert (data["app_id"], data["type"], data["is_valid"]) == (APP.client_id, "USER", True)
    assert (data["issued_at"], data["user_id"]) == (NOW - 60, facebook.emulator.subject(ADA))
    assert error_of(await debug(facebook, given, OTHER))[:2] == (400, 100)
    wrong = RegisteredApp(APP.client_id, "x")
    assert error_of(await debug(facebook, given, wrong))[:2] == (400, 100)
    answer = await debug(facebook, "EAAnobodys")
    assert (answer.status_code, answer.json()["data"]["is_valid"]) == (200, False)
    told: dict[str, object] = {"other_app": "4242", "number_app_id": int(APP.client_id)}
    for fault, app_id in told.items():
        await facebook.fault(fault, times=1)
        assert (await debug(facebook, given)).json()["data"]["app_id"] == app_id


async def test_limited_login_is_signed_for_the_app_and_has_its_nonce(facebook: Upstream) -> None:
    order = {"app": APP.client_id, "kind": "id_token", "nonce": "n-1", "issued_ago": 60}
    given = (await facebook.order("kit", **order)).json()["id_token"]
    found = (await facebook.get("/.well-known/openid-configuration/")).json()
    assert found["jwks_uri"] == "https://limited.facebook.com/.well-known/oauth/openid/jwks/"
    keys = jwt.PyJWKSet.from_dict((await facebook.get("/.well-known/oauth/openid/jwks/")).json())
    options: Any = {"verify_exp": False, "verify_iat": False, "verify_aud": False}
    signed = keys[jwt.get_unverified_header(given)["kid"]]
    claims = jwt.decode(given, signed, algorithms=["RS256"], options=options)
    assert (claims["iss"], claims["aud"], claims["nonce"]) == (found["issuer"], APP.client_id, "n-1")
    assert (claims["iat"], claims["exp"]) == (NOW - 60, NOW + 3540)
    assert claims["sub"] == facebook.emulator.subject(ADA)
    assert (claims["given_name"], claims["family_name"], claims["email"]) == ("Ada", "Lovelace", ADA.email)
    assert claims["jti"]
    assert not {"azp", "email_verified", "at_hash"} & claims.keys()
    for wrong in ({"app": "1"}, {"person": "nobody"}):
        assert (await facebook.order("kit", **order | wrong)).status_code == 400
