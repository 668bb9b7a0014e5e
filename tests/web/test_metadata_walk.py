"""Discovery lists nothing that does not work: every value of the metadata document is tried, one by one.

A member without an exercise here fails the test, and so does an exercise whose member is gone.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from secrets import token_urlsafe
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from jwt.algorithms import OKPAlgorithm

from broker.store.extra_claims import StaticClaim
from tests.core.own_tokens import encode
from tests.services.apps import delivering
from tests.services.client_app import signed
from tests.services.merged_accounts import absorb
from tests.web.device_flow import GRANT as DEVICE_GRANT
from tests.web.device_flow import poll, question, read, say, start
from tests.web.metadata_world import LEVELS, PERSON, PKCE, REDIRECT, TOKEN, Walk, key_of, walking
from tests.web.public_app import ISSUER, answer_of

pytestmark = pytest.mark.anyio


@pytest.fixture(scope="module")
def anyio_backend() -> str:
    return "asyncio"


@pytest.fixture(scope="module")
async def walk(anyio_backend: str) -> AsyncIterator[Walk]:
    async with walking() as world:
        yield world


def said(token: str) -> dict[str, Any]:
    """The claims of a token, unverified."""
    claims: dict[str, Any] = jwt.decode(token, options={"verify_signature": False})
    return claims


# --- endpoints: each answers as itself ---


async def issuer(walk: Walk, value: str) -> None:
    assert value == ISSUER == said((await walk.tokens())["id_token"])["iss"]


async def authorization_endpoint(walk: Walk, _: str) -> None:
    assert "code" in await walk.code()


async def pushed_authorization_request_endpoint(walk: Walk, _: str) -> None:
    form = {"response_type": "code", "redirect_uri": REDIRECT, "scope": "openid", "client_id": "client_secret_basic"}
    pushed = await walk.call("pushed_authorization_request", "client_secret_basic", form)
    assert pushed.status_code == 201, pushed.text
    answer = await walk.authorize(
        request_uri=pushed.json()["request_uri"], redirect_uri="", response_type="", scope="", prompt=""
    )
    assert answer.status_code in {200, 303}
    assert "error" not in answer.headers.get("location", "")


async def token_endpoint(walk: Walk, _: str) -> None:
    assert (await walk.tokens())["token_type"] == "Bearer"


async def userinfo_endpoint(walk: Walk, _: str) -> None:
    token = (await walk.tokens())["access_token"]
    answer = await walk.browser.get(walk.path("userinfo_endpoint"), headers={"authorization": f"Bearer {token}"})
    assert answer.json()["sub"]


async def revocation_endpoint(walk: Walk, _: str) -> None:
    token = (await walk.tokens())["access_token"]
    assert (await walk.call("revocation", "client_secret_basic", {"token": token})).status_code == 200
    assert (await walk.call("introspection", "client_secret_basic", {"token": token})).json() == {"active": False}


async def introspection_endpoint(walk: Walk, _: str) -> None:
    token = (await walk.tokens())["access_token"]
    assert (await walk.call("introspection", "client_secret_basic", {"token": token})).json()["active"] is True


async def identities_endpoint(walk: Walk, _: str) -> None:
    token = (await walk.tokens(scope="openid identities"))["access_token"]
    answer = await walk.browser.get(walk.path("identities_endpoint"), headers={"authorization": f"Bearer {token}"})
    assert [way["subject"] for way in answer.json()["identities"] if way["current"]] == [PERSON.subject]


async def account_management_uri(walk: Walk, _: str) -> None:
    await walk.tokens()
    page = await walk.browser.get(walk.path("account_management_uri"))
    assert (page.status_code, PERSON.claims["name"] in page.text) == (200, True)


async def account_linking_endpoint(walk: Walk, _: str) -> None:
    hint = (await walk.tokens())["id_token"]
    sent = {"client_id": "client_secret_basic", "redirect_uri": REDIRECT, "provider": "beta", "id_token_hint": hint}
    left = await walk.browser.get(walk.path("account_linking_endpoint"), params=sent)
    assert left.headers["location"].startswith("https://up.test/authorize")


async def identity_lookup_endpoint(walk: Walk, _: str) -> None:
    sub = said((await walk.tokens())["id_token"])["sub"]
    asked = {"provider": "alpha", "subject": PERSON.subject}
    assert (await walk.call("identity_lookup", "client_secret_basic", asked)).json() == {"sub": sub}


async def notification_endpoint(walk: Walk, _: str) -> None:
    form = {"grant_type": "client_credentials", "scope": "notify"}
    token = (await walk.call("token", "client_secret_basic", form)).json()["access_token"]
    headers, sent = {"authorization": f"Bearer {token}"}, {"sub": "nobody", "text": "hello"}
    answer = await walk.browser.post(walk.path("notification_endpoint"), json=sent, headers=headers)
    assert answer.json()["error"] == "messages_not_configured"


async def jwks_uri(walk: Walk, _: str) -> None:
    keys = (await walk.browser.get(walk.path("jwks_uri"))).json()["keys"]
    kid = jwt.get_unverified_header((await walk.tokens())["id_token"])["kid"]
    assert kid in [key["kid"] for key in keys]


async def registration_endpoint(walk: Walk, _: str) -> None:
    headers = {"authorization": f"Bearer {TOKEN}"}
    sent = {"redirect_uris": [REDIRECT]}
    assert (await walk.browser.post(walk.path("registration_endpoint"), json=sent, headers=headers)).status_code == 201


async def device_authorization_endpoint(walk: Walk, value: str) -> None:
    assert value == f"{ISSUER}/device_authorization"  # where the flow of the device grant below begins
    told = await start(walk.app)
    page = read(await walk.browser.get(told["verification_uri"].removeprefix(ISSUER)))
    assert "user_code" in [field.get("name") for field in page.found("input")]


async def end_session_endpoint(walk: Walk, _: str) -> None:
    page, _ = await logged_out(walk, "client_secret_basic")
    assert 'id="logged-out"' in page
    assert answer_of(await walk.authorize(prompt="none"))["error"] == "login_required"


# --- what a request may hold ---


async def scopes_supported(walk: Walk, value: list[str]) -> None:
    for scope in value:
        given = (await walk.tokens(scope=f"openid {scope}"))["scope"].split()
        assert scope in given


async def response_types_supported(walk: Walk, value: list[str]) -> None:
    for kind in value:
        assert kind in await walk.code(response_type=kind)


async def response_modes_supported(walk: Walk, value: list[str]) -> None:
    for mode in value:
        who = "none" if mode == "web_message" else "client_secret_basic"  # it has an origin to send messages to
        await walk.authorize(who, prompt="login", idp_hint="alpha", response_mode=mode)
        answer = await walk.browser.get(walk.app.callback())
        assert (answer.headers.get("location", "").startswith(f"{REDIRECT}?code=")) is (mode == "query")
        assert ('name="code"' in answer.text) is (mode == "form_post")
        assert ("data-response=" in answer.text) is (mode == "web_message")


async def grant_types_supported(walk: Walk, value: list[str]) -> None:
    tokens = await walk.tokens(scope="openid offline_access")
    forms = {
        "refresh_token": {"refresh_token": tokens["refresh_token"]},
        "client_credentials": {},
    }
    walk.browser.cookies.clear()
    told = await start(walk.app)
    await say(walk.app, await question(walk.app, told))
    assert (await poll(walk.app, told)).status_code == 200
    for kind in set(value) - {"authorization_code", DEVICE_GRANT}:
        answer = await walk.call("token", "client_secret_basic", {"grant_type": kind} | forms[kind])
        assert (kind, answer.status_code) == (kind, 200)
    unknown = await walk.call("token", "client_secret_basic", {"grant_type": "password"})
    assert unknown.json()["error"] == "unsupported_grant_type"


async def code_challenge_methods_supported(walk: Walk, value: list[str]) -> None:
    assert value == ["S256"]
    assert (await walk.tokens("none"))["id_token"]  # its verifier fits, or there would be none
    refused = answer_of(await walk.authorize("none", code_challenge_method="plain", prompt="none"))
    assert refused["error"] == "invalid_request"


async def prompt_values_supported(walk: Walk, value: list[str]) -> None:
    for prompt in value:
        walk.browser.cookies.clear()
        answer = await walk.authorize(prompt=prompt)
        if prompt == "none":
            assert answer_of(answer)["error"] == "login_required"
        else:
            assert (prompt, answer.status_code) == (prompt, 200)
    assert answer_of(await walk.authorize(prompt="nothing"))["error"] == "invalid_request"


async def display_values_supported(walk: Walk, value: list[str]) -> None:
    for display in value:
        assert "code" in await walk.code(display=display)


async def ui_locales_supported(walk: Walk, value: list[str]) -> None:
    for language in value:
        page = await walk.authorize(prompt="login", ui_locales=language)
        assert f'lang="{language}"' in page.text


async def acr_values_supported(walk: Walk, value: list[str]) -> None:
    assert value == list(LEVELS)
    for level in value:
        await walk.authorize(prompt="login", idp_hint="alpha", acr_values=level)
        assert walk.app.upstreams["alpha"].flows[-1].wishes.acr_values == (level,)


async def claims_parameter_supported(walk: Walk, value: bool) -> None:
    assert value
    assert "email" in said((await walk.tokens(claims='{"id_token":{"email":null}}'))["id_token"])


async def request_parameter_supported(walk: Walk, value: bool) -> None:
    assert value
    refused = answer_of(await walk.authorize("private_key_jwt", request="a.b.c", prompt="none"))
    assert refused["error"] == "invalid_request_object"


async def request_uri_parameter_supported(walk: Walk, value: bool) -> None:
    assert value
    refused = answer_of(await walk.authorize("requesting", request_uri="https://app.test/another", prompt="none"))
    assert refused["error"] == "invalid_request_uri"


async def require_request_uri_registration(walk: Walk, value: bool) -> None:
    assert value
    refused = answer_of(await walk.authorize(request_uri="https://app.test/object", prompt="none"))
    assert refused["error"] == "request_uri_not_supported"


async def request_object_signing_alg_values_supported(walk: Walk, value: list[str]) -> None:
    inside = {"response_type": "code", "redirect_uri": REDIRECT, "scope": "openid", "prompt": "none", **PKCE}
    for algorithm in value:
        about = {"iss": "private_key_jwt", "client_id": "private_key_jwt", "aud": ISSUER, "state": algorithm}
        claims = {**inside, **about, "exp": int(walk.app.clock()) + 60}
        answer = answer_of(await walk.authorize("private_key_jwt", request=signed(key_of(algorithm), claims)))
        assert answer["state"] == algorithm


async def authorization_response_iss_parameter_supported(walk: Walk, value: bool) -> None:
    assert value
    assert (await walk.code())["iss"] == ISSUER
    assert answer_of(await walk.authorize(prompt="x"))["iss"] == ISSUER


# --- what comes back ---


async def subject_types_supported(walk: Walk, value: list[str]) -> None:
    assert value == ["public", "pairwise"]
    subs = {said((await walk.tokens(name))["id_token"])["sub"] for name in ("client_secret_basic", "none", "pairwise")}
    assert len(subs) == 2


async def id_token_signing_alg_values_supported(walk: Walk, value: list[str]) -> None:
    for algorithm in value:
        token = (await walk.tokens(f"id-{algorithm}"))["id_token"]
        assert jwt.get_unverified_header(token)["alg"] == algorithm
        assert verifies(token, await keys(walk), algorithm)


async def userinfo_signing_alg_values_supported(walk: Walk, value: list[str]) -> None:
    for algorithm in value:
        token = (await walk.tokens(f"id-{algorithm}"))["access_token"]
        answer = await walk.browser.get(walk.path("userinfo_endpoint"), headers={"authorization": f"Bearer {token}"})
        assert jwt.get_unverified_header(answer.text)["alg"] == algorithm
        assert verifies(answer.text, await keys(walk), algorithm)


async def claim_types_supported(walk: Walk, value: list[str]) -> None:
    assert value == ["normal"]
    assert "_claim_names" not in said((await walk.tokens(scope="openid profile"))["id_token"])


async def claims_supported(walk: Walk, value: list[str]) -> None:
    scope = " ".join(walk.document["scopes_supported"])
    sub = said((await walk.tokens())["id_token"])["sub"]
    await absorb(walk.app.durable.store, sub, "who-they-were")
    for name in ("groups", "roles", "entitlements"):
        await walk.app.durable.store.extra_claims.put(sub, StaticClaim(name, ["x"], 1))
    found = said((await walk.tokens("backchannel", scope=scope, nonce="n-1"))["id_token"])
    assert set(value) - {"updated_at"} <= found.keys() | {"at_hash"}
    assert isinstance(found["updated_at"], int)


async def backchannel_logout_supported(walk: Walk, value: bool) -> None:
    assert value
    walk.listener.received.clear()
    await logged_out(walk, "backchannel")
    assert [call.path for call in walk.listener.received] == ["/told"]


async def backchannel_logout_session_supported(walk: Walk, value: bool) -> None:
    assert value
    _, sid = await logged_out(walk, "backchannel")
    assert sid
    assert said(walk.listener.received[-1].params["logout_token"])["sid"] == sid


async def frontchannel_logout_supported(walk: Walk, value: bool) -> None:
    assert value
    page, _ = await logged_out(walk, "frontchannel")
    assert '<iframe src="https://app.test/gone' in page


async def frontchannel_logout_session_supported(walk: Walk, value: bool) -> None:
    assert value
    page, sid = await logged_out(walk, "frontchannel")
    assert sid
    assert f"sid={sid}" in page


async def logged_out(walk: Walk, client_id: str) -> tuple[str, str]:
    """The page at the end of a session that this client had, and the session's `sid`, "" for one that hears nothing."""
    id_token = (await walk.tokens(client_id))["id_token"]
    where = walk.path("end_session_endpoint")
    async with delivering(walk.app.services.deliveries):
        page = await walk.browser.get(where, params={"id_token_hint": id_token})
    assert page.status_code == 200, page.text
    return page.text, said(id_token).get("sid", "")


