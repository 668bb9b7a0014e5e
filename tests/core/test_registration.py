"""Client metadata: what may be registered, what is refused and by which name, and what a client is made of it."""

from __future__ import annotations

from contextlib import nullcontext
from dataclasses import replace
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from broker.core.authorize.request import parse_challenge
from broker.core.clients.display_name import fold_name
from broker.core.clients.registered import RegisteredClient, RegistrationRules, build_registered
from broker.core.clients.registration import complete, parse_metadata
from broker.core.errors import (
    InvalidClientMetadata,
    InvalidRedirectUri,
    InvalidRequest,
    RequestError,
    UnapprovedSoftwareStatement,
)
from broker.core.terms import Algorithm, AuthMethod, GrantType, Pkce, Scope, SubjectType
from tests.core.authorization_request import send

RULES = RegistrationRules(
    scopes=(Scope.OPENID, Scope.EMAIL, Scope.OFFLINE_ACCESS), algorithms=(Algorithm.RS256, Algorithm.ES256)
)
CB = "https://app.test/cb"
EC = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()).public_key(), as_dict=True) | {"kid": "k1"}
WEAK = RSAAlgorithm.to_jwk(rsa.generate_private_key(65537, 1024).public_key(), as_dict=True) | {"kid": "k2"}
PRIVATE = ECAlgorithm.to_jwk(ec.generate_private_key(ec.SECP256R1()), as_dict=True)
SCRIPTS = (
    "javascript:alert(1)",
    "JaVaScRiPt:alert(1)",
    "data:text/html,x",
    "vbscript:x",
    "file:///etc/passwd",
    "blob:x",
)


def register(**sent: Any) -> dict[str, Any]:
    """The whole metadata of a client that sends these and a redirect URI."""
    return complete(parse_metadata({"redirect_uris": [CB]} | sent), RULES)


def client(**sent: Any) -> Any:
    """The client made of them."""
    record = RegisteredClient("dc_1", register(**sent), "", "t", "", 1)
    return build_registered(RegisteredClient.from_bytes(record.to_bytes()), "s3cret", RULES)


def test_what_is_not_said_has_the_defaults_of_the_specification() -> None:
    assert register() == {
        "redirect_uris": [CB],
        "application_type": "web",
        "response_types": ["code"],
        "grant_types": ["authorization_code"],
        "token_endpoint_auth_method": "client_secret_basic",
        "subject_type": "public",
        "id_token_signed_response_alg": "RS256",
        "scope": "openid email",
    }


def test_what_nobody_knows_is_left_out_and_what_is_null_counts_as_not_said() -> None:
    assert register(x_unknown={"a": 1}, client_uri=None, default_acr_values=None) == register()


@pytest.mark.parametrize("uri", [*SCRIPTS, "myapp:/cb", "http://app.test/cb", f"{CB}#f", "//app.test", "", 5])
def test_a3_dynamic_regfrag_no_such_redirect_uri_is_registered(uri: object) -> None:
    with pytest.raises(InvalidRedirectUri, match="redirect_uris"):
        register(redirect_uris=[uri])


@pytest.mark.parametrize("uri", [*SCRIPTS, "http://app.test/", "https:\\\\evil.test", "https://a@b.test/", "x"])
@pytest.mark.parametrize("member", ["client_uri", "policy_uri", "tos_uri", "initiate_login_uri"])
def test_a3_g14_nor_any_other_address_a_browser_is_sent_to(member: str, uri: str) -> None:
    with pytest.raises(InvalidClientMetadata, match=member):
        register(**{member: uri})


@pytest.mark.parametrize("uri", [*SCRIPTS, "http://app.test/", "https://a.test/..;/x", "https://a.test\t"])
def test_a3_post_logout_redirect_uris_are_held_to_the_same_rule(uri: str) -> None:
    with pytest.raises(InvalidClientMetadata, match="post_logout_redirect_uris"):
        register(post_logout_redirect_uris=[uri])


