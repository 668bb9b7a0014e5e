"""The emulated OK against its contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import pytest

from broker.demo.people import ADA, BORIS, ZOE
from broker.demo.upstreams import OK, RegisteredApp
from broker.demo.upstreams.ok import md5, signature
from tests.demo.emulated import CALLBACK, STATE, Upstream, emulated, params_of

pytestmark = pytest.mark.anyio
APP = RegisteredApp("512000123456", "0123456789ABCDEF01234567", (CALLBACK,), {"public_key": "CBAJLNABABABABABA"})
OTHER = RegisteredApp("512000123457", "FEDCBA9876543210FEDCBA98", (CALLBACK,), {"public_key": "CBAOTHER"})
AUTH, TOKEN = "/oauth/authorize", "/oauth/token.do"
REQUEST = {
    "client_id": APP.client_id,
    "response_type": "code",
    "scope": "VALUABLE_ACCESS;GET_EMAIL",
    "redirect_uri": CALLBACK,
    "state": STATE,
}
FIELDS = "uid,first_name,last_name,name,email,has_email,gender,birthday,locale,pic_full"
KEY = {"application_key": "CBAJLNABABABABABA"}
DERIVED = "55db10ab3a8c3e26b31d35003184c974"
CURRENT_USER = {**KEY, "format": "json", "method": "users.getCurrentUser", "fields": FIELDS}


@pytest.fixture
async def ok(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(OK, (APP, OTHER))) as upstream:
        yield upstream


async def exchange(ok: Upstream, given: str, **changes: str) -> dict[str, Any]:
    form = {
        "grant_type": "authorization_code",
        "code": given,
        "client_id": APP.client_id,
        "client_secret": APP.client_secret,
        "redirect_uri": CALLBACK,
    }
    answer = await ok.post(TOKEN, form | changes)
    assert answer.status_code == 200
    found: dict[str, Any] = answer.json()
    return found


async def session(ok: Upstream, person: str = "ada", **changes: str) -> str:
    code = (await ok.answer_of(AUTH, person, **REQUEST | changes))["code"]
    token: str = (await exchange(ok, code))["access_token"]
    return token


def signed(token: str, call: dict[str, str], secret: str = "") -> dict[str, str]:
    sig = signature(call, secret or md5(token + APP.client_secret))
    return {**call, "access_token": token, "sig": sig}


@pytest.mark.parametrize(
    ("params", "secret", "sig"),
    [
        (CURRENT_USER, DERIVED, "fb7e553754d46dcb6bff354854d357e9"),
        (CURRENT_USER, "d41d8cd98f00b204e9800998ecf8427e", "4840140fec24f49b24cdeb504c989373"),
        (
            {
                **KEY,
                "method": "users.getInfo",
                "fields": "uid,first_name,last_name",
                "format": "json",
                "uids": "561999209121",
            },
            APP.client_secret,
            "3811af7caee31c2f95cd18673939e44c",
        ),
        ({**KEY, "method": "users.getLoggedInUser", "format": "JSON"}, DERIVED, "e65933f3807d41046e79a51486bae7df"),
        (
            {**KEY, "method": "users.setStatus", "format": "json", "status": "Привет, мир & co"},
            DERIVED,
            "dcc95fbc6e5b329fb8305a318a4a3074",
        ),
        (
            {"application_key": "ABCDEFGHIGKLMNOPK", "format": "json", "method": "events.get"},
            "b1a2b89707a94624c43afae67d59274c",
            "232c8eb921951c4dba9b72606f9ddb4c",
        ),
    ],
    ids=["A", "B", "C", "D", "F", "G"],
)
def test_signature_vectors(params: dict[str, str], secret: str, sig: str) -> None:
    assert signature({**params, "access_token": "not signed", "session_key": "nor this"}, secret) == sig


def test_derived_secret_vectors() -> None:
    assert md5("tkn1abcdefghijklmnopqrstuvwxyz0123456789:a" + APP.client_secret) == DERIVED
    assert md5("561999209121session-key-1" + APP.client_secret) == "2c2d750ddedae147fb2168db080e9cc2"
    other = "-s-84W-s3egarWUsbkq-IWTucuedzTKT8VUXIA.s4Xx8IW7" + "ABC123DEF456GHI789JKL123"
    assert md5(other) == "b1a2b89707a94624c43afae67d59274c"


async def test_the_server_flow_ends_with_the_profile(ok: Upstream) -> None:
    answer = await ok.answer_of(AUTH, **REQUEST)
    assert answer["state"] == STATE
    tokens = await exchange(ok, answer["code"])
    assert (tokens["token_type"], tokens["expires_in"]) == ("session", "1800")
    profile = (await ok.post("/fb.do", signed(tokens["access_token"], CURRENT_USER))).json()
    assert profile["uid"] == ADA.ids["ok"]
    assert (profile["email"], profile["has_email"]) == ("ada.lovelace@gmail.com", True)
    assert profile["birthday"] == "1990-12-10"


async def test_the_client_flow_answers_in_the_fragment_with_a_key_of_token_and_secret(ok: Upstream) -> None:
    answer = await ok.get(AUTH, _person="zoe", **REQUEST | {"response_type": "token"})
    assert "?" not in answer.headers["location"]
    given = params_of(answer)
    assert given["state"] == STATE
    assert given["permissions_granted"] == "VALUABLE_ACCESS;GET_EMAIL"
    call = {**KEY, "format": "json", "method": "users.getLoggedInUser"}
    token = given["access_token"]
    found = await ok.post("/fb.do", signed(token, call, given["session_secret_key"]))
    assert found.json() == ZOE.ids["ok"]
    assert (await ok.post("/fb.do", signed(token, call))).json() == ZOE.ids["ok"], "the application makes the same one"
    assert (await ok.post("/fb.do", signed(token, call, "0" * 32))).json()["error_code"] == 104


async def test_a_refusal_is_in_the_fragment_unless_told_otherwise(ok: Upstream) -> None:
    refused = await ok.get(AUTH, _cancel="1", **REQUEST)
    assert refused.headers["location"] == f"{CALLBACK}#error=access_denied&state={STATE}"
    await ok.fault("error_in_query")
    refused = await ok.get(AUTH, _cancel="1", **REQUEST)
    assert refused.headers["location"] == f"{CALLBACK}?error=access_denied&state={STATE}"


async def test_an_empty_callback_has_nothing(ok: Upstream) -> None:
    await ok.fault("empty_callback")
    assert (await ok.get(AUTH, _person="ada", **REQUEST)).headers["location"] == CALLBACK


async def test_the_query_of_a_redirect_uri_is_not_compared(ok: Upstream) -> None:
    assert (await ok.get(AUTH, **REQUEST | {"redirect_uri": CALLBACK + "?a=b"})).status_code == 200
    assert (await ok.get(AUTH, **REQUEST | {"redirect_uri": CALLBACK + "/a"})).status_code == 400


async def test_no_scope_at_all_is_taken_as_the_service_takes_it(ok: Upstream) -> None:
    answer = await ok.get(AUTH, _person="ada", **REQUEST | {"scope": ""})
    assert "code" in params_of(answer)


async def test_an_ungranted_scope_stays_on_the_page(ok: Upstream) -> None:
    assert (await ok.get(AUTH, **REQUEST | {"scope": "PHOTO_CONTENT"})).status_code == 400


async def test_a_code_lives_two_minutes_and_works_once(ok: Upstream) -> None:
    code = (await ok.answer_of(AUTH, **REQUEST))["code"]
    await exchange(ok, code)
    assert (await exchange(ok, code))["error"] == "invalid_grant"
    late = (await ok.answer_of(AUTH, **REQUEST))["code"]
    ok.clock.at += 120
    assert (await exchange(ok, late))["error"] == "invalid_grant"


@pytest.mark.parametrize(
    ("changes", "error"),
    [
        ({"client_secret": "wrong"}, "invalid_client"),
        ({"client_id": "1"}, "invalid_client"),
        ({"redirect_uri": CALLBACK + "?a=b"}, "invalid_grant"),
        ({"grant_type": "password"}, "unsupported_grant_type"),
        ({"client_id": OTHER.client_id, "client_secret": OTHER.client_secret}, "invalid_grant"),
    ],
)
async def test_token_errors_come_with_status_200(ok: Upstream, changes: dict[str, str], error: str) -> None:
    code = (await ok.answer_of(AUTH, **REQUEST))["code"]
    assert (await exchange(ok, code, **changes))["error"] == error


async def test_a_refresh_gives_no_new_refresh_token(ok: Upstream) -> None:
    code = (await ok.answer_of(AUTH, **REQUEST))["code"]
    refresh = (await exchange(ok, code))["refresh_token"]
    again = await exchange(ok, "", grant_type="refresh_token", refresh_token=refresh)
    assert again.keys() == {"access_token", "token_type", "expires_in"}


async def test_errors_come_in_the_order_key_session_signature_method(ok: Upstream) -> None:
    token = await session(ok)
    wrong = {"application_key": "CBAWRONG", "method": "nothing", "format": "json", "access_token": "?", "sig": "?"}

    async def code_of(call: dict[str, str]) -> object:
        return (await ok.post("/fb.do", call)).json()["error_code"]

    assert await code_of(wrong) == 101
    assert await code_of(wrong | KEY) == 103
    assert await code_of(wrong | KEY | {"access_token": token}) == 104
    assert await code_of(signed(token, {**KEY, "method": "nothing", "format": "json"})) == 3


async def test_a_session_of_another_app_is_unknown(ok: Upstream) -> None:
    token = await session(ok)
    call = signed(token, CURRENT_USER | {"application_key": "CBAOTHER"})
    assert (await ok.post("/fb.do", call)).json()["error_code"] == 103


@pytest.mark.parametrize("how", ["token_signed", "encoded", "upper_case", "format_forgotten"])
async def test_a_wrongly_made_signature_is_104(ok: Upstream, how: str) -> None:
    token = await session(ok)
    good = signed(token, CURRENT_USER)
    secret = md5(token + APP.client_secret)
    without_format = {n: v for n, v in CURRENT_USER.items() if n != "format"}
    text = "".join(f"{n}={v}" for n, v in sorted({**CURRENT_USER, "access_token": token}.items()))
    sig = {
        "token_signed": md5(text + secret),
        "encoded": signature(CURRENT_USER | {"fields": FIELDS.replace(",", "%2C")}, secret),
        "upper_case": good["sig"].upper(),
        "format_forgotten": signature(without_format, secret),
    }[how]
    assert (await ok.post("/fb.do", good | {"sig": sig})).json()["error_code"] == 104


async def test_a_session_ends_after_thirty_minutes(ok: Upstream) -> None:
    token = await session(ok)
    ok.clock.at += 1800
    assert (await ok.post("/fb.do", signed(token, CURRENT_USER))).json()["error_code"] == 102


async def test_error_codes_may_be_text(ok: Upstream) -> None:
    token = await session(ok)
    await ok.fault("session_expired")
    await ok.fault("text_codes")
    answer = await ok.post("/fb.do", signed(token, CURRENT_USER))
    assert (answer.status_code, answer.json()["error_code"]) == (200, "102")
    assert answer.headers["invocation-error"] == "102"


async def test_the_method_in_the_path_is_not_signed(ok: Upstream) -> None:
    token = await session(ok)
    call = signed(token, {**KEY, "format": "json"})
    assert (await ok.post("/api/users/getLoggedInUser", call)).json() == ADA.ids["ok"]


async def test_an_address_needs_scope_and_a_person_who_has_one(ok: Upstream) -> None:
    token = await session(ok, scope="VALUABLE_ACCESS")
    assert "email" not in (await ok.post("/fb.do", signed(token, CURRENT_USER))).json()
    token = await session(ok, "boris")
    profile = (await ok.post("/fb.do", signed(token, CURRENT_USER))).json()
    assert "email" not in profile
    assert profile["has_email"] is False


async def test_without_format_json_comes_back_as_well(ok: Upstream) -> None:
    token = await session(ok)
    answer = await ok.post("/fb.do", signed(token, {**KEY, "method": "users.getCurrentUser"}))
    assert answer.json()["uid"]


async def test_faults_of_identity(ok: Upstream) -> None:
    token = await session(ok)
    await ok.fault("no_id", times=1)
    assert "uid" not in (await ok.post("/fb.do", signed(token, CURRENT_USER))).json()
    await ok.fault("other_user_id")
    assert (await ok.post("/fb.do", signed(token, CURRENT_USER))).json()["uid"] == BORIS.ids["ok"]
    code = (await ok.answer_of(AUTH, **REQUEST))["code"]
    await ok.fault("error_200")
    assert (await exchange(ok, code))["error_code"] == 2


async def test_expires_in_may_be_a_number(ok: Upstream) -> None:
    await ok.fault("number_expiry")
    code = (await ok.answer_of(AUTH, **REQUEST))["code"]
    assert (await exchange(ok, code))["expires_in"] == 1800
