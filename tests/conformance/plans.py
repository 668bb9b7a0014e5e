"""The plans of the OpenID Foundation's suite that are mirrored here: names of modules, as the suite has them."""

from __future__ import annotations

from typing import Final

CONFIG: Final = ("oidcc-discovery-endpoint-verification",)

BASIC: Final = (
    "oidcc-server",
    "oidcc-response-type-missing",
    "oidcc-idtoken-signature",
    "oidcc-idtoken-unsigned",
    "oidcc-userinfo-get",
    "oidcc-userinfo-post-header",
    "oidcc-userinfo-post-body",
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow",
    "oidcc-scope-profile",
    "oidcc-scope-email",
    "oidcc-scope-address",
    "oidcc-scope-phone",
    "oidcc-scope-all",
    "oidcc-alternate-happy-flow",
    "oidcc-display-page",
    "oidcc-display-popup",
    "oidcc-prompt-login",
    "oidcc-prompt-none-not-logged-in",
    "oidcc-prompt-none-logged-in",
    "oidcc-max-age-1",
    "oidcc-max-age-10000",
    "oidcc-ensure-request-with-unknown-parameter-succeeds",
    "oidcc-id-token-hint",
    "oidcc-login-hint",
    "oidcc-ui-locales",
    "oidcc-claims-locales",
    "oidcc-ensure-request-with-acr-values-succeeds",
    "oidcc-codereuse",
    "oidcc-codereuse-30seconds",
    "oidcc-ensure-registered-redirect-uri",
    "oidcc-ensure-post-request-succeeds",
    "oidcc-server-client-secret-post",
    "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
    "oidcc-unsigned-request-object-supported-correctly-or-rejected-as-unsupported",
    "oidcc-claims-essential",
    "oidcc-ensure-request-object-with-redirect-uri",
    "oidcc-refresh-token",
    "oidcc-ensure-request-with-valid-pkce-succeeds",
)

RP_INITIATED_LOGOUT: Final = (
    "oidcc-rp-initiated-logout-discovery-endpoint-verification",
    "oidcc-rp-initiated-logout",
    "oidcc-rp-initiated-logout-bad-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-modified-id-token-hint",
    "oidcc-rp-initiated-logout-bad-id-token-hint",
    "oidcc-rp-initiated-logout-no-id-token-hint",
    "oidcc-rp-initiated-logout-no-params",
    "oidcc-rp-initiated-logout-no-post-logout-redirect-uri",
    "oidcc-rp-initiated-logout-no-state",
    "oidcc-rp-initiated-logout-only-state",
    "oidcc-rp-initiated-logout-query-added-to-post-logout-redirect-uri",
)

BACKCHANNEL_LOGOUT: Final = (
    "oidcc-backchannel-rp-initiated-logout-discovery-endpoint-verification",
    "oidcc-backchannel-rp-initiated-logout",
)

FRONTCHANNEL_LOGOUT: Final = (
    "oidcc-frontchannel-rp-initiated-logout-discovery-endpoint-verification",
    "oidcc-frontchannel-rp-initiated-logout",
)

LOGOUT: Final = (*RP_INITIATED_LOGOUT, *BACKCHANNEL_LOGOUT, *FRONTCHANNEL_LOGOUT)

DYNAMIC_ONLY: Final = frozenset(
    {
        "oidcc-idtoken-signature",
        "oidcc-idtoken-unsigned",
        "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
    }
)
"""The suite runs these for clients it registered itself; here they run with a client of the operator's."""


WARNINGS: Final = {
    "oidcc-scope-profile": "no upstream tells every profile claim",
    "oidcc-scope-all": "no single upstream tells address and phone both",
    "oidcc-ensure-request-with-acr-values-succeeds": "no `acr`, for no upstream says how strongly it authenticated",
}
"""Modules where the suite warns, which is no failure: it would like to see claims that are optional."""


def function_of(module: str) -> str:
    """The name of the test that mirrors a module."""
    return "test_" + module.removeprefix("oidcc-").replace("-", "_")
