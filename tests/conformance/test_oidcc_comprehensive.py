"""Plan oidcc-test-plan: what depends on the client's proof of itself, in every way there is to give it."""

from __future__ import annotations

import pytest

from broker.demo.visitor import Visitor
from tests.conformance.authenticating_party import METHODS, AuthenticatingParty
from tests.conformance.modules.authentication import test_ensure_client_assertion_with_iss_aud_succeeds
from tests.conformance.modules.claims import test_userinfo_get
from tests.conformance.modules.prompts import test_max_age_10000, test_prompt_none_logged_in
from tests.conformance.modules.responses import (
    test_ensure_request_with_valid_pkce_succeeds,
    test_ensure_request_without_nonce_succeeds_for_code_flow,
    test_idtoken_signature,
    test_server,
)
from tests.conformance.modules.tokens import test_codereuse, test_codereuse_30seconds, test_refresh_token
from tests.conformance.openid_provider import Operator

pytestmark = pytest.mark.anyio

__all__ = [
    "test_codereuse",
    "test_codereuse_30seconds",
    "test_ensure_client_assertion_with_iss_aud_succeeds",
    "test_ensure_request_with_valid_pkce_succeeds",
    "test_ensure_request_without_nonce_succeeds_for_code_flow",
    "test_idtoken_signature",
    "test_max_age_10000",
    "test_prompt_none_logged_in",
    "test_refresh_token",
    "test_server",
    "test_userinfo_get",
]


@pytest.fixture(params=METHODS)
def rp(op: Operator, browser: Visitor, request: pytest.FixtureRequest) -> AuthenticatingParty:
    """A client of each way, first-party."""
    method: str = request.param
    assert method in op.metadata["token_endpoint_auth_methods_supported"]
    return AuthenticatingParty(op, browser, METHODS[method])
