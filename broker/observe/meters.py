"""What events change among the metrics: a count, a gauge, a time taken."""

from __future__ import annotations

from collections.abc import Callable

from broker.observe.metrics import Fields, Metrics

Meter = Callable[[Metrics, Fields], None]


def count(name: str, *labels: str, **fixed: str) -> Meter:
    """Counts under the fields named, then under fixed values."""

    def meter(metrics: Metrics, fields: Fields) -> None:
        metrics.count(name, *map(fields.get, labels), *fixed.values())

    return meter


def count_login(metrics: Metrics, fields: Fields) -> None:
    """A login that ended well, and how long it took."""
    metrics.count("broker_logins_total", fields.get("provider"), fields.get("client_id"))
    if isinstance(took := fields.get("ms"), int | float):
        metrics.observe("broker_login_duration_seconds", took / 1000, fields.get("provider"))


def set_backlog(metrics: Metrics, fields: Fields) -> None:
    """How many logout tokens wait."""
    metrics.set_to("broker_logout_backlog", float(fields.get("waiting") or 0))


def set_events(metrics: Metrics, fields: Fields) -> None:
    """How many events wait."""
    metrics.set_to("broker_webhook_backlog", float(fields.get("waiting") or 0))


def set_messages(metrics: Metrics, fields: Fields) -> None:
    """How many messages wait."""
    metrics.set_to("broker_notify_backlog", float(fields.get("waiting") or 0))


def set_bot_stopped(metrics: Metrics, fields: Fields) -> None:
    """A bot writes no more."""
    metrics.set_to("broker_notify_stopped", 1, fields.get("provider"))


def observe_call(metrics: Metrics, fields: Fields) -> None:
    """A call to an upstream, and how long it took."""
    labels = (fields.get("provider"), fields.get("operation"), fields.get("outcome"))
    metrics.observe("http_client_request_duration_seconds", float(fields.get("duration_ms") or 0) / 1000, *labels)


def set_breaker(metrics: Metrics, fields: Fields) -> None:
    """Whether calls to an upstream are let through."""
    metrics.breaker(fields.get("provider"), fields.get("state"))


def set_clock(metrics: Metrics, fields: Fields) -> None:
    """How far an upstream's clock is ahead."""
    metrics.set_to("broker_upstream_clock_ahead_seconds", float(fields.get("ahead_s") or 0), fields.get("provider"))


def count_keys(metrics: Metrics, fields: Fields) -> None:
    """Keys of an upstream were fetched."""
    metrics.count("broker_upstream_key_fetches_total", fields.get("provider"), fields.get("outcome"))
    metrics.set_to("broker_upstream_keys", float(fields.get("keys") or 0), fields.get("provider"))


def count_store_down(metrics: Metrics, fields: Fields) -> None:
    """A store failed, and is away."""
    store = fields.get("store") or "durable"
    metrics.count("broker_store_errors_total", store)
    metrics.set_to("broker_store_up", 0, store)


def set_store_up(metrics: Metrics, fields: Fields) -> None:
    """A store answers."""
    metrics.set_to("broker_store_up", 1, fields.get("store") or "durable")


def set_switched(metrics: Metrics, fields: Fields) -> None:
    """An operator switched a provider or a client off, or on again."""
    off = 1.0 if fields.get("switched") == "off" else 0.0
    if provider := fields.get("provider"):
        metrics.set_to("broker_provider_switched_off", off, provider)
    else:
        metrics.set_to("broker_client_switched_off", off, fields.get("client_id"))


def set_store_damaged(metrics: Metrics, fields: Fields) -> None:
    """The database file is damaged."""
    metrics.set_to("broker_store_damaged", 1, fields.get("store") or "durable")


def set_ready(metrics: Metrics, fields: Fields) -> None:
    """Requests are accepted."""
    metrics.set_to("broker_ready", 1)
    set_reloaded(metrics, fields)


def set_reloaded(metrics: Metrics, fields: Fields) -> None:
    """A configuration is in force: at the start, and after a change."""
    metrics.set_to("broker_config_last_reload_successful", 1)
    metrics.only("broker_config_info", fields.get("revision"))


def set_reload_failed(metrics: Metrics, _: Fields) -> None:
    """A configuration was refused."""
    metrics.set_to("broker_config_last_reload_successful", 0)


def set_ending(metrics: Metrics, _: Fields) -> None:
    """No more requests are accepted."""
    metrics.set_to("broker_ready", 0)


def count_active(metrics: Metrics, fields: Fields) -> None:
    """A signing key became the active one."""
    metrics.count("broker_keys_changed_total", fields.get("algorithm"), "activated")
    metrics.key_active(str(fields.get("algorithm")))
