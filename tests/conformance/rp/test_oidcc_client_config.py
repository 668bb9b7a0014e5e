"""Plan oidcc-client-config: discovery documents and keys. Each test is the module of its name."""

from __future__ import annotations

from tests.conformance.rp.rp_modules import (
    test_client_test_discovery_issuer_mismatch,
    test_client_test_discovery_jwks_uri_keys,
    test_client_test_discovery_openid_config,
    test_client_test_idtoken_sig_none,
    test_client_test_signing_key_rotation,
    test_client_test_signing_key_rotation_just_before_signing,
)

__all__ = [
    "test_client_test_discovery_issuer_mismatch",
    "test_client_test_discovery_jwks_uri_keys",
    "test_client_test_discovery_openid_config",
    "test_client_test_idtoken_sig_none",
    "test_client_test_signing_key_rotation",
    "test_client_test_signing_key_rotation_just_before_signing",
]
