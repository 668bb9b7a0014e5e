"""Plan oidcc-client-back-channel-logout-rp-basic: logouts at the OP. Each test is the module of its name."""

from __future__ import annotations

import pytest

from tests.conformance.rp.rp_modules_after_login import (
    test_client_test_rp_backchannel_rpinitlogout,
    test_client_test_rp_backchannel_rpinitlogout_alg_none,
    test_client_test_rp_backchannel_rpinitlogout_no_event,
    test_client_test_rp_backchannel_rpinitlogout_with_nonce,
    test_client_test_rp_backchannel_rpinitlogout_wrong_alg,
    test_client_test_rp_backchannel_rpinitlogout_wrong_aud,
    test_client_test_rp_backchannel_rpinitlogout_wrong_event,
    test_client_test_rp_backchannel_rpinitlogout_wrong_iss,
)

__all__ = [
    "test_client_test_rp_backchannel_rpinitlogout",
    "test_client_test_rp_backchannel_rpinitlogout_alg_none",
    "test_client_test_rp_backchannel_rpinitlogout_no_event",
    "test_client_test_rp_backchannel_rpinitlogout_with_nonce",
    "test_client_test_rp_backchannel_rpinitlogout_wrong_alg",
    "test_client_test_rp_backchannel_rpinitlogout_wrong_aud",
    "test_client_test_rp_backchannel_rpinitlogout_wrong_event",
    "test_client_test_rp_backchannel_rpinitlogout_wrong_iss",
]


@pytest.fixture
def settings() -> dict[str, object]:
    """What is switched on in this plan."""
    return {"logout": {"backchannel": True}}
