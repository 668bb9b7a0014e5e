"""Modules for relying parties about what comes after a login: logouts at the OpenID Provider, and refreshing."""

from __future__ import annotations

from typing import Any

from tests.conformance.rp.rp_browser import browser_of, told
from tests.conformance.rp.upstream_op import RelyingBroker


def test_client_test_rp_backchannel_rpinitlogout(rp: RelyingBroker) -> None:
    """A logout token ends the session and its tokens, is answered with 200, and leaves other sessions alone."""
    with browser_of(rp) as other, browser_of(rp) as browser:
        others, tokens = other.log_in(), browser.log_in()
        assert browser.is_logged_in()
        assert told(rp) == [200]
        assert not browser.is_logged_in()
        assert rp.asked_userinfo(tokens).status_code == 401
        assert other.is_logged_in()
        assert rp.asked_userinfo(others).status_code == 200
        rp.clock.ahead += 1
        browser.log_in()
        assert browser.is_logged_in()


def test_client_test_rp_backchannel_rpinitlogout_alg_none(rp: RelyingBroker) -> None:
    """A logout token without a signature ends nothing."""
    _refuses(rp, "alg_none")


def test_client_test_rp_backchannel_rpinitlogout_no_event(rp: RelyingBroker) -> None:
    """A logout token without events ends nothing."""
    _refuses(rp, "logout_no_event")


def test_client_test_rp_backchannel_rpinitlogout_with_nonce(rp: RelyingBroker) -> None:
    """A logout token with a nonce, which ID tokens have, ends nothing."""
    _refuses(rp, "logout_nonce")


def test_client_test_rp_backchannel_rpinitlogout_wrong_alg(rp: RelyingBroker) -> None:
    """A logout token signed by another algorithm, with the public key as the secret, ends nothing."""
    _refuses(rp, "alg_hs256")


def test_client_test_rp_backchannel_rpinitlogout_wrong_aud(rp: RelyingBroker) -> None:
    """A logout token for another client ends nothing."""
    _refuses(rp, "wrong_audience")


def test_client_test_rp_backchannel_rpinitlogout_wrong_event(rp: RelyingBroker) -> None:
    """A logout token about another event ends nothing."""
    _refuses(rp, "logout_wrong_event")


def test_client_test_rp_backchannel_rpinitlogout_wrong_iss(rp: RelyingBroker) -> None:
    """A logout token of another issuer ends nothing."""
    _refuses(rp, "wrong_issuer")


def test_client_test_refresh_token(rp: RelyingBroker) -> None:
    """When an app refreshes, the OpenID Provider is asked first, each time with the newest refresh token."""
    tokens = _offline(rp)
    for times in (1, 2):
        rp.clock.ahead += 600
        answer = rp.refresh(tokens)
        assert answer.status_code == 200
        tokens = answer.json()
        assert rp.asked_userinfo(tokens).status_code == 200
        assert len(_refreshes(rp)) == times
    assert len({call["params"]["refresh_token"] for call in _refreshes(rp)}) == 2


def test_client_test_refresh_token_invalid_issuer(rp: RelyingBroker) -> None:
    """A refreshed ID token of another issuer ends the login."""
    _ends_at_refresh(rp, "wrong_issuer")


def test_client_test_refresh_token_invalid_sub(rp: RelyingBroker) -> None:
    """A refreshed ID token about somebody else ends the login."""
    _ends_at_refresh(rp, "other_person")


def _refuses(rp: RelyingBroker, fault: str) -> None:
    """The token is answered with 400 and the session lives. Without the fault it would have ended."""
    with browser_of(rp) as browser:
        tokens = browser.log_in()
        rp.op.fault(fault, times=1)
        assert told(rp) == [400]
        assert browser.is_logged_in()
        assert rp.asked_userinfo(tokens).status_code == 200
    with browser_of(rp) as browser:
        browser.log_in()
        assert told(rp) == [200]
        assert not browser.is_logged_in()


def _offline(rp: RelyingBroker) -> dict[str, Any]:
    with browser_of(rp) as browser:
        return browser.log_in("openid offline_access")


def _refreshes(rp: RelyingBroker) -> list[dict[str, Any]]:
    return [call for call in rp.calls("/token") if call["params"]["grant_type"] == "refresh_token"]


def _ends_at_refresh(rp: RelyingBroker, fault: str) -> None:
    tokens = _offline(rp)
    rp.clock.ahead += 600
    rp.op.fault(fault, times=1)
    for _ in range(2):
        answer = rp.refresh(tokens)
        assert (answer.status_code, answer.json()["error"]) == (400, "invalid_grant")
    assert rp.asked_userinfo(tokens).status_code == 401
    assert len(_refreshes(rp)) == 1
