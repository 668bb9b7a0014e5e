"""Plan oidcc-test-plan: every module that fits a code-only provider, in every way a client may authenticate."""

from __future__ import annotations

import pytest

from broker.demo.visitor import Visitor
from tests.conformance.authenticating_party import METHODS, AuthenticatingParty
from tests.conformance.modules.authentication import test_ensure_client_assertion_with_iss_aud_succeeds
from tests.conformance.modules.claims import (
    test_claims_essential,
    test_scope_address,
    test_scope_all,
    test_scope_email,
    test_scope_phone,
    test_scope_profile,
    test_userinfo_get,
    test_userinfo_post_body,
    test_userinfo_post_header,
)
from tests.conformance.modules.prompts import (
    test_id_token_hint,
    test_max_age_1,
    test_max_age_10000,
    test_prompt_login,
    test_prompt_none_logged_in,
    test_prompt_none_not_logged_in,
)
from tests.conformance.modules.responses import (
    test_alternate_happy_flow,
    test_claims_locales,
    test_display_page,
    test_display_popup,
    test_ensure_registered_redirect_uri,
    test_ensure_request_object_with_redirect_uri,
    test_ensure_request_with_acr_values_succeeds,
    test_ensure_request_with_unknown_parameter_succeeds,
    test_ensure_request_with_valid_pkce_succeeds,
    test_ensure_request_without_nonce_succeeds_for_code_flow,
    test_login_hint,
    test_redirect_uri_query_added,
    test_response_type_missing,
    test_server,
    test_ui_locales,
    test_unsigned_request_object_supported_correctly_or_rejected_as_unsupported,
)
from tests.conformance.modules.tokens import (
    test_codereuse,
    test_codereuse_30seconds,
    test_refresh_token,
    test_server_rotate_keys,
)
from tests.conformance.openid_provider import Operator
from tests.conformance.test_oidcc_config import test_discovery_endpoint_verification

pytestmark = pytest.mark.anyio

__all__ = [
    "test_alternate_happy_flow",
    "test_claims_essential",
    "test_claims_locales",
    "test_codereuse",
    "test_codereuse_30seconds",
    "test_discovery_endpoint_verification",
    "test_display_page",
    "test_display_popup",
    "test_ensure_client_assertion_with_iss_aud_succeeds",
    "test_ensure_registered_redirect_uri",
    "test_ensure_request_object_with_redirect_uri",
    "test_ensure_request_with_acr_values_succeeds",
    "test_ensure_request_with_unknown_parameter_succeeds",
    "test_ensure_request_with_valid_pkce_succeeds",
    "test_ensure_request_without_nonce_succeeds_for_code_flow",
    "test_id_token_hint",
    "test_login_hint",
    "test_max_age_1",
    "test_max_age_10000",
    "test_prompt_login",
    "test_prompt_none_logged_in",
    "test_prompt_none_not_logged_in",
    "test_redirect_uri_query_added",
    "test_refresh_token",
    "test_response_type_missing",
    "test_scope_address",
    "test_scope_all",
    "test_scope_email",
    "test_scope_phone",
    "test_scope_profile",
    "test_server",
    "test_server_rotate_keys",
    "test_ui_locales",
    "test_unsigned_request_object_supported_correctly_or_rejected_as_unsupported",
    "test_userinfo_get",
    "test_userinfo_post_body",
    "test_userinfo_post_header",
]


@pytest.fixture(params=METHODS)
def rp(op: Operator, browser: Visitor, request: pytest.FixtureRequest) -> AuthenticatingParty:
    """A client of each way, first-party."""
    method: str = request.param
    assert method in op.metadata["token_endpoint_auth_methods_supported"]
    return AuthenticatingParty(op, browser, METHODS[method])
