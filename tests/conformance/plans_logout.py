"""The suite's plans about logging out."""

from __future__ import annotations

from typing import Final

from tests.conformance.plans import Plan

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
    "oidcc-backchannel-logout-discovery-endpoint-verification",
    "oidcc-backchannel-rp-initiated-logout",
)

FRONTCHANNEL_LOGOUT: Final = (
    "oidcc-frontchannel-logout-discovery-endpoint-verification",
    "oidcc-frontchannel-rp-initiated-logout",
)

PLANS: Final = (
    Plan("oidcc-rp-initiated-logout", "test_oidcc_rp_initiated_logout", RP_INITIATED_LOGOUT, 11),
    Plan("oidcc-backchannel-rp-initiated-logout", "test_oidcc_backchannel_logout", BACKCHANNEL_LOGOUT, 2),
    Plan("oidcc-frontchannel-rp-initiated-logout", "test_oidcc_frontchannel_logout", FRONTCHANNEL_LOGOUT, 2),
)
