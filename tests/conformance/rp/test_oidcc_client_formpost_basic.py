"""Plan oidcc-client-formpost-basic: the same modules with answers that the browser posts."""

from __future__ import annotations

import pytest

from tests.conformance.rp.rp_modules import (
    test_client_test,
    test_client_test_client_secret_basic,
    test_client_test_idtoken_sig_none,
    test_client_test_idtoken_sig_rs256,
    test_client_test_invalid_aud,
    test_client_test_invalid_iss,
    test_client_test_invalid_sig_rs256,
    test_client_test_kid_absent_multiple_jwks,
    test_client_test_kid_absent_single_jwks,
    test_client_test_missing_iat,
    test_client_test_missing_sub,
    test_client_test_nonce_invalid,
    test_client_test_scope_userinfo_claims,
    test_client_test_userinfo_invalid_sub,
)

__all__ = [
    "test_client_test",
    "test_client_test_client_secret_basic",
    "test_client_test_idtoken_sig_none",
    "test_client_test_idtoken_sig_rs256",
    "test_client_test_invalid_aud",
    "test_client_test_invalid_iss",
    "test_client_test_invalid_sig_rs256",
    "test_client_test_kid_absent_multiple_jwks",
    "test_client_test_kid_absent_single_jwks",
    "test_client_test_missing_iat",
    "test_client_test_missing_sub",
    "test_client_test_nonce_invalid",
    "test_client_test_scope_userinfo_claims",
    "test_client_test_userinfo_invalid_sub",
]


@pytest.fixture
def response_mode() -> str:
    """How authorization responses come back in this plan."""
    return "form_post"