WRONG: dict[str, dict[str, Any]] = {
    "implicit": {"grant_types": ["implicit"]},
    "password": {"grant_types": ["password", "authorization_code"]},
    "client credentials": {"grant_types": ["client_credentials"]},
    "refresh alone": {"grant_types": ["refresh_token"]},
    "no grant": {"grant_types": []},
    "id_token": {"response_types": ["id_token"]},
    "hybrid": {"response_types": ["code", "code id_token"]},
    "kind": {"application_type": "desktop"},
    "method": {"token_endpoint_auth_method": "tls_client_auth"},
    "method kind": {"token_endpoint_auth_method": 5},
    "no key": {"token_endpoint_auth_method": "private_key_jwt"},
    "two key places": {"jwks": {"keys": [EC]}, "jwks_uri": "https://app.test/jwks"},
    "weak key": {"jwks": {"keys": [EC, WEAK]}},
    "only a weak key": {"jwks": {"keys": [WEAK]}},
    "private key": {"jwks": {"keys": [PRIVATE]}},
    "symmetric key": {"jwks": {"keys": [{"kty": "oct", "k": "AAAA"}]}},
    "no keys": {"jwks": {"keys": []}},
    "key list": {"jwks": [EC]},
    "assertion alg": {"token_endpoint_auth_method": "client_secret_jwt", "token_endpoint_auth_signing_alg": "RS256"},
    "assertion none": {"token_endpoint_auth_signing_alg": "none"},
    "unsigned id token": {"id_token_signed_response_alg": "none"},
    "alg not held": {"id_token_signed_response_alg": "EdDSA"},
    "unknown alg": {"userinfo_signed_response_alg": "XX256"},
    "unsigned request": {"request_object_signing_alg": "none", "jwks": {"keys": [EC]}},
    "request without key": {"request_object_signing_alg": "ES256"},
    "signed only without key": {"require_signed_request_object": True},
    "encryption": {"id_token_encrypted_response_alg": "RSA-OAEP"},
    "mtls": {"tls_client_certificate_bound_access_tokens": True},
    "subject": {"subject_type": "secret"},
    "two sectors": {"subject_type": "pairwise", "redirect_uris": [CB, "https://other.test/cb"]},
    "no openid": {"scope": "email"},
    "scope form": {"scope": "openid  email"},
    "scope list": {"scope": ["openid"]},
    "name bidi": {"client_name": "Bank\u202etest"},
    "name zero width": {"client_name": "Ba\u200bnk"},
    "name long": {"client_name": "x" * 10_000},
    "name empty": {"client_name": " "},
    "name number": {"client_name": 5},
    "age": {"default_max_age": "5"},
    "age below": {"default_max_age": -1},
    "flag": {"require_pushed_authorization_requests": "true"},
    "acr": {"default_acr_values": "high"},
    "contacts": {"contacts": "a@b.test"},
    "scheme of keys": {"jwks_uri": "ftp://app.test/jwks"},
    "scheme of its own for keys": {"jwks_uri": "com.example.app:/jwks"},
    "page of this machine": {"client_uri": "http://localhost/"},
    "request places": {"request_uris": CB},
    "keys for other uses": {"jwks": {"keys": [EC | {"use": "enc"}]}},
    "more keys than anybody has": {"jwks": {"keys": [EC] * 101}},
}


@pytest.mark.parametrize("sent", WRONG.values(), ids=WRONG)
def test_l2_what_does_not_fit_is_refused(sent: dict[str, Any]) -> None:
    with pytest.raises(InvalidClientMetadata) as refused:
        register(**sent)
    assert "10000" not in refused.value.public


@pytest.mark.parametrize(
    ("sent", "said"),
    [
        (
            {"token_endpoint_auth_signing_alg": "ES256"},
            "token_endpoint_auth_signing_alg: is not for token_endpoint_auth",
        ),
        ({"require_signed_request_object": True}, "require_signed_request_object: needs jwks_uri or jwks"),
        ({"grant_types": ["refresh_token"]}, "grant_types: without authorization_code"),
        ({"jwks": {"keys": [EC, PRIVATE]}}, "jwks.keys[1]: IS A PRIVATE KEY"),
        ({"token_endpoint_auth_method": "private_key_jwt"}, "the client needs jwks_uri"),
    ],
)
def test_a_rule_of_every_client_is_told_in_the_words_of_client_metadata(sent: dict[str, Any], said: str) -> None:
    with pytest.raises(InvalidClientMetadata) as refused:
        register(**sent)
    assert refused.value.public.startswith(said)


def test_what_makes_no_sense_for_an_operator_an_app_may_say_of_itself() -> None:
    both = {"jwks": {"keys": [EC, EC | {"use": "enc"}]}}
    device = {"redirect_uris": None, "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"]}
    for sent in (both, {"request_uris": [CB]}, {"require_pushed_authorization_requests": True, **device}):
        assert register(**sent).items() >= {name: value for name, value in sent.items() if value is not None}.items()
    assert register(contacts=["ops@app.test"])["contacts"] == ["ops@app.test"]


def test_a_scheme_of_its_own_is_for_native_apps() -> None:
    with pytest.raises(InvalidRedirectUri, match="application_type native"):
        register(redirect_uris=["com.example.app:/cb"])


def test_a_software_statement_is_refused_by_name() -> None:
    with pytest.raises(UnapprovedSoftwareStatement):
        register(software_statement="eyJ.eyJ.x")


