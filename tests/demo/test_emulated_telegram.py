"""The emulated Telegram against its contract: OpenID Connect, widget, login_url."""

from __future__ import annotations

import base64
import json
from collections.abc import AsyncIterator
from functools import partial
from typing import Any
from urllib.parse import parse_qsl, urlsplit

import httpx2
import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from broker.demo.people import ADA, BORIS, ZOE
from broker.demo.upstreams import RegisteredApp, Telegram
from broker.demo.upstreams.telegram_signed import (
    auth_result,
    opened,
    query_of,
    signed,
    signed_by_key,
    signed_for_mini_app,
    with_fields,
)
from tests.demo.emulated import CALLBACK, CHALLENGE, NOW, STATE, VERIFIER, Upstream, emulated, params_of
from tests.upstream.test_bot_signed import M1, M2, M3, SEED

pytestmark = pytest.mark.anyio
BOT_TOKEN = "7000000001:AAEXAMPLE-fake-token-for-vectors-00"
EXTRAS = {"bot_token": BOT_TOKEN, "username": "demo_bot"}
APP = RegisteredApp("7000000001", "fake-client-secret-AbC_123", (CALLBACK,), EXTRAS)
EDDSA = RegisteredApp("7000000002", "s2", (CALLBACK,), {"algorithm": "EdDSA"})
ES256 = RegisteredApp("7000000003", "s3", (CALLBACK,), {"algorithm": "ES256"})
BASIC = "Basic NzAwMDAwMDAwMTpmYWtlLWNsaWVudC1zZWNyZXQtQWJDXzEyMw=="  # the vector
ORIGIN = "http://localhost:8400"
REQUEST = {
    "client_id": APP.client_id,
    "response_type": "code",
    "scope": "openid profile phone",
    "redirect_uri": CALLBACK,
    "state": STATE,
    "nonce": "n-1",
    "code_challenge": CHALLENGE,
    "code_challenge_method": "S256",
}
LEGACY = {"bot_id": APP.client_id, "origin": ORIGIN, "return_to": CALLBACK}
ADA_FIELDS = {"id": "5000000042", "first_name": "Ada", "auth_date": "1767225600"}
ZOE_FIELDS = {
    "id": "5000000043",
    "first_name": "Zoë",
    "last_name": "Müller 🚀",
    "username": "zoe_m",
    "photo_url": "https://t.me/i/userpic/320/AbC-dEf_123.jpg",
    "auth_date": "1767225660",
}
ODD_FIELDS = {"id": "5000000044", "first_name": "A&B <c> =d", "username": "ab", "auth_date": "1767225720"}


@pytest.fixture
async def telegram(anyio_backend: str) -> AsyncIterator[Upstream]:
    async with emulated(partial(Telegram, (APP, EDDSA, ES256))) as upstream:
        yield upstream


async def exchange(
    telegram: Upstream, given: str, headers: dict[str, str] | None = None, **changes: str
) -> httpx2.Response:
    form = {
        "grant_type": "authorization_code",
        "code": given,
        "client_id": APP.client_id,
        "redirect_uri": CALLBACK,
        "code_verifier": VERIFIER,
    }
    return await telegram.post("/token", form | changes, {"Authorization": BASIC} if headers is None else headers)


async def id_token(telegram: Upstream, person: str = "ada", **changes: str) -> str:
    code = (await telegram.answer_of("/auth", person, **REQUEST | changes))["code"]
    token: str = (await exchange(telegram, code)).json()["id_token"]
    return token


def unverified(token: str) -> dict[str, Any]:
    return jwt.decode(token, options={"verify_signature": False})


