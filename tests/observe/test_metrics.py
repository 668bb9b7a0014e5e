"""Counters whose labels no visitor can choose."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from prometheus_client.parser import text_string_to_metric_families

from broker.core.events import Event
from broker.observe import Observer
from broker.observe.catalogue import EVENTS
from broker.observe.metrics import COUNTERS, GAUGES, HISTOGRAMS, Metrics

Observe = Callable[..., Observer]


def value(observer: Observer, name: str, **labels: str) -> float:
    """One sample of what Prometheus would read."""
    for family in text_string_to_metric_families(observer.expose().decode()):
        for sample in family.samples:
            if sample.name == name and sample.labels == labels:
                return sample.value
    raise AssertionError(f"no {name} {labels}")


def test_a_login_is_counted_and_timed_per_provider_and_client(observe: Observe) -> None:
    observer = observe()
    observer.record(Event.LOGIN_SUCCEEDED, provider="google", client_id="shop", sub="s", ms=3000)
    observer.record(Event.LOGIN_FAILED, provider="vk", client_id="shop", outcome="cancelled", reason="x")
    assert value(observer, "broker_logins_total", provider="google", client="shop") == 1
    assert value(observer, "broker_login_failures_total", provider="vk", client="shop", outcome="cancelled") == 1
    assert value(observer, "broker_login_duration_seconds_sum", provider="google") == 3.0


def test_names_that_are_not_configured_are_one_series(observe: Observe) -> None:
    observer = observe()
    for number in range(1000):
        observer.record(Event.LOGIN_STARTED, provider=f"p{number}", client_id=f"c{number}")
        observer.record(Event.REQUEST_REFUSED, error=f"e{number}", kind="x", reason="y")
        observer.observe_request(f"route{number}", 200, 0.1)
    assert value(observer, "broker_logins_started_total", provider="other", client="other") == 1000
    assert value(observer, "broker_requests_refused_total", error="other") > 900
    assert len(observer.expose()) < 150_000


def test_requests_are_timed_by_route_name(observe: Observe) -> None:
    observer = observe()
    observer.observe_request("token", 200, 0.02)
    assert value(observer, "http_server_request_duration_seconds_count", route="token", status="200") == 1


@pytest.mark.parametrize(("state", "shown"), [("closed", 0.0), ("open", 1.0), ("odd", 1.0)])
def test_a_breaker_is_a_gauge(observe: Observe, state: str, shown: float) -> None:
    observer = observe()
    assert value(observer, "broker_upstream_breaker_open", provider="google") == 0.0
    observer.record(Event.UPSTREAM_BREAKER, provider="google", state=state)
    assert value(observer, "broker_upstream_breaker_open", provider="google") == shown


def test_a_store_is_down_until_it_recovers(observe: Observe) -> None:
    observer = observe()
    observer.record(Event.STORE_UNAVAILABLE, store="redis", detail="x")
    assert value(observer, "broker_store_up", store="redis") == 0
    assert value(observer, "broker_store_errors_total", store="redis") == 1
    observer.record(Event.STORE_RECOVERED, store="redis")
    assert value(observer, "broker_store_up", store="redis") == 1


def test_the_age_of_a_key_grows_with_the_clock() -> None:
    now = [1000.0]
    metrics = Metrics((), (), clock=lambda: now[0])
    metrics.key_active("ES256", 400.0)
    assert b'broker_signing_key_age_seconds{algorithm="ES256"} 600.0' in metrics.expose()
    metrics.key_active("ES256")
    now[0] = 1060.0
    assert b'broker_signing_key_age_seconds{algorithm="ES256"} 60.0' in metrics.expose()


def test_ready_until_stopping(observe: Observe) -> None:
    observer = observe()
    assert value(observer, "broker_ready") == 0
    observer.record(Event.SERVER_READY)
    assert value(observer, "broker_ready") == 1
    observer.record(Event.SERVER_STOPPING)
    assert value(observer, "broker_ready") == 0


def test_j9_metrics_identify_nobody(observe: Observe) -> None:
    observer = observe(level="debug")
    fields = ("sub", "grant_id", "kid", "reason", "exception", "detail")
    for event, entry in EVENTS.items():
        observer.record(event, **{name: f"canary-{name}" for name in entry.fields if name in fields})
    assert b"canary" not in observer.expose()


def test_every_metric_has_a_name_of_its_own_and_a_help_text(observe: Observe) -> None:
    names = [*COUNTERS, *GAUGES, *HISTOGRAMS]
    assert len(names) == len(set(names))
    families = {
        family.name: family.documentation for family in text_string_to_metric_families(observe().expose().decode())
    }
    assert [name for name in names if not families.get(name.removesuffix("_total"))] == []


def test_what_a_redeployed_dashboard_needs_is_there_before_the_first_event(observe: Observe) -> None:
    text = observe().expose().decode()
    assert 'broker_build_info{version="' in text
    assert "process_resident_memory_bytes" in text
    assert "_created{" not in text


def test_series_are_those_of_the_names_and_the_revision_in_force(observe: Observe) -> None:
    observer = observe()
    observer.record(Event.SERVER_READY, revision="r1")
    observer.record(Event.LOGIN_STARTED, provider="google", client_id="shop")
    observer.follow("info", ["google", "ok"], ["store"])
    observer.record(Event.LOGIN_STARTED, provider="google", client_id="store")
    observer.record(Event.LOGIN_STARTED, provider="vk", client_id="shop")
    observer.record(Event.CONFIG_RELOADED, revision="r2", by="ann", changed="clients.store")
    assert value(observer, "broker_config_info", revision="r2") == 1
    assert value(observer, "broker_logins_started_total", provider="google", client="store") == 1
    assert value(observer, "broker_logins_started_total", provider="other", client="other") == 1
    assert value(observer, "broker_upstream_breaker_open", provider="ok") == 0
    text = observer.expose().decode()
    assert not any(gone in text for gone in ('provider="vk"', 'client="shop"', 'revision="r1"'))
    observer.record(Event.CONFIG_RELOAD_FAILED, revision="r2", by="ann", reason="x")
    assert value(observer, "broker_config_last_reload_successful") == 0


def test_many_revisions_are_one_series(observe: Observe) -> None:
    observer = observe()
    for number in range(100):
        observer.record(Event.CONFIG_RELOADED, revision=f"r{number}", by="ann", changed="")
    assert observer.expose().decode().count("broker_config_info{") == 1
    assert value(observer, "broker_config_info", revision="r99") == 1
