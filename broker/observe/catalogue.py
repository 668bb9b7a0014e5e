"""The one list of events: how loud, whether audited, with which fields, counted how, and what each means.

docs/reference/events.md is made from it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.core.events import Event
from broker.observe.metrics import Fields, Metrics

Meter = Callable[[Metrics, Fields], None]


@dataclass(frozen=True, slots=True)
class Entry:
    """What becomes of one event. `renamed` maps a field to its name in the log where its own would be redacted."""

    level: str
    audit: bool
    fields: tuple[str, ...]
    about: str
    meter: Meter | None = None
    renamed: Mapping[str, str] | None = None


def _count(name: str, *labels: str, **fixed: str) -> Meter:
    """Counts under the fields named, then under fixed values."""

    def meter(metrics: Metrics, fields: Fields) -> None:
        metrics.count(name, *(fields.get(label) for label in labels), *fixed.values())

    return meter


def _login(metrics: Metrics, fields: Fields) -> None:
    metrics.count("broker_logins_total", fields.get("provider"), fields.get("client_id"))
    if isinstance(took := fields.get("ms"), int | float):
        metrics.observe("broker_login_duration_seconds", took / 1000, fields.get("provider"))


def _called(metrics: Metrics, fields: Fields) -> None:
    labels = (fields.get("provider"), fields.get("operation"), fields.get("outcome"))
    metrics.observe("http_client_request_duration_seconds", float(fields.get("duration_ms") or 0) / 1000, *labels)


def _breaker(metrics: Metrics, fields: Fields) -> None:
    metrics.breaker(fields.get("provider"), fields.get("state"))


def _keys(metrics: Metrics, fields: Fields) -> None:
    metrics.count("broker_upstream_key_fetches_total", fields.get("provider"), fields.get("outcome"))
    metrics.set_to("broker_upstream_keys", float(fields.get("keys") or 0), fields.get("provider"))


def _store_down(metrics: Metrics, fields: Fields) -> None:
    store = fields.get("store") or "durable"
    metrics.count("broker_store_errors_total", store)
    metrics.set_to("broker_store_up", 0, store)


def _store_up(metrics: Metrics, fields: Fields) -> None:
    metrics.set_to("broker_store_up", 1, fields.get("store") or "durable")


def _ready(metrics: Metrics, _: Fields) -> None:
    metrics.set_to("broker_ready", 1)


def _stopping(metrics: Metrics, _: Fields) -> None:
    metrics.set_to("broker_ready", 0)


def _key_active(metrics: Metrics, fields: Fields) -> None:
    metrics.count("broker_keys_changed_total", fields.get("algorithm"), "activated")
    metrics.key_active(str(fields.get("algorithm")))


_BOTH = ("provider", "client_id")
EVENTS: Mapping[Event, Entry] = {
    Event.LOGIN_STARTED: Entry(
        "debug", False, _BOTH, "A browser is sent to a provider.", _count("broker_logins_started_total", *_BOTH)
    ),
    Event.LOGIN_SUCCEEDED: Entry(
        "info", True, (*_BOTH, "sub", "ms", "unasked"), "Somebody logged in; `ms` from leaving to returning.", _login
    ),
    Event.LOGIN_FAILED: Entry(
        "warning",
        True,
        (*_BOTH, "outcome", "reason"),
        "A login ended without success: cancelled, or the name of the failure.",
        _count("broker_login_failures_total", *_BOTH, "outcome"),
    ),
    Event.ACCOUNT_CREATED: Entry(
        "info",
        True,
        ("sub", "provider"),
        "A first login made an account.",
        _count("broker_accounts_created_total", "provider"),
    ),
    Event.SESSION_STARTED: Entry(
        "debug",
        True,
        ("sub", "provider"),
        "A browser is signed on.",
        _count("broker_sessions_started_total", "provider"),
    ),
    Event.SESSION_ENDED: Entry(
        "debug", True, ("sub", "reason"), "A browser is signed off.", _count("broker_sessions_ended_total")
    ),
    Event.CONSENT_GIVEN: Entry(
        "info",
        True,
        ("client_id", "sub"),
        "Somebody allowed an app.",
        _count("broker_consents_total", "client_id", answer="given"),
    ),
    Event.CONSENT_REFUSED: Entry(
        "info",
        True,
        ("client_id", "sub"),
        "Somebody refused an app.",
        _count("broker_consents_total", "client_id", answer="refused"),
    ),
    Event.CODE_ISSUED: Entry(
        "debug", False, _BOTH, "An app gets an authorization code.", _count("broker_codes_issued_total", *_BOTH)
    ),
    Event.CODE_REPLAYED: Entry(
        "error",
        True,
        ("client_id", "grant_id"),
        "A spent code came again: its grant is revoked. Look at the app, or at who reads its traffic.",
        _count("broker_code_replays_total", "client_id"),
    ),
    Event.TOKEN_ISSUED: Entry(
        "info",
        True,
        _BOTH,
        "A code was exchanged for tokens.",
        _count("broker_tokens_issued_total", *_BOTH, grant="authorization_code"),
    ),
    Event.TOKEN_REFRESHED: Entry(
        "debug",
        True,
        _BOTH,
        "A refresh token was exchanged for new tokens.",
        _count("broker_tokens_issued_total", *_BOTH, grant="refresh_token"),
    ),
    Event.TOKEN_ISSUED_TO_CLIENT: Entry(
        "info",
        True,
        ("client_id",),
        "An app got an access token for itself, with nobody behind it.",
        _count("broker_client_tokens_issued_total", "client_id"),
    ),
    Event.TOKEN_REFUSED: Entry(
        "warning",
        False,
        ("client_id", "error"),
        "A token request was refused.",
        _count("broker_token_refusals_total", "client_id", "error"),
    ),
    Event.TOKEN_REUSE_DETECTED: Entry(
        "error",
        True,
        ("client_id", "grant_id"),
        "A spent refresh token came back after the grace: its grant is revoked. One of two holders is a thief.",
        _count("broker_refresh_reuse_total", "client_id"),
    ),
    Event.TOKEN_REVOKED: Entry(
        "info",
        True,
        ("client_id", "kind", "grant_id"),
        "An app gave a token back. With a `grant_id` everything that hangs on that grant ended with it.",
        _count("broker_tokens_revoked_total", "client_id", "kind"),
    ),
    Event.TOKEN_INTROSPECTED: Entry(
        "debug",
        False,
        ("client_id", "active"),
        "An app asked what a token is.",
        _count("broker_introspections_total", "client_id", "active"),
    ),
    Event.CLIENT_AUTH_FAILED: Entry(
        "warning",
        True,
        ("client_id", "reason"),
        "A client could not prove itself; `client_id` only when it is one of ours.",
        _count("broker_client_auth_failures_total", "client_id"),
    ),
    Event.REQUEST_REFUSED: Entry(
        "info",
        False,
        ("error", "kind", "reason"),
        "A request was answered with an error.",
        _count("broker_requests_refused_total", "error"),
    ),
    Event.KEY_CREATED: Entry(
        "info",
        True,
        ("kid", "algorithm"),
        "A signing key was made.",
        _count("broker_keys_changed_total", "algorithm", change="created"),
    ),
    Event.KEY_ACTIVATED: Entry(
        "info", True, ("kid", "algorithm"), "A signing key signs from now on; also told at every start.", _key_active
    ),
    Event.KEY_RETIRED: Entry(
        "info",
        True,
        ("kid", "algorithm"),
        "A signing key signs no more.",
        _count("broker_keys_changed_total", "algorithm", change="retired"),
    ),
    Event.LIMIT_REACHED: Entry(
        "warning",
        False,
        ("limit",),
        "A source or client was told to wait.",
        _count("broker_limits_reached_total", "limit"),
    ),
    Event.UPSTREAM_CALLED: Entry(
        "debug", False, ("provider", "operation", "outcome", "duration_ms"), "A call to a provider ended.", _called
    ),
    Event.UPSTREAM_BREAKER: Entry(
        "warning",
        False,
        ("provider", "state"),
        "A provider is left alone (open), tried again (half_open) or well again (closed); the log says `breaker`.",
        _breaker,
        {"state": "breaker"},
    ),
    Event.UPSTREAM_DISCOVERY: Entry(
        "info",
        False,
        ("provider", "outcome"),
        "A provider's discovery document was fetched and checked, or could not be used.",
        _count("broker_upstream_discoveries_total", "provider", "outcome"),
    ),
    Event.UPSTREAM_KEYS: Entry(
        "info",
        False,
        ("provider", "outcome", "keys"),
        "A provider's signing keys were fetched, or could not be.",
        _keys,
    ),
    Event.STORE_UNAVAILABLE: Entry(
        "error", False, ("store", "detail"), "A store stopped answering; written once per outage.", _store_down
    ),
    Event.STORE_RECOVERED: Entry("info", False, ("store",), "The store answers again.", _store_up),
    Event.SERVER_READY: Entry("info", True, (), "Requests are accepted.", _ready),
    Event.SERVER_STOPPING: Entry("info", True, (), "No new connections; requests in flight are finished.", _stopping),
    Event.SERVER_ERROR: Entry(
        "error",
        False,
        ("kind", "reason", "exception"),
        "A bug: report it with this line.",
        _count("broker_server_errors_total"),
    ),
}