# --- how clients prove themselves ---


async def token_endpoint_auth_methods_supported(walk: Walk, value: list[str]) -> None:
    for method in value:
        assert (await walk.tokens(method))["access_token"]


async def revocation_endpoint_auth_methods_supported(walk: Walk, value: list[str]) -> None:
    for method in value:
        answer = await walk.call("revocation", method, {"token": "unknown"})
        assert (method, answer.status_code) == (method, 200)


async def introspection_endpoint_auth_methods_supported(walk: Walk, value: list[str]) -> None:
    assert "none" not in value
    for method in value:
        answer = await walk.call("introspection", method, {"token": "unknown"})
        assert (method, answer.status_code) == (method, 200)


async def token_endpoint_auth_signing_alg_values_supported(walk: Walk, value: list[str]) -> None:
    await every_algorithm(walk, "token", {"grant_type": "client_credentials"}, value)


async def revocation_endpoint_auth_signing_alg_values_supported(walk: Walk, value: list[str]) -> None:
    await every_algorithm(walk, "revocation", {"token": "unknown"}, value)


async def introspection_endpoint_auth_signing_alg_values_supported(walk: Walk, value: list[str]) -> None:
    await every_algorithm(walk, "introspection", {"token": "unknown"}, value)


async def every_algorithm(walk: Walk, endpoint: str, form: Mapping[str, str], value: list[str]) -> None:
    """An assertion by each algorithm is accepted there."""
    for algorithm in value:
        client_id = "client_secret_jwt" if algorithm == "HS256" else "private_key_jwt"
        sent = {**form, **walk.assertion(client_id, algorithm)}
        answer = await walk.browser.post(walk.path(f"{endpoint}_endpoint"), data=sent)
        assert (algorithm, answer.status_code) == (algorithm, 200)


