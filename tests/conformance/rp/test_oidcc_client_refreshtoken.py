"""Plan oidcc-client-refreshtoken-test-plan: the OpenID Provider is asked again. Each test is the module of its name."""

from __future__ import annotations

import pytest

from tests.conformance.rp.rp_modules_after_login import (
    test_client_test_refresh_token,
    test_client_test_refresh_token_invalid_issuer,
    test_client_test_refresh_token_invalid_sub,
)

__all__ = [
    "test_client_test_refresh_token",
    "test_client_test_refresh_token_invalid_issuer",
    "test_client_test_refresh_token_invalid_sub",
]


@pytest.fixture
def settings() -> dict[str, object]:
    """What is switched on in this plan."""
    return {"use_refresh_token": True, "scopes": ["openid", "offline_access"]}