@pytest.mark.parametrize("sent", [{}, {"redirect_uris": []}, {"redirect_uris": "https://a.test"}])
def test_who_logs_people_in_says_where_they_come_back_to(sent: dict[str, Any]) -> None:
    with pytest.raises(InvalidRedirectUri):
        complete(parse_metadata(sent), RULES)


def test_a_native_app_may_have_a_scheme_of_its_own_or_this_machine() -> None:
    uris = ["com.example.app:/cb", "http://127.0.0.1/cb", "http://localhost:4000/cb"]
    assert client(application_type="native", redirect_uris=uris, token_endpoint_auth_method="none").native
    with pytest.raises(InvalidRedirectUri):
        register(application_type="native", redirect_uris=["http://app.test/cb"])


def test_a15_scopes_beyond_the_operators_are_left_out_and_offline_access_needs_the_grant() -> None:
    asked = {"scope": "openid phone email offline_access admin"}
    assert register(**asked)["scope"] == "openid email"
    refreshing = register(**asked, grant_types=["authorization_code", "refresh_token"])
    assert refreshing["scope"] == "openid email offline_access"


def test_the_client_is_what_was_registered() -> None:
    made = client(
        client_name="Shop",
        **{"client_name#ru": "Магазин"},
        token_endpoint_auth_method="client_secret_post",
        jwks={"keys": [EC]},
        grant_types=["authorization_code", "refresh_token"],
        subject_type="pairwise",
        userinfo_signed_response_alg="ES256",
        request_uris=["https://app.test/r#1"],
        request_object_signing_alg="ES256",
        require_pushed_authorization_requests=True,
        dpop_bound_access_tokens=True,
        default_max_age=60,
        post_logout_redirect_uris=["https://app.test/bye"],
        backchannel_logout_uri="https://app.test/out",
        frontchannel_logout_uri="https://app.test/gone",
        initiate_login_uri="https://app.test/login",
        logo_uri="https://app.test/logo.png",
    )
    assert (made.name, made.auth_method) == ({"en": "Shop", "ru": "Магазин"}, AuthMethod.POST)
    assert made.grants == {GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN}
    assert made.assertions.jwks == {"keys": [EC]}
    assert (made.tokens.subject_type, made.tokens.sector) == (SubjectType.PAIRWISE, "app.test")
    assert (made.tokens.userinfo_alg, made.tokens.dpop_bound_access_tokens) == (Algorithm.ES256, True)
    assert (made.requests.require_par, made.requests.max_age) == (True, 60)
    assert made.requests.request_uris == ("https://app.test/r#1",)
    assert made.logout.post_logout_redirect_uris == ("https://app.test/bye",)
    assert (made.logout.backchannel_logout_uri, made.logout.frontchannel_logout_uri) == (
        "https://app.test/out",
        "https://app.test/gone",
    )
    assert made.origin.registered
    assert not made.first_party


DEVICE = {"grant_types": ["authorization_code", "urn:ietf:params:oauth:grant-type:device_code"]}
NATIVE = {"application_type": "native", "token_endpoint_auth_method": "none"}
DOCUMENT = {"sector_identifier_uri": "https://other.test/uris.json"}
SECTORS: dict[str, tuple[dict[str, Any], str, str]] = {
    "every code goes to that host": ({}, "", "app.test"),
    "a document vouches for several hosts": (
        {"redirect_uris": [CB, "https://b.test/"], **DOCUMENT},
        "d.test",
        "d.test",
    ),
    "a device gets tokens without going there": (DEVICE, "", "client:dc_1"),
    "nor does a document show whose device it is": (DEVICE, "d.test", "client:dc_1"),
    "a device alone, which names no host at all": (
        {"redirect_uris": None, "grant_types": ["urn:ietf:params:oauth:grant-type:device_code"]},
        "d.test",
        "client:dc_1",
    ),
    "loopback is everybody's": ({"redirect_uris": ["http://127.0.0.1/cb"], **NATIVE}, "", "client:dc_1"),
    "localhost, too": ({"redirect_uris": ["https://localhost/cb"]}, "", "client:dc_1"),
    "and its other addresses": ({"redirect_uris": ["https://127.8.0.1/cb"]}, "", "client:dc_1"),
    "whatever vouches for it": ({"redirect_uris": ["https://[::1]/cb"]}, "d.test", "client:dc_1"),
    "a private-use scheme may be another app's": ({"redirect_uris": ["com.example.a:/"], **NATIVE}, "", "client:dc_1"),
    "one of several is enough": ({"redirect_uris": [CB, "com.example.a:/"], **NATIVE}, "", "client:dc_1"),
}


