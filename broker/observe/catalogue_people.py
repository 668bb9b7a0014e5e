"""Events about people, what apps get for them, and what is refused."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.events import Event
from broker.observe.event_entry import Entry, count
from broker.observe.metrics import Fields, Metrics

_BOTH = ("provider", "client_id")


def _login(metrics: Metrics, fields: Fields) -> None:
    metrics.count("broker_logins_total", fields.get("provider"), fields.get("client_id"))
    if isinstance(took := fields.get("ms"), int | float):
        metrics.observe("broker_login_duration_seconds", took / 1000, fields.get("provider"))


def _backlog(metrics: Metrics, fields: Fields) -> None:
    metrics.set_to("broker_logout_backlog", float(fields.get("waiting") or 0))


PEOPLE: Mapping[Event, Entry] = {
    Event.LOGIN_STARTED: Entry(
        "debug", False, _BOTH, "A browser is sent to a provider.", count("broker_logins_started_total", *_BOTH)
    ),
    Event.LOGIN_SUCCEEDED: Entry(
        "info", True, (*_BOTH, "sub", "ms", "unasked"), "Somebody logged in; `ms` from leaving to returning.", _login
    ),
    Event.LOGIN_FAILED: Entry(
        "warning",
        True,
        (*_BOTH, "outcome", "reason"),
        "A login ended without success: cancelled, or the name of the failure.",
        count("broker_login_failures_total", *_BOTH, "outcome"),
    ),
    Event.ACCOUNT_CREATED: Entry(
        "info",
        True,
        ("sub", "provider"),
        "A first login made an account.",
        count("broker_accounts_created_total", "provider"),
    ),
    Event.SESSION_STARTED: Entry(
        "debug",
        True,
        ("sub", "provider"),
        "A browser is signed on.",
        count("broker_sessions_started_total", "provider"),
    ),
    Event.SESSION_ENDED: Entry(
        "debug", True, ("sub", "reason"), "A browser is signed off.", count("broker_sessions_ended_total")
    ),
    Event.LOGOUT_TOLD: Entry(
        "info",
        True,
        ("client_id", "sub", "attempts"),
        "An app confirmed that it heard of a logout; `sub` is the person as that app knows them.",
        count("broker_logout_tokens_total", "client_id", outcome="told"),
    ),
    Event.LOGOUT_FAILED: Entry(
        "warning",
        True,
        ("client_id", "sub", "attempts", "outcome", "reason"),
        "An app could not be told of a logout: it is tried again (`waiting`), or given up (`failed`).",
        count("broker_logout_tokens_total", "client_id", "outcome"),
    ),
    Event.LOGOUT_BACKLOG: Entry("debug", False, ("waiting",), "How many logout tokens are on their way.", _backlog),
    Event.CONSENT_GIVEN: Entry(
        "info",
        True,
        ("client_id", "sub"),
        "Somebody allowed an app.",
        count("broker_consents_total", "client_id", answer="given"),
    ),
    Event.CONSENT_REFUSED: Entry(
        "info",
        True,
        ("client_id", "sub"),
        "Somebody refused an app.",
        count("broker_consents_total", "client_id", answer="refused"),
    ),
    Event.REQUEST_PUSHED: Entry(
        "debug",
        False,
        ("client_id",),
        "An app pushed an authorization request.",
        count("broker_requests_pushed_total", "client_id"),
    ),
    Event.CODE_ISSUED: Entry(
        "debug", False, _BOTH, "An app gets an authorization code.", count("broker_codes_issued_total", *_BOTH)
    ),
    Event.CODE_REPLAYED: Entry(
        "error",
        True,
        ("client_id", "grant_id"),
        "A spent code came again: its grant is revoked. Look at the app, or at who reads its traffic.",
        count("broker_code_replays_total", "client_id"),
    ),
    Event.TOKEN_ISSUED: Entry(
        "info",
        True,
        _BOTH,
        "A code was exchanged for tokens.",
        count("broker_tokens_issued_total", *_BOTH, grant="authorization_code"),
    ),
    Event.TOKEN_REFRESHED: Entry(
        "debug",
        True,
        _BOTH,
        "A refresh token was exchanged for new tokens.",
        count("broker_tokens_issued_total", *_BOTH, grant="refresh_token"),
    ),
    Event.TOKEN_ISSUED_TO_CLIENT: Entry(
        "info",
        True,
        ("client_id",),
        "An app got an access token for itself, with nobody behind it.",
        count("broker_client_tokens_issued_total", "client_id"),
    ),
    Event.TOKEN_REFUSED: Entry(
        "warning",
        False,
        ("client_id", "error"),
        "A token request was refused.",
        count("broker_token_refusals_total", "client_id", "error"),
    ),
    Event.TOKEN_REUSE_DETECTED: Entry(
        "error",
        True,
        ("client_id", "grant_id"),
        "A spent refresh token came back after the grace: its grant is revoked. One of two holders is a thief.",
        count("broker_refresh_reuse_total", "client_id"),
    ),
    Event.TOKEN_REVOKED: Entry(
        "info",
        True,
        ("client_id", "kind", "grant_id"),
        "An app gave a token back. With a `grant_id` everything that hangs on that grant ended with it.",
        count("broker_tokens_revoked_total", "client_id", "kind"),
    ),
    Event.TOKEN_INTROSPECTED: Entry(
        "debug",
        False,
        ("client_id", "active"),
        "An app asked what a token is.",
        count("broker_introspections_total", "client_id", "active"),
    ),
    Event.CLIENT_AUTH_FAILED: Entry(
        "warning",
        True,
        ("client_id", "reason"),
        "A client could not prove itself; `client_id` only when it is one of ours.",
        count("broker_client_auth_failures_total", "client_id"),
    ),
    Event.PROOF_REFUSED: Entry(
        "warning",
        False,
        ("endpoint", "reason"),
        "A DPoP proof was refused: made for something else, used before, or by a clock that is wrong.",
        count("broker_dpop_proofs_refused_total", "endpoint"),
    ),
    Event.REQUEST_REFUSED: Entry(
        "info",
        False,
        ("client_id", "error", "kind", "reason"),
        "A request was answered with an error. `client_id` where it is one of ours.",
        count("broker_requests_refused_total", "error"),
    ),
}