def decoded(fragment: str) -> Any:
    value = fragment.removeprefix("tgAuthResult=")
    return json.loads(base64.urlsafe_b64decode(value + "=" * (-len(value) % 4)))


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        (ADA_FIELDS, "f733ae909bbdc75b8a8a0f68a3eeba72f084b912771bf6316086fb27363a0424"),
        (ZOE_FIELDS, "b22e53c2d6333aebc2964ed741282981cb7f3387b13705d87dcd443707013cd3"),
        (ODD_FIELDS, "da4a529d3460e2544c161d9dd9dec0a3603707254da944236d1847dead979781"),
    ],
    ids=["W1", "W2", "W3"],
)
def test_widget_hash_vectors(fields: dict[str, str], expected: str) -> None:
    assert signed(fields, BOT_TOKEN)["hash"] == expected


def test_a_foreign_parameter_in_the_string_changes_the_hash() -> None:
    found = signed({**ADA_FIELDS, "state": "abc"}, BOT_TOKEN)["hash"]
    assert found == "79a87333e7239b7936dc5287cc6f1c1f66ccc16d655688e52187b095cb267023"


def test_fragment_vectors() -> None:
    assert auth_result(signed(ADA_FIELDS, BOT_TOKEN)) == (
        "eyJpZCI6NTAwMDAwMDA0MiwiZmlyc3RfbmFtZSI6IkFkYSIsImF1dGhfZGF0ZSI6MTc2NzIyNTYwMCwiaGFzaCI6ImY3MzNhZTkwOWJiZGM3N"
        "WI4YThhMGY2OGEzZWViYTcyZjA4NGI5MTI3NzFiZjYzMTYwODZmYjI3MzYzYTA0MjQifQ"
    )
    assert auth_result(signed(ZOE_FIELDS, BOT_TOKEN)).startswith(
        "eyJpZCI6NTAwMDAwMDA0MywiZmlyc3RfbmFtZSI6IlpvXHUwMGViIiwibGFzdF9uYW1lIjoiTVx1MDBmY2xsZXIgXHVkODNkXHVkZTgwIiwidX"
        "Nlcm5hbWUiOiJ6b2VfbSIsInBob3RvX3VybCI6Imh0dHBzOlwvXC90Lm1lXC9pXC91c2VycGljXC8z"
    )
    assert auth_result(None) == "ZmFsc2U"


def test_query_vectors() -> None:
    assert with_fields("https://a.example/", signed(ODD_FIELDS, BOT_TOKEN)) == (
        "https://a.example/?id=5000000044&first_name=A%26B%20%3Cc%3E%20%3Dd&username=ab&auth_date=1767225720"
        "&hash=da4a529d3460e2544c161d9dd9dec0a3603707254da944236d1847dead979781"
    )
    assert with_fields("https://a.example/?x=1", {"id": "1"}) == "https://a.example/?x=1&id=1"


async def test_the_key_set_holds_four_kinds_and_an_rsa_key_without_use(telegram: Upstream) -> None:
    keys = {k["kid"]: k for k in (await telegram.get("/.well-known/jwks.json")).json()["keys"]}
    assert list(keys) == ["oidc-1", "oidc-es256-1", "oidc-eddsa-1", "oidc-es256k-1"]
    assert "use" not in keys["oidc-1"]
    assert (keys["oidc-1"]["ext"], keys["oidc-1"]["key_ops"]) == (True, ["verify"])
    assert keys["oidc-es256k-1"]["crv"] == "secp256k1"
    assert keys["oidc-eddsa-1"]["use"] == "sig"


async def test_discovery_has_no_userinfo(telegram: Upstream) -> None:
    found = (await telegram.get("/.well-known/openid-configuration")).json()
    assert found["issuer"] == "https://oauth.telegram.org"
    assert "userinfo_endpoint" not in found


