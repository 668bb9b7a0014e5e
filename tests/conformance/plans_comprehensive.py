"""The suite's plan of everything, as far as it depends on how a client authenticates."""

from __future__ import annotations

from typing import Final

from tests.conformance.plans import Plan

AUTHENTICATED: Final = (
    "oidcc-server",
    "oidcc-codereuse",
    "oidcc-codereuse-30seconds",
    "oidcc-refresh-token",
    "oidcc-ensure-request-without-nonce-succeeds-for-code-flow",
    "oidcc-ensure-request-with-valid-pkce-succeeds",
    "oidcc-idtoken-signature",
    "oidcc-userinfo-get",
    "oidcc-prompt-none-logged-in",
    "oidcc-max-age-10000",
    "oidcc-ensure-client-assertion-with-iss-aud-succeeds",
)

PLANS: Final = (
    Plan(
        "oidcc-test-plan",
        "test_oidcc_comprehensive",
        AUTHENTICATED,
        11,
        "of its 55 those in which much depends on the client's proof of itself, each with `client_secret_basic`, "
        "`client_secret_post`, `client_secret_jwt`, `private_key_jwt` and `none`",
    ),
)