@pytest.mark.parametrize(("sent", "vouched", "sector"), SECTORS.values(), ids=SECTORS)
def test_l7_a_sector_is_proved_or_it_is_the_clients_own(sent: dict[str, Any], vouched: str, sector: str) -> None:
    record = RegisteredClient("dc_1", register(**sent), "", "t", vouched, 1)
    assert build_registered(record, "", RULES).tokens.sector == sector


@pytest.mark.parametrize(
    "sent", [DEVICE, {"redirect_uris": ["http://127.0.0.1/cb"]}, {"redirect_uris": ["com.example.a:/"], **NATIVE}]
)
def test_l7_a_document_that_proves_nothing_is_refused_and_a_sector_of_its_own_needs_none(sent: dict[str, Any]) -> None:
    with pytest.raises(InvalidClientMetadata, match="sector_identifier_uri proves nothing"):
        register(subject_type="pairwise", **DOCUMENT, **sent)
    assert register(subject_type="pairwise", **sent)["subject_type"] == "pairwise"


OUT = "https://app.test/out"


@pytest.mark.parametrize("sent", [DEVICE, {"redirect_uris": [CB, "https://other.test/cb"]}])
def test_l8_no_frame_is_sent_to_a_host_that_was_merely_named(sent: dict[str, Any]) -> None:
    assert client(frontchannel_logout_uri=OUT).logout.frontchannel_logout_uri == OUT
    with pytest.raises(InvalidClientMetadata, match="frontchannel_logout_uri"):
        register(frontchannel_logout_uri=OUT, **sent)
    before = RegisteredClient("dc_1", register(**sent) | {"frontchannel_logout_uri": OUT}, "", "t", "", 1)
    assert build_registered(before, "", RULES).logout.frontchannel_logout_uri == "", "an entry of before"


def test_a12_a_public_client_always_uses_pkce_whatever_the_operator_lets_others() -> None:
    bare = send(code_challenge=None, code_challenge_method=None)
    for rule, lets in ((Pkce.REQUIRED, False), (Pkce.AUTO, True), (Pkce.OPTIONAL, True)):
        rules = replace(RULES, pkce=rule)
        for method in ("none", "client_secret_basic"):
            record = RegisteredClient("dc_1", register(token_endpoint_auth_method=method), "", "t", "", 1)
            client = build_registered(record, "", rules)
            parse_challenge(send(), client)
            with nullcontext() if lets and method != "none" else pytest.raises(InvalidRequest):
                parse_challenge(bare, client)


def test_who_registers_uses_pkce_unless_the_operator_says_otherwise() -> None:
    assert RULES.pkce is Pkce.REQUIRED


def test_every_refusal_names_an_error_of_rfc_7591() -> None:
    assert issubclass(InvalidRedirectUri, RequestError)
    assert [kind.code for kind in (InvalidClientMetadata, InvalidRedirectUri, UnapprovedSoftwareStatement)] == [
        "invalid_client_metadata",
        "invalid_redirect_uri",
        "unapproved_software_statement",
    ]


@pytest.mark.parametrize("uri", ["https://other.test/out", "https://app.test:8443/out", "https://[::1]/out"])
def test_g19_a_frame_for_logouts_is_at_a_place_of_the_app(uri: str) -> None:
    register(frontchannel_logout_uri="https://app.test/out")
    with pytest.raises(InvalidClientMetadata, match="frontchannel_logout_uri"):
        register(frontchannel_logout_uri=uri)


RESERVED = replace(RULES, reserved_names=frozenset(map(fold_name, ("Google", "Example ID", "Conf", "ВКонтакте"))))
COPIES = (
    "Google",
    "google",
    "GOOGLE ",
    "G o o g l e",
    "Google™!",
    "G00gle",
    "Gооglе",
    "Ｇｏｏｇｌｅ",
    "Göogle",
    "ＥｘａｍｐｌｅID",
    "conf.",
)


@pytest.mark.parametrize("name", [*COPIES, "BКoнтaктe"])
def test_l8_nobody_goes_by_a_name_that_people_here_trust_already(name: str) -> None:
    for member in ("client_name", "client_name#ru"):
        with pytest.raises(InvalidClientMetadata, match="client_name"):
            complete(parse_metadata({"redirect_uris": [CB], member: name}), RESERVED)
    assert register(client_name=name)["client_name"]


@pytest.mark.parametrize("name", ["Notes for Google Drive", "Confide", "Пример", "例え", "!!!"])
def test_l8_a_name_of_its_own_is_nobodys_business(name: str) -> None:
    assert complete(parse_metadata({"redirect_uris": [CB], "client_name": name}), RESERVED)["client_name"] == name
