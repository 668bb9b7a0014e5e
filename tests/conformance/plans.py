"""The plans of the OpenID Foundation's suite that are mirrored here: names of modules, as release-v5.1.43 has them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final


@dataclass(frozen=True, slots=True)
class Plan:
    """One plan, mirrored in `file` of this directory, test by module; `size` is how many modules the suite has.

    `note` is for readers of the table. `verdicts` are words of the suite that hold for this plan alone, before those of
    `suite_verdicts`; `marked` modules get a dagger. A file `plans_….py` next to this one holds further PLANS.
    """

    name: str
    file: str
    modules: tuple[str, ...]
    size: int
    note: str = ""
    verdicts: Mapping[str, str] = field(default_factory=dict)
    marked: frozenset[str] = frozenset()


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

DYNAMIC_ONLY: Final = frozenset(
    {
        "oidcc-idtoken-signature",
        "oidcc-idtoken-unsigned",
        "oidcc-request-uri-unsigned-supported-correctly-or-rejected-as-unsupported",
    }
)
"""The suite runs these for clients it registered itself; here they run with a client of the operator's."""


PLANS: Final = (
    Plan("oidcc-config", "test_oidcc_config", CONFIG, 1),
    Plan(
        "oidcc-basic",
        "test_oidcc_basic",
        BASIC,
        38,
        "three of them (†) only where the suite registers the clients",
        marked=DYNAMIC_ONLY,
    ),
    Plan(
        "oidcc-formpost-basic",
        "test_oidcc_formpost_basic",
        BASIC,
        38,
        "the modules of `oidcc-basic`, with `response_mode=form_post` in every request",
        marked=DYNAMIC_ONLY,
    ),
)


def function_of(module: str) -> str:
    """The name of the test that mirrors a module."""
    name = module.removeprefix("oidcc-").removeprefix("fapi2-security-profile-final-")
    return "test_" + name.replace("-", "_").lower()