@pytest.mark.parametrize("app", [APP, EDDSA, ES256])
async def test_each_bot_signs_with_its_algorithm(telegram: Upstream, app: RegisteredApp) -> None:
    code = (await telegram.answer_of("/auth", **REQUEST | {"client_id": app.client_id}))["code"]
    form = {"client_id": app.client_id, "client_secret": app.client_secret}
    token = (await exchange(telegram, code, {}, **form)).json()["id_token"]
    header = jwt.get_unverified_header(token)
    assert header["alg"] == app.extras.get("algorithm", "RS256")
    published = (await telegram.get("/.well-known/jwks.json")).json()["keys"]
    [jwk] = [k for k in published if k["kid"] == header["kid"]]
    options: Any = {"verify_exp": False, "verify_iat": False}
    claims = jwt.decode(token, jwt.PyJWK(jwk), algorithms=[header["alg"]], audience=app.client_id, options=options)
    assert claims["id"] == int(ADA.ids["telegram"])
    assert claims["sub"] != ADA.ids["telegram"]
    assert (claims["exp"] - claims["iat"], claims["iat"]) == (3600, NOW)
    assert claims["phone_number"] == "79991234542"


async def test_what_a_person_does_not_have_is_absent(telegram: Upstream) -> None:
    claims = unverified(await id_token(telegram, "boris"))
    assert not {"preferred_username", "picture", "phone_number"} & claims.keys()


async def test_the_profile_scope_brings_the_id(telegram: Upstream) -> None:
    assert "id" not in unverified(await id_token(telegram, scope="openid"))


@pytest.mark.parametrize(
    ("changes", "text"),
    [({"client_id": "1"}, "Invalid client id"), ({"redirect_uri": CALLBACK + "?"}, "Invalid redirect uri")],
)
async def test_an_unknown_app_or_address_stays_on_the_page(
    telegram: Upstream, changes: dict[str, str], text: str
) -> None:
    answer = await telegram.get("/auth", **REQUEST | changes)
    assert answer.status_code == 400
    assert text in answer.text


@pytest.mark.parametrize(
    ("headers", "changes", "status", "error"),
    [
        (None, {"client_secret": "both"}, 401, "invalid_client"),
        ({}, {"client_secret": "wrong"}, 401, "invalid_client"),
        ({}, {}, 401, "invalid_client"),
        (None, {"client_id": "7000000002"}, 401, "invalid_client"),
        (None, {"grant_type": "refresh_token"}, 400, "unsupported_grant_type"),
        (None, {"code": "other"}, 400, "invalid_grant"),
        (None, {"code_verifier": VERIFIER[::-1]}, 400, "invalid_grant"),
        (None, {"redirect_uri": CALLBACK + "/"}, 400, "invalid_grant"),
    ],
)
async def test_token_errors_are_bare(
    telegram: Upstream, headers: dict[str, str] | None, changes: dict[str, str], status: int, error: str
) -> None:
    code = (await telegram.answer_of("/auth", **REQUEST))["code"]
    answer = await exchange(telegram, code, headers, **changes)
    assert (answer.status_code, answer.json()) == (status, {"error": error})


async def test_a_code_works_once(telegram: Upstream) -> None:
    code = (await telegram.answer_of("/auth", **REQUEST))["code"]
    assert (await exchange(telegram, code)).status_code == 200
    assert (await exchange(telegram, code)).json() == {"error": "invalid_grant"}


async def test_a_bot_id_starts_the_legacy_flow_that_ends_at_a_fragment(telegram: Upstream) -> None:
    answer = await telegram.get("/auth", _person="zoe", **LEGACY)
    target = urlsplit(answer.headers["location"])
    assert target._replace(fragment="").geturl() == CALLBACK
    fields = decoded(target.fragment)
    assert fields["id"] == int(ZOE.ids["telegram"])
    assert fields["auth_date"] == NOW
    texts = {n: str(v) for n, v in fields.items() if n != "hash"}
    assert fields["hash"] == signed(texts, BOT_TOKEN)["hash"]


async def test_missing_fields_of_a_person_are_missing_keys(telegram: Upstream) -> None:
    answer = await telegram.get("/auth", _person="boris", **LEGACY)
    fields = decoded(urlsplit(answer.headers["location"]).fragment)
    assert fields.keys() == {"id", "first_name", "auth_date", "hash"}
    assert fields["first_name"] == BORIS.given_name


async def test_a_refusal_of_the_legacy_flow_is_false(telegram: Upstream) -> None:
    answer = await telegram.get("/auth", _cancel="1", **LEGACY)
    assert answer.headers["location"] == f"{CALLBACK}#tgAuthResult=ZmFsc2U"


