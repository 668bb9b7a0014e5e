"""What the composition root hands over, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from broker.config.model import Config
from broker.core.events import Recorder
from broker.core.seal import Seal
from broker.services.authorize import Authorization
from broker.services.clients import Clients
from broker.services.complete import Completion
from broker.services.consent import Consents
from broker.services.context import Context
from broker.services.deliveries import Deliveries
from broker.services.device import Devices
from broker.services.endings import Endings
from broker.services.entry import Entries
from broker.services.gate import Gate
from broker.services.keys import KeyRing
from broker.services.login import Logins
from broker.services.outbound import Outbound
from broker.services.par import PushedRequests
from broker.services.people import People
from broker.services.proofs import Proofs
from broker.services.providers import Providers
from broker.services.questions import Questions
from broker.services.registrations import Registrations
from broker.services.requests import Requests
from broker.services.sessions import Sessions
from broker.services.subjects import Subjects
from broker.services.tokens import Tokens
from broker.services.upstream_sessions import UpstreamSessions
from broker.store.base import Durable
from broker.store.transient import Transient
from broker.web.limits import SharedCounters


class RequestObserver(Recorder, Protocol):
    """Hears of requests, too."""

    def observe_request(self, route: str, status: int, seconds: float) -> None:
        """One HTTP request was answered."""
        ...

    def on_crash(self, error: Exception) -> None:
        """Something nobody foresaw."""
        ...


@dataclass(frozen=True, slots=True)
class Parts:
    """What the composition root picked. `seal` seals for one purpose; `derive`: its raw keys, the current first.

    `counters` are those that nodes share, None where there is one.
    """

    config: Config
    context: Context
    durable: Durable
    transient: Transient
    keys: KeyRing
    providers: Providers
    gate: Gate
    outbound: Outbound
    subjects: Subjects
    seal: Callable[[str], Seal]
    derive: Callable[[str], tuple[bytes, ...]]
    observer: RequestObserver
    counters: SharedCounters | None = None


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that decides."""

    clients: Clients
    registrations: Registrations
    proofs: Proofs
    tokens: Tokens
    sessions: Sessions
    consents: Consents
    logins: Logins
    entries: Entries
    requests: Requests
    authorization: Authorization
    completion: Completion
    questions: Questions
    pushed: PushedRequests
    devices: Devices
    people: People
    upstream: UpstreamSessions
    endings: Endings
    deliveries: Deliveries
