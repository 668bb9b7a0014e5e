"""The suite's plan of everything, in every way a client may authenticate."""

from __future__ import annotations

from typing import Final

from tests.conformance.plans import BASIC, Plan

EVERYWHERE: Final = (*BASIC, "oidcc-ensure-client-assertion-with-iss-aud-succeeds")

PLANS: Final = (
    Plan(
        "oidcc-test-plan",
        "test_oidcc_comprehensive",
        EVERYWHERE,
        39,
        "of its 55 those that fit a provider of codes and operator's clients, each with `client_secret_basic`, "
        "`client_secret_post`, `client_secret_jwt`, `private_key_jwt` and `none`",
    ),
)