@pytest.mark.parametrize(
    ("changes", "text"),
    [
        ({"bot_id": "demo_bot"}, "bot_id required"),
        ({"origin": ""}, "origin required"),
        ({"origin": "http://evil.example"}, "Bot domain invalid"),
    ],
)
async def test_wrong_legacy_requests_get_plain_text(telegram: Upstream, changes: dict[str, str], text: str) -> None:
    answer = await telegram.get("/auth", **LEGACY | changes)
    assert (answer.status_code, answer.text) == (200, text)


async def test_the_frame_hands_signed_fields_to_the_page_around_it(telegram: Upstream) -> None:
    chooser = await telegram.get("/embed/demo_bot", origin=ORIGIN, return_to=CALLBACK)
    assert 'id="person-ada"' in chooser.text
    done = await telegram.get("/embed/demo_bot", origin=ORIGIN, return_to=CALLBACK, _person="ada")
    assert "postMessage" in done.text
    assert "auth_user" in done.text
    assert ORIGIN in done.text
    refused = await telegram.get("/embed/demo_bot", origin="http://evil.example", _person="ada")
    assert refused.text == "Bot domain invalid"
    assert (await telegram.get("/embed/nobody", origin=ORIGIN)).text == "Username invalid"


async def test_the_widget_script_is_served(telegram: Upstream) -> None:
    answer = await telegram.get("/js/telegram-widget.js", **{"22": ""})
    assert answer.headers["content-type"].startswith("text/javascript")
    assert "data-auth-url" in answer.text


async def test_a_login_url_is_minted_with_signed_fields(telegram: Upstream) -> None:
    answer = await telegram.order("login_url", person="zoe", url="http://localhost:8400/enter/telegram/shop")
    query = dict(parse_qsl(urlsplit(answer.json()["url"]).query))
    given = query.pop("hash")
    assert query["first_name"] == ZOE.given_name
    assert signed(query, BOT_TOKEN)["hash"] == given


async def test_the_minter_knows_its_people_and_answers_this_machine_only(telegram: Upstream) -> None:
    assert (await telegram.order("login_url", person="mallory", url="http://x/")).status_code == 400
    foreign = {"Sec-Fetch-Site": "cross-site"}
    assert (await telegram.http.post("/_emulator/login_url", json={}, headers=foreign)).status_code == 403


@pytest.mark.parametrize(
    ("fault", "check"),
    [
        ("wrong_hash", {"hash": "0" * 64}),
        ("old_auth_date", {"auth_date": NOW - 86400}),
        ("future_auth_date", {"auth_date": NOW + 3600}),
    ],
)
async def test_faults_of_signed_fields(telegram: Upstream, fault: str, check: dict[str, object]) -> None:
    await telegram.fault(fault)
    answer = await telegram.get("/auth", _person="ada", **LEGACY)
    fields = decoded(urlsplit(answer.headers["location"]).fragment)
    assert check.items() <= fields.items()


async def test_a_false_result_can_be_forced(telegram: Upstream) -> None:
    await telegram.fault("result_false")
    answer = await telegram.get("/auth", _person="ada", **LEGACY)
    assert answer.headers["location"].endswith("#tgAuthResult=ZmFsc2U")


@pytest.mark.parametrize(
    ("fault", "claim", "value"),
    [
        ("echoed_nonce", "nonce", "n-1"),
        ("more_claims", "nonce", None),
        ("wrong_nonce", "nonce", "a-nonce-of-somebody-else"),
        ("no_id", "id", None),
        ("wrong_audience", "aud", "another-app"),
        ("number_audience", "aud", 7000000001),
        ("more_claims", "given_name", "Ada"),
    ],
)
async def test_a_fault_changes_one_claim(telegram: Upstream, fault: str, claim: str, value: object) -> None:
    await telegram.fault(fault)
    assert unverified(await id_token(telegram)).get(claim) == value


