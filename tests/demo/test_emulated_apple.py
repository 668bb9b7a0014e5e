"""The emulated Apple against its contract."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from broker.demo.markup import parse_markup
from broker.demo.people import ADA
from broker.demo.upstreams import RegisteredApp
from broker.demo.upstreams.apple import TEST_KEY, Apple
from broker.demo.upstreams.apple_events import ISSUER
from broker.demo.upstreams.keys import half_hash
from tests.demo.emulated import CALLBACK, NOW, STATE, Upstream, emulated, params_of

pytestmark = pytest.mark.anyio
TEAM: Any = {"team_id": "TEAM123456", "key_id": "ABC123DEFG", "private_key": TEST_KEY}
APP = RegisteredApp("com.example.web", "", (CALLBACK,), {**TEAM, "native_client_ids": "com.example.app"})
OTHER = RegisteredApp("com.other.web", "", (CALLBACK,), {"native_client_ids": "com.other.app"})
REQUEST = {
    "client_id": APP.client_id,
    "response_type": "code",
    "response_mode": "form_post",
    "scope": "name email",
    "redirect_uri": CALLBACK,
    "state": STATE,
    "nonce": "n-1",
}


@pytest.fixture
async def apple(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(Apple, (APP, OTHER))) as upstream:
        yield upstream


def posted(page: httpx2.Response) -> dict[str, str]:
    """The form that goes to the app by itself."""
    assert page.status_code == 200, page.text
    form = parse_markup("http://127.0.0.1/", page.text).forms[0]
    assert (form.method, form.action) == ("POST", CALLBACK)
    return dict(form.fields)


async def answered(apple: Upstream, person: str = "ada", **changes: str) -> dict[str, str]:
    return posted(await apple.get("/auth/authorize", _person=person, **REQUEST | changes))


def secret(key: Any = None, kid: str = "ABC123DEFG", algorithm: str = "ES256", **changes: Any) -> str:
    signing: Any = key or load_pem_private_key(TEST_KEY.encode(), None)
    claims = {"iss": "TEAM123456", "iat": NOW, "exp": NOW + 300, "aud": ISSUER, "sub": APP.client_id} | changes
    return jwt.encode(claims, signing, algorithm=algorithm, headers={"kid": kid})


async def exchange(apple: Upstream, code: str, **changes: str) -> httpx2.Response:
    form = {"grant_type": "authorization_code", "code": code, "redirect_uri": CALLBACK}
    return await apple.post("/auth/token", {"client_id": APP.client_id, "client_secret": secret(), **form} | changes)


async def verified(apple: Upstream, token: str, audience: str = APP.client_id) -> dict[str, Any]:
    keys = jwt.PyJWKSet.from_dict((await apple.get("/auth/keys")).json())
    assert len(keys.keys) == 2
    key = keys[jwt.get_unverified_header(token)["kid"]]
    options: Any = {"verify_exp": False, "verify_iat": False}
    found: dict[str, Any] = jwt.decode(token, key, algorithms=["RS256"], audience=audience, options=options)
    return found


async def test_a_login_ends_with_signed_claims(apple: Upstream) -> None:
    form = await answered(apple)
    assert form["state"] == STATE
    tokens = (await exchange(apple, form["code"])).json()
    claims = await verified(apple, tokens["id_token"])
    assert (claims["iss"], claims["nonce"], claims["nonce_supported"]) == (ISSUER, "n-1", True)
    assert claims["at_hash"] == half_hash(tokens["access_token"])
    assert (claims["email"], claims["email_verified"], claims["is_private_email"]) == (ADA.email, True, False)
    assert claims["sub"].count(".") == 2


async def test_the_name_comes_once_for_each_person_and_app(apple: Upstream) -> None:
    told = json.loads((await answered(apple))["user"])
    assert told == {"name": {"firstName": "Ada", "lastName": "Lovelace"}, "email": ADA.email}
    assert "user" not in await answered(apple)
    assert json.loads((await answered(apple, "boris"))["user"]) == {"name": {"firstName": "Борис", "lastName": ""}}
    await apple.order("clear")
    assert "user" in await answered(apple)


async def test_without_a_scope_nothing_is_told_and_the_answer_may_come_otherwise(apple: Upstream) -> None:
    assert "user" not in await answered(apple, scope="")
    answer = params_of(
        await apple.get("/auth/authorize", _person="ada", **REQUEST | {"scope": "", "response_mode": ""})
    )
    assert answer.keys() == {"code", "state"}
    claims = await verified(apple, (await exchange(apple, answer["code"])).json()["id_token"])
    assert "email" not in claims


async def test_the_other_response_type_brings_a_token_that_fits_the_code(apple: Upstream) -> None:
    form = await answered(apple, response_type="code id_token")
    assert (await verified(apple, form["id_token"]))["c_hash"] == half_hash(form["code"])


@pytest.mark.parametrize(
    "changes",
    [
        {"client_id": "nobody"},
        {"redirect_uri": "https://elsewhere.example/"},
        {"response_type": "id_token"},
        {"response_mode": "query"},
        {"response_mode": "fragment"},
        {"response_mode": ""},
        {"scope": "everything"},
        {"scope": "", "response_type": "code id_token", "response_mode": "query"},
    ],
    ids=str,
)
async def test_what_apple_does_not_do_stays_on_its_page(apple: Upstream, changes: dict[str, str]) -> None:
    assert (await apple.get("/auth/authorize", _person="ada", **REQUEST | changes)).status_code == 400


async def test_who_goes_back_is_told_in_apples_word(apple: Upstream) -> None:
    form = posted(await apple.get("/auth/authorize", _cancel="1", **REQUEST))
    assert form == {"state": STATE, "error": "user_cancelled_authorize"}


@pytest.mark.parametrize(
    "wrong",
    [
        "not a token",
        secret(ec.generate_private_key(ec.SECP256R1())),
        secret(kid="OTHERKEY00"),
        secret("x" * 32, algorithm="HS256"),
        secret(iss="OTHERTEAM0"),
        secret(sub="com.example.app"),
        secret(aud="https://account.apple.com"),
        secret(exp=NOW),
        secret(exp=NOW + 15_777_001),
    ],
    ids=range(9),
)
async def test_a_secret_is_signed_by_the_team_for_this_id_and_not_for_ever(apple: Upstream, wrong: str) -> None:
    code = (await answered(apple))["code"]
    answer = await exchange(apple, code, client_secret=wrong)
    assert (answer.status_code, answer.json()) == (400, {"error": "invalid_client"})
    assert (await exchange(apple, code, client_secret=secret(exp=NOW + 15_777_000))).status_code == 200


async def test_a_code_is_good_once_for_its_app_and_for_five_minutes(apple: Upstream) -> None:
    of_app = {"client_id": "com.example.app", "client_secret": secret(sub="com.example.app")}
    for changes in ({"redirect_uri": "https://elsewhere.example/"}, of_app):
        code = (await answered(apple))["code"]
        assert (await exchange(apple, code, **changes)).json() == {"error": "invalid_grant"}
    code = (await answered(apple))["code"]
    assert (await exchange(apple, code)).status_code == 200
    assert (await exchange(apple, code)).json() == {"error": "invalid_grant"}
    late = (await answered(apple))["code"]
    apple.clock.at += 300
    fresh = secret(iat=NOW + 300, exp=NOW + 600)
    assert (await exchange(apple, late, client_secret=fresh)).json() == {"error": "invalid_grant"}
    assert (await exchange(apple, late, grant_type="password", client_secret=fresh)).status_code == 400


async def test_a_refresh_gives_no_new_refresh_token_and_a_revoked_one_gives_nothing(apple: Upstream) -> None:
    tokens = (await exchange(apple, (await answered(apple))["code"])).json()
    again = {"grant_type": "refresh_token", "refresh_token": tokens["refresh_token"]}
    told = (await exchange(apple, "", **again)).json()
    assert told.keys() == {"access_token", "token_type", "expires_in", "id_token"}
    assert "nonce" not in await verified(apple, told["id_token"])
    form = {"client_id": APP.client_id, "client_secret": secret(), "token": tokens["refresh_token"]}
    assert (await apple.post("/auth/revoke", form | {"client_secret": "wrong"})).status_code == 400
    for _ in range(2):  # a dead one is as good as revoked
        answer = await apple.post("/auth/revoke", form)
        assert (answer.status_code, answer.content) == (200, b"")
    assert (await exchange(apple, "", **again)).json() == {"error": "invalid_grant"}


async def test_a_kit_gives_a_token_and_a_code_for_the_app(apple: Upstream) -> None:
    given = (await apple.order("kit", app="com.example.app", nonce="n-2", issued_ago=60)).json()
    claims = await verified(apple, given["id_token"], "com.example.app")
    assert (claims["nonce"], claims["iat"], claims["c_hash"]) == ("n-2", NOW - 60, half_hash(given["code"]))
    assert "azp" not in claims
    refused = await exchange(apple, given["code"], redirect_uri="")
    assert refused.json() == {"error": "invalid_grant"}, "our pages are another client"
    given = (await apple.order("kit", app="com.example.app", nonce="n-2")).json()
    of_app = {"client_id": "com.example.app", "client_secret": secret(sub="com.example.app"), "redirect_uri": ""}
    tokens = (await exchange(apple, given["code"], **of_app)).json()
    assert (await verified(apple, tokens["id_token"], "com.example.app"))["nonce"] == "n-2"
    assert (await apple.order("kit", app="nobody")).status_code == 400


async def test_a_hidden_address_is_a_relays_and_flags_may_be_text(apple: Upstream) -> None:
    await apple.fault("private_email")
    await apple.fault("email_as_text")
    claims = await verified(apple, (await exchange(apple, (await answered(apple))["code"])).json()["id_token"])
    assert claims["email"].endswith("@privaterelay.appleid.com")
    assert (claims["email_verified"], claims["is_private_email"]) == ("true", "true")


async def test_discovery_names_an_issuer_that_tokens_do_not(apple: Upstream) -> None:
    path = "/.well-known/openid-configuration"
    assert (await apple.get(path)).json()["issuer"] == ISSUER
    await apple.fault("other_discovery")
    assert (await apple.get(path)).json()["issuer"] == "https://account.apple.com"


async def test_faults_of_the_form_and_the_token_endpoint(apple: Upstream) -> None:
    await apple.fault("odd_user", times=1)
    assert (await answered(apple))["user"] == "not JSON"
    await apple.fault("error_200", times=1)
    answer = await exchange(apple, (await answered(apple))["code"])
    assert (answer.status_code, answer.json()) == (200, {"error": "invalid_grant"})
    await apple.fault("no_id", times=1)
    token = (await exchange(apple, (await answered(apple))["code"])).json()["id_token"]
    assert "sub" not in await verified(apple, token)
