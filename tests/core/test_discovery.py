"""The metadata document says exactly what works."""

from __future__ import annotations

import orjson
import pytest

from broker.core.discovery import build_metadata, metadata_paths

ISSUER = "https://id.test/sso"
METHODS = ["client_secret_basic", "client_secret_post", "client_secret_jwt", "private_key_jwt"]
SIGNING = ["PS256", "ES256", "EdDSA", "RS256", "HS256"]


def test_the_document_lists_exactly_what_is_offered() -> None:
    assert orjson.loads(
        orjson.dumps(build_metadata(ISSUER, algorithms=["RS256", "EdDSA"], languages=["en", "ru"]))
    ) == {
        "issuer": ISSUER,
        "authorization_endpoint": f"{ISSUER}/authorize",
        "pushed_authorization_request_endpoint": "https://id.test/sso/par",
        "device_authorization_endpoint": "https://id.test/sso/device_authorization",
        "token_endpoint": f"{ISSUER}/token",
        "userinfo_endpoint": f"{ISSUER}/userinfo",
        "revocation_endpoint": f"{ISSUER}/revoke",
        "introspection_endpoint": f"{ISSUER}/introspect",
        "identities_endpoint": "https://id.test/sso/identities",
        "account_linking_endpoint": "https://id.test/sso/link",
        "account_management_uri": "https://id.test/sso/account",
        "identity_lookup_endpoint": "https://id.test/sso/identities/lookup",
        "end_session_endpoint": f"{ISSUER}/logout",
        "jwks_uri": f"{ISSUER}/jwks",
        "scopes_supported": [
            *("openid", "profile", "email", "phone", "address", "offline_access", "identities", "identities.manage"),
        ],
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post", "web_message"],
        "grant_types_supported": [
            *("authorization_code", "refresh_token", "client_credentials"),
            "urn:ietf:params:oauth:grant-type:device_code",
        ],
        "subject_types_supported": ["public", "pairwise"],
        "id_token_signing_alg_values_supported": ["RS256", "EdDSA"],
        "userinfo_signing_alg_values_supported": ["RS256", "EdDSA"],
        "token_endpoint_auth_methods_supported": [*METHODS, "none"],
        "revocation_endpoint_auth_methods_supported": [*METHODS, "none"],
        "introspection_endpoint_auth_methods_supported": METHODS,
        "token_endpoint_auth_signing_alg_values_supported": SIGNING,
        "revocation_endpoint_auth_signing_alg_values_supported": SIGNING,
        "introspection_endpoint_auth_signing_alg_values_supported": SIGNING,
        "code_challenge_methods_supported": ["S256"],
        "dpop_signing_alg_values_supported": [
            *("ES256", "ES384", "ES512", "EdDSA", "Ed25519"),
            *("PS256", "PS384", "PS512", "RS256", "RS384", "RS512"),
        ],
        "claim_types_supported": ["normal"],
        "claims_supported": [
            *("sub", "name", "family_name", "given_name", "middle_name", "nickname", "preferred_username", "profile"),
            *("picture", "website", "gender", "birthdate", "zoneinfo", "locale", "updated_at", "email"),
            *("email_verified", "phone_number", "phone_number_verified", "address", "identities"),
            *("iss", "aud", "exp", "iat", "auth_time", "nonce", "acr", "amr", "sid", "former_subs"),
        ],
        "claims_parameter_supported": True,
        "request_parameter_supported": True,
        "request_uri_parameter_supported": True,
        "require_request_uri_registration": True,
        "request_object_signing_alg_values_supported": ["RS256", "PS256", "ES256", "EdDSA"],
        "authorization_response_iss_parameter_supported": True,
        "backchannel_logout_supported": True,
        "backchannel_logout_session_supported": True,
        "frontchannel_logout_supported": True,
        "frontchannel_logout_session_supported": True,
        "prompt_values_supported": ["none", "login", "consent", "select_account", "create"],
        "display_values_supported": ["page"],
        "ui_locales_supported": ["en", "ru"],
    }


@pytest.mark.parametrize(
    ("issuer", "paths"),
    [
        ("https://id.test", ("/.well-known/openid-configuration", "/.well-known/oauth-authorization-server")),
        (
            "https://id.test/sso",
            (
                "/sso/.well-known/openid-configuration",
                "/sso/.well-known/oauth-authorization-server",
                "/.well-known/oauth-authorization-server/sso",
                "/.well-known/openid-configuration/sso",
            ),
        ),
    ],
)
def test_the_document_is_found_by_both_rules_for_issuers_with_a_path(issuer: str, paths: tuple[str, ...]) -> None:
    assert metadata_paths(issuer) == paths
