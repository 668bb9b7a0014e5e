"""Counters for Prometheus. Every label value is one of a fixed set, so no visitor can make a new time series."""

from __future__ import annotations

import gc
from collections.abc import Callable, Iterable, Mapping
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, ProcessCollector, generate_latest
from prometheus_client.metrics import MetricWrapperBase

OTHER = "other"
_LATENCY = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)  # seconds
_LOGIN = (0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 20.0, 40.0, 60.0, 120.0, 300.0, 600.0)  # seconds a person takes at a provider
_DISTINCT = 80  # values of a label that is not from the configuration

Fields = Mapping[str, Any]


class Metrics:
    """The registry and one method per kind of observation. `providers` and `clients` are the configured names."""

    def __init__(self, providers: Iterable[str], clients: Iterable[str], *, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds, for ages."""
        self.registry = CollectorRegistry()
        self._bounds = {"provider": frozenset(providers), "client": frozenset(clients)}
        self._seen: dict[str, set[str]] = {}
        self._children = _Children(self._find)
        self._families: dict[str, MetricWrapperBase] = {}
        self._clock = clock
        self._active_since: dict[str, float] = {}
        for name, (help_, labels) in COUNTERS.items():
            self._families[name] = Counter(name, help_, labels, registry=self.registry)
        for name, (help_, labels) in GAUGES.items():
            self._families[name] = Gauge(name, help_, labels, registry=self.registry)
        for name, (help_, labels, buckets) in HISTOGRAMS.items():
            self._families[name] = Histogram(name, help_, labels, registry=self.registry, buckets=buckets)
        for provider in self._bounds["provider"]:
            self.breaker(provider, "closed")
        ProcessCollector(registry=self.registry)

    def count(self, name: str, *values: object, by: float = 1) -> None:
        """Add to a counter; `values` are its labels in order."""
        self._children[(name, *map(str, values))].inc(by)

    def observe(self, name: str, seconds: float, *values: object) -> None:
        """Add to a histogram."""
        self._children[(name, *map(str, values))].observe(seconds)

    def set_to(self, name: str, value: float, *values: object) -> None:
        """Set a gauge."""
        self._children[(name, *map(str, values))].set(value)

    def only(self, name: str, *values: object) -> None:
        """Set a gauge to 1 under these labels, and let all its other series go."""
        self._families[name].clear()
        child: Any = self._families[name].labels(*map(str, values))
        child.set(1)

    def follow(self, providers: Iterable[str], clients: Iterable[str]) -> None:
        """The configured names are these now; series of others go, as they would at a restart."""
        before = self._bounds["provider"]
        self._bounds = {"provider": frozenset(providers), "client": frozenset(clients)}
        for key in [key for key in self._children if not self._counts(key)]:
            del self._children[key]
            self._families[key[0]].remove(*key[1:])
        for provider in self._bounds["provider"] - before:
            self.breaker(provider, "closed")

    def _counts(self, key: tuple[str, ...]) -> bool:
        name, *values = key
        bounded = [(self._bounds.get(label), value) for label, value in zip(_labels(name), values, strict=True)]
        return all(allowed is None or value in allowed for allowed, value in bounded)

    def breaker(self, provider: object, state: object) -> None:
        """0 while calls pass, 1 while none does."""
        self.set_to("broker_upstream_breaker_open", 0.0 if state == "closed" else 1.0, provider)

    def key_active(self, algorithm: str, since: float | None = None) -> None:
        """The key that signs with this algorithm took over at `since` (epoch seconds), or just now."""
        self._active_since[algorithm] = self._clock() if since is None else since

    def expose(self, *, dropped: int = 0) -> bytes:
        """Everything in the Prometheus text format. `dropped` is the number of log lines lost so far."""
        for algorithm, since in self._active_since.items():
            self.set_to("broker_signing_key_age_seconds", self._clock() - since, algorithm)
        self.set_to("broker_log_lines_dropped", dropped)
        self.set_to("broker_python_objects_collected", sum(part["collected"] for part in gc.get_stats()))
        return generate_latest(self.registry)

    def _find(self, key: tuple[str, ...]) -> Any:
        name, *values = key
        family, labels = self._families[name], _labels(name)
        bounded = [self._bounded(label, value) for label, value in zip(labels, values, strict=True)]
        child: Any = family.labels(*bounded) if labels else family
        if bounded == values:  # a value that was replaced by `other` must not fill this table either
            self._children[key] = child
        return child

    def _bounded(self, label: str, value: str) -> str:
        allowed = self._bounds.get(label)
        if allowed is not None:
            return value if value in allowed else OTHER
        seen = self._seen.setdefault(label, set())
        if value not in seen and len(seen) >= _DISTINCT:
            return OTHER
        seen.add(value)
        return value


class _Children(dict[tuple[str, ...], Any]):
    """Series by name and labels; `find` gives those that are not here."""

    def __init__(self, find: Callable[[tuple[str, ...]], Any]) -> None:
        self._find = find

    def __missing__(self, key: tuple[str, ...]) -> Any:
        return self._find(key)


def _labels(name: str) -> tuple[str, ...]:
    return (COUNTERS.get(name) or GAUGES.get(name) or HISTOGRAMS[name])[1]


_P, _C = ("provider",), ("client",)
COUNTERS: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "broker_logins_started_total": ("Login attempts begun at a provider", _P + _C),
    "broker_logins_total": ("Logins that succeeded", _P + _C),
    "broker_login_failures_total": ("Logins that failed, by what happened", _P + _C + ("outcome",)),
    "broker_bot_answers_total": ("What people said to a bot that asked them about a login", (*_P, "outcome")),
    "broker_accounts_created_total": ("First logins of somebody", _P),
    "broker_accounts_changed_total": ("What people and operators did to accounts", ("change",)),
    "broker_access_refused_total": (
        "People whom a provider vouches for and the access policy does not let in",
        _P + _C,
    ),
    "broker_operator_acts_total": ("What operators asked for and changed", ("use_case", "outcome")),
    "broker_admin_refused_total": ("Calls of the admin API with a token that opens nothing", ()),
    "broker_sessions_started_total": ("Single sign-on sessions begun", _P),
    "broker_sessions_ended_total": ("Single sign-on sessions ended by somebody, not by age", ()),
    "broker_webhook_events_total": (
        "Attempts to tell a webhook of an event",
        ("webhook", "outcome"),
    ),
    "broker_logout_tokens_total": ("Attempts to tell an app of a logout, by what came of it", (*_C, "outcome")),
    "broker_notifications_total": ("Messages of apps to people, by what became of them", (*_C, "outcome")),
    "broker_notifications_repeated_total": ("Messages tried again that may have arrived", _P),
    "broker_notify_pauses_total": ("Times a messenger told a bot to wait", _P),
    "broker_consents_total": ("Answers on the consent page", (*_C, "answer")),
    "broker_identity_lookups_total": ("Look-ups of identities by apps", (*_C, "found")),
    "broker_devices_started_total": ("Codes given to devices to show", _C),
    "broker_device_answers_total": ("What people said about devices", (*_C, "answer")),
    "broker_requests_pushed_total": ("Authorization requests pushed by clients", _C),
    "broker_codes_issued_total": ("Authorization codes", _P + _C),
    "broker_code_replays_total": ("Codes that came a second time; each revokes a grant", _C),
    "broker_tokens_issued_total": ("Token responses, by grant type", _P + _C + ("grant",)),
    "broker_client_tokens_issued_total": ("Access tokens that clients got for themselves", _C),
    "broker_token_refusals_total": ("Token requests refused, by OAuth error", (*_C, "error")),
    "broker_refresh_reuse_total": ("Spent refresh tokens that came back; each revokes a grant", _C),
    "broker_tokens_revoked_total": ("Tokens given back by their client, by kind", (*_C, "kind")),
    "broker_introspections_total": ("Answers about a token, by whether it was active", (*_C, "active")),
    "broker_client_auth_failures_total": ("Failed client authentications", _C),
    "broker_dpop_proofs_refused_total": ("DPoP proofs refused", ("endpoint",)),
    "broker_requests_refused_total": ("Requests refused, by OAuth error", ("error",)),
    "broker_limits_reached_total": ("Requests beyond a rate limit", ("limit",)),
    "broker_upstream_discoveries_total": ("Fetches of a provider's discovery document", (*_P, "outcome")),
    "broker_upstream_key_fetches_total": ("Fetches of a provider's signing keys", (*_P, "outcome")),
    "broker_client_key_fetches_total": ("Fetches of an app's keys from its jwks_uri", ("outcome",)),
    "broker_client_registrations_total": (
        "Apps that registered, changed or deleted themselves",
        ("change",),
    ),
    "broker_client_urls_called_total": ("Calls to URLs that apps supplied", ("method",)),
    "broker_upstream_odd_claims_total": ("Claims left out of a login because of their form", (*_P, "claim")),
    "broker_upstream_logouts_total": ("Logouts between the broker and a provider", (*_P, "kind", "outcome")),
    "broker_upstream_events_total": ("Events that a provider told of", (*_P, "kind", "outcome")),
    "broker_upstream_tokens_total": ("Providers' tokens that were handed to apps", _P + _C),
    "broker_upstream_refreshes_total": ("Questions to a provider whether somebody is still welcome", (*_P, "outcome")),
    "broker_store_errors_total": ("Times a store became unavailable", ("store",)),
    "broker_keys_changed_total": ("Signing keys created, activated, retired or removed", ("algorithm", "change")),
    "broker_server_errors_total": ("Failures nobody foresaw: each is a bug", ()),
    "broker_observe_errors_total": ("Events that could not be recorded: each is a bug", ()),
}
GAUGES: Mapping[str, tuple[str, tuple[str, ...]]] = {
    "broker_build_info": ("Always 1; the label says which version runs", ("version",)),
    "broker_config_info": ("Always 1; the label says which configuration is in force", ("revision",)),
    "broker_config_last_reload_successful": ("0 from a configuration that was refused until one is taken over", ()),
    "broker_ready": ("1 from ready to stopping", ()),
    "broker_store_up": ("1 while the store answers, 0 from a failure until it answers again", ("store",)),
    "broker_store_damaged": ("1 from when the store was found damaged: restore a backup", ("store",)),
    "broker_logout_backlog": ("Logout tokens on their way to apps", ()),
    "broker_webhook_backlog": ("Events on their way to webhooks", ()),
    "broker_notify_backlog": ("Messages on their way to people", ()),
    "broker_notify_stopped": ("1 once the messenger does not know the bot's token any more", _P),
    "broker_provider_switched_off": ("1 while an operator has the provider switched off", _P),
    "broker_client_switched_off": ("1 while an operator has the client switched off", _C),
    "broker_upstream_breaker_open": ("1 while the provider is left alone because it does not answer", _P),
    "broker_upstream_clock_ahead_seconds": ("`iat` of the provider's newest ID token less our clock", _P),
    "broker_upstream_keys": ("Signing keys of the provider in the cache", _P),
    "broker_signing_key_age_seconds": ("Time since the signing key took over", ("algorithm",)),
    "broker_log_lines_dropped": ("Log and audit lines lost because nobody read them or the disk was full", ()),
    "broker_python_objects_collected": ("Objects freed by the cyclic garbage collector since the start", ()),
}
HISTOGRAMS: Mapping[str, tuple[str, tuple[str, ...], tuple[float, ...]]] = {
    "broker_login_duration_seconds": ("From leaving for a provider to being logged in", _P, _LOGIN),
    "http_server_request_duration_seconds": ("Requests answered", ("route", "status"), _LATENCY),
    "http_client_request_duration_seconds": ("Calls to providers", (*_P, "operation", "outcome"), _LATENCY),
}
