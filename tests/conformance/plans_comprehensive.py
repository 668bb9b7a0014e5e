"""The suite's plan of everything, in every way a client may authenticate."""

from __future__ import annotations

from typing import Final

from tests.conformance.plans import BASIC, DYNAMIC_ONLY, Plan

ELSEWHERE: Final = DYNAMIC_ONLY | {"oidcc-ensure-post-request-succeeds", "oidcc-server-client-secret-post"}
"""Modules of the basic plan that this one does not have, or has for clients alone that it registered itself."""

EVERYWHERE: Final = (
    "oidcc-discovery-endpoint-verification",
    *(module for module in BASIC if module not in ELSEWHERE),
    "oidcc-redirect-uri-query-added",
    "oidcc-server-rotate-keys",
    "oidcc-ensure-client-assertion-with-iss-aud-succeeds",
)

PLANS: Final = (
    Plan(
        "oidcc-test-plan",
        "test_oidcc_comprehensive",
        EVERYWHERE,
        37,
        "all that it has for codes and operator's clients, each with `client_secret_basic`, `client_secret_post`, "
        "`client_secret_jwt`, `private_key_jwt` and `none`; the suite itself was not run with `none`",
    ),
)