async def test_a_bot_may_have_chosen_es256k(telegram: Upstream) -> None:
    await telegram.fault("es256k")
    assert jwt.get_unverified_header(await id_token(telegram))["alg"] == "ES256K"


async def test_a_missing_id_token_and_an_error_with_status_200(telegram: Upstream) -> None:
    code = (await telegram.answer_of("/auth", **REQUEST))["code"]
    await telegram.fault("no_id_token", times=1)
    assert "id_token" not in (await exchange(telegram, code)).json()
    await telegram.fault("error_200", times=1)
    answer = await exchange(telegram, "any")
    assert (answer.status_code, answer.json()) == (200, {"error": "invalid_grant"})


ZOE_USER = {
    "id": 5000000043,
    "first_name": "Zoë",
    "last_name": "Müller 🚀",
    "username": "zoe_m",
    "language_code": "de",
    "is_premium": True,
    "allows_write_to_pm": True,
    "photo_url": "https://t.me/i/userpic/320/AbC-dEf_123.svg",
}
ADA_USER = {"id": 5000000042, "first_name": "Ada", "language_code": "en"}


def test_mini_app_vectors() -> None:
    private = Ed25519PrivateKey.from_private_bytes(SEED)
    first = opened(ZOE_USER, 1767225780, query_id="AAEXAMPLEquery0001")
    by_link = {**ADA_USER, "allows_write_to_pm": True}
    second = opened(by_link, 1767225840, query_id="", start_param="ref-42")
    for fields, vector in ((first, M1), (second, M2)):
        whole = signed_by_key(fields, APP.client_id, private)
        assert query_of(signed_for_mini_app(whole, BOT_TOKEN)) == vector
    third = opened(ADA_USER, 1767225900, query_id="AAEXAMPLEquery0002")
    assert query_of(signed_for_mini_app(third, BOT_TOKEN)) == M3, "an old client"


async def test_what_apps_are_given_is_of_one_person_for_one_bot(telegram: Upstream) -> None:
    order = {"app": APP.client_id, "person": "zoe", "issued_ago": 5}
    widget = dict(parse_qsl((await telegram.order("kit", kind="widget", **order)).json()["widget"]))
    assert (widget["id"], widget["auth_date"]) == (ZOE.ids["telegram"], str(NOW - 5))
    data = (await telegram.order("kit", kind="init_data", start_param="ref-1", **order)).json()["init_data"]
    fields = dict(parse_qsl(data))
    assert (fields["start_param"], fields["auth_date"]) == ("ref-1", str(NOW - 5))
    assert json.loads(fields["user"])["id"] == int(ZOE.ids["telegram"])
    token = (await telegram.order("kit", nonce="n-2", **order)).json()["id_token"]
    claims = unverified(token)
    assert (claims["aud"], claims["nonce"], claims["iat"]) == (APP.client_id, "n-2", NOW - 5)
    assert "nonce" not in unverified((await telegram.order("kit", **order)).json()["id_token"]), "as from Android's kit"
    assert (await telegram.order("kit", app="7000000099", person="ada")).status_code == 400


@pytest.mark.parametrize(
    ("fault", "missing"), [("no_signature", "signature"), ("no_user", "user"), ("new_field", None), ("no_id", None)]
)
async def test_faults_of_mini_app_data(telegram: Upstream, fault: str, missing: str | None) -> None:
    await telegram.fault(fault)
    order = {"app": APP.client_id, "person": "ada", "kind": "init_data"}
    fields = dict(parse_qsl((await telegram.order("kit", **order)).json()["init_data"]))
    assert missing not in fields
    assert ("theme" in fields) == (fault == "new_field")
    assert ("id" in json.loads(fields.get("user", "{}"))) == (fault not in {"no_id", "no_user"})


async def test_refusal_returns_access_denied_and_state(telegram: Upstream) -> None:
    assert params_of(await telegram.get("/auth", _cancel="1", **REQUEST)) == {"error": "access_denied", "state": STATE}