async def dpop_signing_alg_values_supported(walk: Walk, value: list[str]) -> None:
    form = {"grant_type": "client_credentials"}
    for algorithm in value:
        proof = proof_by(algorithm, at=int(walk.app.clock()))
        answer = await walk.call("token", "client_secret_basic", form, {"dpop": proof})
        assert (algorithm, answer.json().get("token_type")) == (algorithm, "DPoP")


def proof_by(algorithm: str, *, at: int) -> str:
    """A DPoP proof for the token endpoint, by a fresh key of this algorithm (RFC 9449 section 4.2)."""
    curves = {"ES256": ec.SECP256R1(), "ES384": ec.SECP384R1(), "ES512": ec.SECP521R1()}
    private: Any
    if algorithm in curves:
        private = ec.generate_private_key(curves[algorithm])
    elif algorithm in {"EdDSA", "Ed25519"}:
        private = ed25519.Ed25519PrivateKey.generate()
    else:
        private = rsa.generate_private_key(65537, 2048)
    signer: Any = OKPAlgorithm() if algorithm == "Ed25519" else jwt.get_algorithm_by_name(algorithm)
    header = {"typ": "dpop+jwt", "alg": algorithm, "jwk": signer.to_jwk(private.public_key(), as_dict=True)}
    claims = {"jti": token_urlsafe(12), "htm": "POST", "htu": f"{ISSUER}/token", "iat": at}
    message = f"{encode(header)}.{encode(claims)}"
    return f"{message}.{encode(signer.sign(message.encode(), private))}"


