"""Events about keys, limits, upstreams, stores and the server itself."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.events import Event
from broker.observe.event_entry import Entry, count
from broker.observe.metrics import Fields, Metrics


def _called(metrics: Metrics, fields: Fields) -> None:
    labels = (fields.get("provider"), fields.get("operation"), fields.get("outcome"))
    metrics.observe("http_client_request_duration_seconds", float(fields.get("duration_ms") or 0) / 1000, *labels)


def _breaker(metrics: Metrics, fields: Fields) -> None:
    metrics.breaker(fields.get("provider"), fields.get("state"))


def _clock(metrics: Metrics, fields: Fields) -> None:
    metrics.set_to("broker_upstream_clock_ahead_seconds", float(fields.get("ahead_s") or 0), fields.get("provider"))


def _keys(metrics: Metrics, fields: Fields) -> None:
    metrics.count("broker_upstream_key_fetches_total", fields.get("provider"), fields.get("outcome"))
    metrics.set_to("broker_upstream_keys", float(fields.get("keys") or 0), fields.get("provider"))


def _store_down(metrics: Metrics, fields: Fields) -> None:
    store = fields.get("store") or "durable"
    metrics.count("broker_store_errors_total", store)
    metrics.set_to("broker_store_up", 0, store)


def _store_up(metrics: Metrics, fields: Fields) -> None:
    metrics.set_to("broker_store_up", 1, fields.get("store") or "durable")


def _store_damaged(metrics: Metrics, fields: Fields) -> None:
    metrics.set_to("broker_store_damaged", 1, fields.get("store") or "durable")


def _ready(metrics: Metrics, _: Fields) -> None:
    metrics.set_to("broker_ready", 1)


def _stopping(metrics: Metrics, _: Fields) -> None:
    metrics.set_to("broker_ready", 0)


def _key_active(metrics: Metrics, fields: Fields) -> None:
    metrics.count("broker_keys_changed_total", fields.get("algorithm"), "activated")
    metrics.key_active(str(fields.get("algorithm")))


SERVER: Mapping[Event, Entry] = {
    Event.KEY_CREATED: Entry(
        "info",
        True,
        ("kid", "algorithm"),
        "A signing key was made.",
        count("broker_keys_changed_total", "algorithm", change="created"),
    ),
    Event.KEY_ACTIVATED: Entry(
        "info", True, ("kid", "algorithm"), "A signing key signs from now on; also told at every start.", _key_active
    ),
    Event.KEY_RETIRED: Entry(
        "info",
        True,
        ("kid", "algorithm"),
        "A signing key signs no more.",
        count("broker_keys_changed_total", "algorithm", change="retired"),
    ),
    Event.KEY_REMOVED: Entry(
        "warning",
        True,
        ("kid", "algorithm"),
        "A signing key was removed by `broker keys rotate --emergency`: what it signed counts no more.",
        count("broker_keys_changed_total", "algorithm", change="removed"),
    ),
    Event.GRANTS_ENDED: Entry(
        "warning", True, ("grants",), "An operator ended all grants of all people, with every token that hangs on them."
    ),
    Event.LIMIT_REACHED: Entry(
        "warning",
        False,
        ("limit",),
        "A source or client was told to wait.",
        count("broker_limits_reached_total", "limit"),
    ),
    Event.CLIENT_KEYS: Entry(
        "info",
        False,
        ("client_id", "outcome", "keys", "reason"),
        "An app's keys were fetched from its `jwks_uri`, or could not be, and why; `keys` is how many are known now.",
        count("broker_client_key_fetches_total", "outcome"),
    ),
    Event.CLIENT_URL_CALLED: Entry(
        "debug",
        False,
        ("method", "outcome", "duration_ms"),
        "A URL that an app supplied was called: its keys, its request object, its logout endpoint. `outcome` is the "
        "status of the answer, or why there was none.",
        count("broker_client_urls_called_total", "method"),
    ),
    Event.UPSTREAM_CALLED: Entry(
        "debug", False, ("provider", "operation", "outcome", "duration_ms"), "A call to a provider ended.", _called
    ),
    Event.UPSTREAM_BREAKER: Entry(
        "warning",
        False,
        ("provider", "state", "reason"),
        "A provider is left alone (open) or asked again (closed), and why; the log says `breaker`.",
        _breaker,
        {"state": "breaker"},
    ),
    Event.UPSTREAM_CLOCK: Entry(
        "debug",
        False,
        ("provider", "ahead_s"),
        "An ID token was made `ahead_s` seconds ahead of our clock; negative: before it, as far as the way takes.",
        _clock,
    ),
    Event.UPSTREAM_DISCOVERY: Entry(
        "info",
        False,
        ("provider", "outcome", "reason"),
        "A provider's discovery document was fetched and checked, or could not be used, and why.",
        count("broker_upstream_discoveries_total", "provider", "outcome"),
    ),
    Event.UPSTREAM_KEYS: Entry(
        "info",
        False,
        ("provider", "outcome", "keys", "reason"),
        "A provider's signing keys were fetched, or could not be, and why.",
        _keys,
    ),
    Event.UPSTREAM_ODD_CLAIM: Entry(
        "info",
        False,
        ("provider", "claim"),
        "A provider told something that is only shown in a form nobody knows, or signed a field that is new: it was "
        "left out, and the login went on.",
        count("broker_upstream_odd_claims_total", "provider", "claim"),
    ),
    Event.UPSTREAM_LOGOUT: Entry(
        "info",
        True,
        ("provider", "kind", "outcome", "sessions"),
        "A provider says that one session (`sid`) or all of a person (`sub`) ended; `sessions` of ours had grants. "
        "`refused`: its token was not believed. `ours`: a logout here could not be taken on to the provider.",
        count("broker_upstream_logouts_total", "provider", "kind", "outcome"),
    ),
    Event.UPSTREAM_REFRESHED: Entry(
        "info",
        False,
        ("provider", "outcome"),
        "A provider was asked whether somebody is still welcome: confirmed, or the name of the failure. "
        "UpstreamDenied and UpstreamInvalid end the login, others leave it.",
        count("broker_upstream_refreshes_total", "provider", "outcome"),
    ),
    Event.STORE_UNAVAILABLE: Entry(
        "error", False, ("store", "detail"), "A store stopped answering; written once per outage.", _store_down
    ),
    Event.STORE_RECOVERED: Entry("info", False, ("store",), "The store answers again.", _store_up),
    Event.TEMPLATE_FAILED: Entry(
        "error", False, ("template", "reason"), "A page in `ui.templates` does not work; the built-in one is shown."
    ),
    Event.STORE_DAMAGED: Entry(
        "error",
        False,
        ("store", "detail"),
        "The check that runs beside the work found the file damaged: restore a backup. `/readyz` says no from now on.",
        _store_damaged,
    ),
    Event.DATABASE_CREATED: Entry(
        "warning",
        True,
        ("path",),
        "There was no database at the configured path, and an empty one was made. At any start but the first, stop: "
        "the one with your people is somewhere else.",
    ),
    Event.DATABASE_COPIED: Entry(
        "info", True, (), "`broker backup` was given a copy of everything, taken from the running server."
    ),
    Event.SERVER_READY: Entry("info", True, (), "Requests are accepted.", _ready),
    Event.SERVER_STOPPING: Entry("info", True, (), "No new connections; requests in flight are finished.", _stopping),
    Event.SERVER_ERROR: Entry(
        "error",
        False,
        ("kind", "reason", "exception"),
        "A bug: report it with this line.",
        count("broker_server_errors_total"),
    ),
}
