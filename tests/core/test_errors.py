"""Every failure has a name, a code from a specification and a text that is safe to show."""

from __future__ import annotations

import pytest

from broker.core import errors
from broker.core.errors import BrokerError, ConfigError, PageError, RequestError, TooManyRequests

NAMED = tuple(kind for kind in vars(errors).values() if isinstance(kind, type) and issubclass(kind, BrokerError))
# RFC 6749 4.1.2.1 and 5.2, RFC 6750 3.1, OIDC Core 3.1.2.6, RFC 8628 3.5; RFC 7591 3.2.2, RFC 8707 2, RFC 9101 7,
# RFC 9396 5, RFC 9449 5 and 8, OpenID Connect Core Unmet Authentication Requirements 1.0
REGISTERED = {
    *("invalid_request", "invalid_client", "invalid_grant", "unauthorized_client", "unsupported_grant_type"),
    *("unsupported_response_type", "invalid_scope", "access_denied", "server_error", "temporarily_unavailable"),
    *("login_required", "consent_required", "interaction_required", "account_selection_required"),
    *("request_not_supported", "request_uri_not_supported", "registration_not_supported"),
    *("invalid_token", "insufficient_scope", "slow_down", "authorization_pending", "expired_token"),
    *("invalid_client_metadata", "invalid_redirect_uri", "unapproved_software_statement", "invalid_target"),
    *("invalid_request_object", "invalid_request_uri", "invalid_authorization_details"),
    *("invalid_dpop_proof", "use_dpop_nonce", "unmet_authentication_requirements"),
    "insufficient_user_authentication",
}
OURS = {"not_found", "last_identity", "provider_not_allowed", "already_linked_elsewhere", "account_not_found"}
OURS |= {"messages_not_configured", "no_way_to_write", "unreachable", "already_exists"}
"""Of the identities API, posted credentials, messages to people and the admin API, for which no standard has one."""


@pytest.mark.parametrize("kind", NAMED, ids=lambda kind: kind.__name__)
def test_every_failure_has_a_known_code_and_a_status(kind: type[BrokerError]) -> None:
    assert kind.code in REGISTERED | OURS
    assert 400 <= kind.status < 600
    assert kind.__doc__


@pytest.mark.parametrize("kind", [errors.InvalidClient, errors.InvalidToken])
def test_a_failed_authentication_is_a_401(kind: type[BrokerError]) -> None:
    assert kind.status == 401


def test_a_request_error_says_the_same_to_both_sides_unless_told_otherwise() -> None:
    assert (RequestError("public").detail, RequestError("public").public) == ("public", "public")
    told = RequestError("public", detail="for the log")
    assert (told.detail, told.public, str(told)) == ("for the log", "public", "for the log")


def test_a_failure_shows_nothing_it_was_not_told_to_show() -> None:
    assert PageError("for the log").public == ""


def test_a_limit_says_when_to_come_back() -> None:
    refused = TooManyRequests("too many", retry_after=30)
    assert (refused.retry_after, refused.status) == (30, 429)


def test_all_problems_of_a_configuration_are_told_at_once() -> None:
    failure = ConfigError(["a.yaml:1:1: x: wrong", "a.yaml:2:1: y: wrong"])
    assert failure.problems == str(failure).splitlines()
