"""The suite's plans in which clients register themselves."""

from __future__ import annotations

from typing import Final

from tests.conformance.plans import Plan

DYNAMIC: Final = (
    "oidcc-discovery-endpoint-verification",
    "oidcc-server",
    "oidcc-ensure-client-assertion-with-iss-aud-succeeds",
    "oidcc-ensure-redirect-uri-in-authorization-request",
    "oidcc-ensure-request-object-with-redirect-uri",
    "oidcc-idtoken-rs256",
    "oidcc-idtoken-unsigned",
    "oidcc-redirect-uri-query-OK",
    "oidcc-redirect-uri-query-added",
    "oidcc-redirect-uri-query-mismatch",
    "oidcc-redirect-uri-regfrag",
    "oidcc-refresh-token",
    "oidcc-refresh-token-rp-key-rotation",
    "oidcc-registration-jwks-uri",
    "oidcc-registration-logo-uri",
    "oidcc-registration-policy-uri",
    "oidcc-registration-sector-bad",
    "oidcc-registration-sector-uri",
    "oidcc-registration-tos-uri",
    "oidcc-request-uri-signed-rs256",
    "oidcc-request-uri-unsigned",
    "oidcc-server-rotate-keys",
    "oidcc-userinfo-rs256",
)

THIRD_PARTY_INIT: Final = ("oidcc-3rd_party-init-login", "oidcc-3rd_party-init-login-nohttps")

PLANS: Final = (
    Plan(
        "oidcc-dynamic",
        "test_oidcc_dynamic",
        DYNAMIC,
        23,
        "one expected failure: code-only OP",
        verdicts={
            "oidcc-discovery-endpoint-verification": "FAILED (broker, on purpose): a dynamic OP is to have `id_token` "
            "response types and the implicit grant; there is `code` alone"
        },
    ),
    Plan("oidcc-3rdparty-init-login", "test_oidcc_3rdparty_init_login", THIRD_PARTY_INIT, 2),
)
