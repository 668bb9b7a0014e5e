"""What the composition root hands over, and what is made of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from broker.config.model import Config
from broker.core.events import Recorder
from broker.core.seal import Seal
from broker.services.authorize.consent import Consents
from broker.services.authorize.decide import Authorization
from broker.services.authorize.pushed import PushedRequests
from broker.services.authorize.questions import Questions
from broker.services.authorize.requests import Requests
from broker.services.clients.directory import Clients
from broker.services.clients.registrations import Registrations
from broker.services.context import Context
from broker.services.devices import Devices
from broker.services.keys.ring import KeyRing
from broker.services.login.attempts import Logins
from broker.services.login.complete import Completion
from broker.services.login.unasked import UnaskedLogins
from broker.services.logout.deliveries import Deliveries
from broker.services.outbound import Outbound
from broker.services.people.names import People
from broker.services.people.standing import Standing
from broker.services.people.subjects import Subjects
from broker.services.providers import Providers
from broker.services.sessions.endings import Endings
from broker.services.sessions.single_sign_on import Sessions
from broker.services.sessions.upstream import UpstreamSessions
from broker.services.tokens.minting import Tokens
from broker.services.tokens.proofs import Proofs
from broker.store.base import Durable
from broker.store.transient import Transient
from broker.web.limits.rate_limits import SharedCounters


class RequestObserver(Recorder, Protocol):
    """Hears of requests, too."""

    def observe_request(self, route: str, status: int, seconds: float) -> None:
        """One HTTP request was answered."""

    def on_crash(self, error: Exception) -> None:
        """Something nobody foresaw."""


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
    standing: Standing
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
    unasked: UnaskedLogins
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
