"""How the generic provider shows an issuer that it is us: what it sends by every method, and what each needs."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, ed25519, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from jwt import decode, get_unverified_header
from pydantic import ValidationError

from broker.core.errors import UpstreamRejected, UpstreamUnavailable
from broker.testing.bench import FLOW, NOW, Bench, Case
from broker.testing.raw_server import Received, json_of
from providers.oidc import OidcSettings
from tests.providers.cases import load_cases
from tests.upstream.tls_server import Certificate

pytestmark = pytest.mark.anyio

THICK, _ = load_cases("oidc")
DOCUMENT = "/realms/staff/.well-known/openid-configuration"
ISSUER = THICK.data["settings"]["issuer"]
GIVEN: Mapping[str, Any] = {"type": "oidc", **THICK.data["settings"]}
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
KEYS: Mapping[str, Any] = {
    "ES256": ec.generate_private_key(ec.SECP256R1()),
    "RS256": rsa.generate_private_key(65537, 2048),
    "EdDSA": ed25519.Ed25519PrivateKey.generate(),
}
SECRET = "canary-secret-of-thirty-two-bytes"


def pem(private: Any) -> str:
    """As an operator has it in a file."""
    shape = Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
    return str(private.private_bytes(*shape).decode())


def said(**changes: Any) -> Case:
    """The case with other things in its discovery document."""
    return THICK.with_changes({f"answers {DOCUMENT} {name}": value for name, value in changes.items()})


async def token_request(bench: Bench, path: str = "/token") -> Received:
    """The one call to the token endpoint of a login."""
    await bench.finish()
    (call,) = [one for one in bench.server.received if one.path == path]
    return call


@pytest.mark.parametrize("alg", ["ES256", "RS256", "PS256", "EdDSA"])
async def test_an_assertion_of_our_key_goes_with_the_code_and_no_secret(alg: str) -> None:
    key = KEYS["RS256" if alg == "PS256" else alg]
    told = {"key": pem(key), "alg": alg, "kid": "k1"}
    async with THICK.on_bench(token_endpoint_auth_method="private_key_jwt", client_assertion=told) as bench:
        call = await token_request(bench)
        again = json.dumps(call.params)
        assert (call.params["client_id"], call.params["client_assertion_type"]) == ("broker", JWT_BEARER)
        assert "authorization" not in call.headers
        assert "client_secret" not in call.params
        assertion = call.params["client_assertion"]
        assert get_unverified_header(assertion) == {"alg": alg, "typ": "JWT", "kid": "k1"}
        options: Any = {"verify_exp": False, "verify_iat": False}
        claims = decode(assertion, key.public_key(), algorithms=[alg], audience=ISSUER, options=options)
        assert {"iss": "broker", "sub": "broker", "iat": NOW, "exp": NOW + 60}.items() <= claims.items()
        bench.server.received.clear()
        call = await token_request(bench)
        second = decode(call.params["client_assertion"], options={"verify_signature": False})
        assert second["jti"] != claims["jti"]
        assert len(claims["jti"]) >= 20
        assert json.dumps(call.params) != again


async def test_an_older_server_may_be_named_by_its_token_endpoint() -> None:
    told = {"key": pem(KEYS["ES256"]), "audience": "token_endpoint", "ttl": 300}
    async with THICK.on_bench(token_endpoint_auth_method="private_key_jwt", client_assertion=told) as bench:
        assertion = (await token_request(bench)).params["client_assertion"]
        claims = decode(assertion, options={"verify_signature": False})
    assert (claims["aud"], claims["exp"] - claims["iat"]) == (THICK.data["answers"][DOCUMENT]["token_endpoint"], 300)
    assert "kid" not in get_unverified_header(assertion)


async def test_a_secret_may_sign_and_stays_here() -> None:
    async with THICK.on_bench(token_endpoint_auth_method="client_secret_jwt", client_secret=SECRET) as bench:
        call = await token_request(bench)
        options: Any = {"verify_exp": False, "verify_iat": False}
        decode(call.params["client_assertion"], SECRET, algorithms=["HS256"], audience=ISSUER, options=options)
        assert SECRET not in json.dumps(call.params) + json.dumps(dict(call.headers))


async def test_a_client_without_a_secret_says_its_id_and_nothing_else() -> None:
    case = said(code_challenge_methods_supported=["S256"])
    async with case.on_bench(token_endpoint_auth_method="none", pkce="required", client_secret=None) as bench:
        call = await token_request(bench)
    assert call.params["client_id"] == "broker"
    assert not {"client_secret", "client_assertion"} & call.params.keys()
    assert "authorization" not in call.headers


async def test_a_certificate_is_shown_at_the_addresses_that_are_for_certificates(tmp_path: Any) -> None:
    ours = Certificate(tmp_path, "broker")
    tls = {"client_cert": str(ours.cert), "client_key": str(ours.key)}
    aliases = {"token_endpoint": f"{ISSUER}/mtls/token", "jwks_uri": "https://elsewhere.example/jwks"}
    case = said(mtls_endpoint_aliases=aliases)
    for method in ("tls_client_auth", "self_signed_tls_client_auth"):
        async with case.on_bench(token_endpoint_auth_method=method, tls=tls, client_secret=None) as bench:
            bench.server.answers["/realms/staff/mtls/token"] = bench.server.answers["/token"]
            call = await token_request(bench, "/realms/staff/mtls/token")
        assert call.params["client_id"] == "broker"
        assert not {"client_secret", "client_assertion"} & call.params.keys()
    async with case.on_bench(tls=tls) as bench:
        await token_request(bench)


async def test_i7_an_address_for_certificates_leads_nowhere_that_the_operator_did_not_name(tmp_path: Any) -> None:
    ours = Certificate(tmp_path, "broker")
    tls = {"client_cert": str(ours.cert), "client_key": str(ours.key)}
    case = said(mtls_endpoint_aliases={"token_endpoint": "https://elsewhere.example/token"})
    settings = {"token_endpoint_auth_method": "tls_client_auth", "tls": tls}
    async with case.on_bench(**settings) as bench:
        with pytest.raises(UpstreamUnavailable, match="endpoint_origins"):
            await bench.finish()
    async with case.on_bench(**settings, endpoint_origins=["https://elsewhere.example"]) as bench:
        await bench.finish()


@pytest.mark.parametrize(
    ("method", "more", "said"),
    [
        ("auto", {"client_secret": None}, "needs client_secret"),
        ("client_secret_post", {"client_secret": None}, "needs client_secret"),
        ("client_secret_jwt", {"client_secret": "canary-too-short"}, "needs a client_secret of 32 bytes"),
        ("private_key_jwt", {}, "needs client_assertion.key"),
        ("private_key_jwt", {"client_assertion": {"key": "canary"}}, "no private key in PEM"),
        ("private_key_jwt", {"client_assertion": {"key": pem(KEYS["RS256"])}}, "is no key for ES256"),
        ("tls_client_auth", {}, "needs tls.client_cert"),
        ("none", {}, "needs pkce: required"),
        ("private_key_jwt", {"client_assertion": {"key": pem(KEYS["ES256"]), "alg": "HS256"}}, "RS256"),
        ("private_key_jwt", {"client_assertion": {"key": pem(KEYS["ES256"]), "ttl": 3600}}, "300"),
        ("auto", {"extra_token_params": {"code_verifier": "x"}}, "the broker itself sends code_verifier"),
        ("auto", {"claims_request": {"access_token": {}}}, "id_token"),
        ("auto", {"claims_request": {"id_token": {"a" * 3000: None}}}, "longer than"),
        ("auto", {"use_discovery": False, "endpoints": {"token": "https://sso.example.com/t"}}, "needs endpoints"),
        ("auto", {"endpoints": {"token": "http://sso.example.com/t"}}, "write https://host/path"),
    ],
)
async def test_what_a_method_needs_is_said_at_the_start(method: str, more: Mapping[str, Any], said: str) -> None:
    given = {**GIVEN, "token_endpoint_auth_method": method, **more}
    with pytest.raises(ValidationError) as caught:
        OidcSettings.model_validate(given)
    assert said in str(caught.value)
    assert "canary" not in str(caught.value)
    assert "PRIVATE" not in str(caught.value)


async def test_a_provider_that_is_switched_off_may_wait_for_its_keys() -> None:
    OidcSettings.model_validate({**GIVEN, "enabled": False, "token_endpoint_auth_method": "private_key_jwt"})


@pytest.mark.parametrize(
    ("demanded", "chosen", "pushed"), [(True, "auto", True), (False, "required", True), (False, "auto", False)]
)
async def test_a_request_is_pushed_where_the_issuer_demands_it_or_the_operator(
    demanded: bool, chosen: str, pushed: bool
) -> None:
    case = said(require_pushed_authorization_requests=demanded, pushed_authorization_request_endpoint=f"{ISSUER}/par")
    claims = {"id_token": {"email": {"essential": True}}}
    async with case.on_bench(pushed_requests=chosen, claims_request=claims) as bench:
        bench.server.answers["/realms/staff/par"] = json_of(
            {"request_uri": "urn:x:1 2", "expires_in": 60}, "201 Created"
        )
        carried = await bench.begin()
        calls = [one for one in bench.server.received if one.path == "/realms/staff/par"]
    if not pushed:
        assert (calls, carried["state"]) == ([], FLOW.state)
        return
    assert carried == {"client_id": "broker", "request_uri": "urn:x:1 2"}
    (call,) = calls
    assert {"state": FLOW.state, "nonce": FLOW.nonce, "response_type": "code"}.items() <= call.params.items()
    assert json.loads(call.params["claims"]) == claims
    assert call.headers["authorization"].startswith("Basic ")


async def test_a_login_does_not_begin_with_a_request_that_was_not_taken() -> None:
    for changes, answer, kind in (
        ({}, json_of({"error": "invalid_request"}, "400 Bad"), UpstreamRejected),
        ({"pushed_authorization_request_endpoint": "https://elsewhere.example/par"}, b"", UpstreamUnavailable),
        ({"pushed_authorization_request_endpoint": "$absent"}, b"", UpstreamUnavailable),
    ):
        case = said(**{"pushed_authorization_request_endpoint": f"{ISSUER}/par", **changes})
        async with case.on_bench(pushed_requests="required") as bench:
            bench.server.answers["/realms/staff/par"] = answer
            with pytest.raises(kind):
                await bench.begin()


async def test_the_operators_parameters_go_with_the_code_and_never_in_place_of_ours() -> None:
    async with THICK.on_bench(extra_token_params={"audience": "https://api.example.com"}) as bench:
        call = await token_request(bench)
    assert (call.params["audience"], call.params["code"]) == ("https://api.example.com", "canary-code")


async def test_the_operator_may_know_better_where_an_issuer_answers() -> None:
    async with THICK.on_bench(endpoints={"token": "https://other.example/t"}) as bench:
        bench.server.answers["/t"] = bench.server.answers["/token"]
        await token_request(bench, "/t")
        assert DOCUMENT in [one.path for one in bench.server.received]
    document = THICK.data["answers"][DOCUMENT]
    names = {"authorization": "authorization_endpoint", "token": "token_endpoint", "jwks": "jwks_uri"}
    told = {name: document[theirs] for name, theirs in names.items()}
    async with THICK.on_bench(use_discovery=False, endpoints=told) as bench:
        assert (await bench.begin())["state"] == FLOW.state
        assert (await bench.finish()).subject == THICK.data["expected"]["subject"]
        assert not {DOCUMENT, "/realms/staff/userinfo"} & {one.path for one in bench.server.received}


async def test_an_issuer_may_have_a_second_name_that_the_operator_knows() -> None:
    inside = "https://keycloak.internal/realms/staff"
    case = said(issuer=inside).with_changes({"id_token iss": inside})
    async with case.on_bench(issuer_aliases=[inside]) as bench:
        assert (await bench.finish()).subject == THICK.data["expected"]["subject"]
    async with case.on_bench() as bench:
        with pytest.raises(UpstreamUnavailable):
            await bench.finish()