async def keys(walk: Walk) -> jwt.PyJWKSet:
    """What is published."""
    return jwt.PyJWKSet.from_dict((await walk.browser.get(walk.path("jwks_uri"))).json())


def verifies(token: str, published: jwt.PyJWKSet, algorithm: str) -> bool:
    """Whether the token stands by a published key."""
    kid = jwt.get_unverified_header(token)["kid"]
    options: Any = {"verify_aud": False, "verify_exp": False, "verify_iat": False, "verify_nbf": False}
    jwt.decode(token, published[kid].key, algorithms=[algorithm], options=options)
    return True


EXERCISES: dict[str, Callable[[Walk, Any], Awaitable[None]]] = {
    exercise.__name__: exercise
    for exercise in (
        issuer,
        authorization_endpoint,
        pushed_authorization_request_endpoint,
        token_endpoint,
        userinfo_endpoint,
        revocation_endpoint,
        introspection_endpoint,
        identities_endpoint,
        identity_lookup_endpoint,
        account_linking_endpoint,
        notification_endpoint,
        account_management_uri,
        jwks_uri,
        registration_endpoint,
        end_session_endpoint,
        device_authorization_endpoint,
        scopes_supported,
        response_types_supported,
        response_modes_supported,
        grant_types_supported,
        code_challenge_methods_supported,
        prompt_values_supported,
        display_values_supported,
        ui_locales_supported,
        acr_values_supported,
        claims_parameter_supported,
        request_parameter_supported,
        request_uri_parameter_supported,
        require_request_uri_registration,
        request_object_signing_alg_values_supported,
        authorization_response_iss_parameter_supported,
        subject_types_supported,
        id_token_signing_alg_values_supported,
        userinfo_signing_alg_values_supported,
        claim_types_supported,
        claims_supported,
        backchannel_logout_supported,
        backchannel_logout_session_supported,
        frontchannel_logout_supported,
        frontchannel_logout_session_supported,
        token_endpoint_auth_methods_supported,
        revocation_endpoint_auth_methods_supported,
        introspection_endpoint_auth_methods_supported,
        token_endpoint_auth_signing_alg_values_supported,
        revocation_endpoint_auth_signing_alg_values_supported,
        introspection_endpoint_auth_signing_alg_values_supported,
        dpop_signing_alg_values_supported,
    )
}


async def test_every_member_has_its_exercise_and_no_exercise_is_idle(walk: Walk) -> None:
    assert set(walk.document) == set(EXERCISES)


@pytest.mark.parametrize("member", EXERCISES)
async def test_what_the_metadata_document_says_is_so(walk: Walk, member: str) -> None:
    await EXERCISES[member](walk, walk.document[member])


@pytest.mark.parametrize(
    "word", ["mtls", "tls_client", "jwt-bearer", "jarm", "query.jwt", "encryption", "session_iframe"]
)
async def test_nothing_is_hinted_at_that_does_not_exist(walk: Walk, word: str) -> None:
    assert word not in str(walk.document)
