"""Plan oidcc-config: the discovery document and the keys it leads to."""

from __future__ import annotations

import re
from typing import Any

import pytest

from tests.conformance.openid_provider import Operator
from tests.conformance.response_checks import check_plain_url

pytestmark = pytest.mark.anyio

_PRIVATE = frozenset({"d", "p", "q", "dp", "dq", "qi", "oth", "k"})  # RFC 7518 section 6
_LANGUAGE = re.compile(r"[a-z]{2,3}(-[A-Z][a-z]{3})?(-([A-Z]{2}|[0-9]{3}))?")  # the usual case (RFC 5646 section 2.1.1)


async def test_discovery_endpoint_verification(op: Operator) -> None:
    """The document is where it must be, says what must be said, and everything it says is so."""
    async with op.http.get(f"{op.issuer}/.well-known/openid-configuration") as answer:
        assert answer.status == 200
        assert answer.content_type == "application/json"
        metadata: dict[str, Any] = await answer.json()
    assert metadata["issuer"] == op.issuer
    check_required(metadata)
    check_supported(metadata)
    for name, value in metadata.items():
        if name.endswith(("_endpoint", "_uri")):
            check_plain_url(value, issuer=op.issuer)
    for tag in metadata.get("ui_locales_supported", []) + metadata.get("claims_locales_supported", []):
        assert _LANGUAGE.fullmatch(tag), tag
    await check_keys(op, metadata)


def check_required(metadata: dict[str, Any]) -> None:
    """OIDC Discovery section 3; lists are lists of different texts, never empty."""
    lists = {name for name in metadata if name.endswith("_supported") and isinstance(metadata[name], list)}
    for name in lists:
        assert metadata[name], f"{name} is empty; it must be left out then (RFC 8414 section 3.2)"
        assert all(isinstance(value, str) for value in metadata[name])
        assert len(set(metadata[name])) == len(metadata[name])
    assert {"response_types_supported", "subject_types_supported", "id_token_signing_alg_values_supported"} <= lists
    assert {"authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri"} <= metadata.keys()
    assert {"scopes_supported", "claims_supported", "code_challenge_methods_supported"} <= lists


def check_supported(metadata: dict[str, Any]) -> None:
    """What the basic plans need, and nothing that is not so."""
    assert metadata["response_types_supported"] == ["code"]
    assert set(metadata["response_modes_supported"]) == {"query", "form_post", "web_message"}
    assert {"authorization_code", "refresh_token"} <= set(metadata["grant_types_supported"])
    assert {"implicit", "password"}.isdisjoint(metadata["grant_types_supported"])
    assert set(metadata["subject_types_supported"]) <= {"public", "pairwise"}
    assert "RS256" in metadata["id_token_signing_alg_values_supported"]
    assert "none" not in metadata["id_token_signing_alg_values_supported"]
    assert {"openid", "profile", "email", "address", "phone", "offline_access"} <= set(metadata["scopes_supported"])
    assert {"client_secret_basic", "client_secret_post"} <= set(metadata["token_endpoint_auth_methods_supported"])
    assert metadata["code_challenge_methods_supported"] == ["S256"]
    assert {"sub", "iss", "auth_time", "name", "email"} <= set(metadata["claims_supported"])
    assert metadata["claims_parameter_supported"] is True
    assert metadata["request_parameter_supported"] is True
    assert metadata["request_uri_parameter_supported"] is True
    assert metadata["authorization_response_iss_parameter_supported"] is True


async def check_keys(op: Operator, metadata: dict[str, Any]) -> None:
    """Public keys only, told apart by `kid`, one at least for every algorithm that is announced (RFC 7517)."""
    async with op.http.get(metadata["jwks_uri"]) as answer:
        assert answer.status == 200
        assert answer.content_type in {"application/json", "application/jwk-set+json"}
        keys: list[dict[str, str]] = (await answer.json(content_type=None))["keys"]
    assert len({key["kid"] for key in keys}) == len(keys) > 0
    assert all(_PRIVATE.isdisjoint(key) and key["use"] == "sig" for key in keys)
    assert set(metadata["id_token_signing_alg_values_supported"]) == {key["alg"] for key in keys}
    assert {key.kid for key in (await op.keys()).keys} == {key["kid"] for key in keys}
