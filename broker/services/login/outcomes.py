"""A login attempt as its callers see it: how it begins, what comes back, what it comes to, and how it fails."""

from __future__ import annotations

from dataclasses import dataclass

from broker.core.clients.client import Client
from broker.core.errors import BrokerError
from broker.core.people.identity import Identity
from broker.core.records import ForClient
from broker.services.providers import ProviderInstance
from broker.upstream.model import Channel, Redirect, Reply, Widget


class LoginFailed(Exception):
    """A login attempt of ours that did not work: what failed, for what purpose of which client, at which provider."""

    def __init__(
        self,
        cause: BrokerError,
        purpose: ForClient,
        client: Client,
        provider: ProviderInstance,
        *,
        only: bool,
    ) -> None:
        """`cause` is what the person is told about; `only`: the client offers no other provider."""
        super().__init__(cause.detail)
        self.cause, self.purpose, self.client = cause, purpose, client
        self.provider, self.only = provider, only


@dataclass(frozen=True, slots=True)
class Begun:
    """The browser goes to `step` and keeps `sealed` under the tag of this attempt for `ttl` seconds.

    `channels` are those by which the answer may come.
    """

    step: Redirect | Widget
    tag: str
    sealed: str
    ttl: int
    channels: frozenset[Channel]


@dataclass(frozen=True, slots=True)
class Identified:
    """Somebody is this `identity` at `instance`. Whose account that is here, the purpose of the attempt decides.

    `started_at` in epoch seconds, `began_ms` in milliseconds, 0 in attempts of older versions.
    """

    purpose: ForClient
    client: Client
    started_at: int
    began_ms: int
    instance: ProviderInstance
    identity: Identity


@dataclass(frozen=True, slots=True)
class Callback:
    """What reached the callback of `instance`. `sealed` is the record this browser keeps for the state's tag, or ""."""

    instance: ProviderInstance
    state: str
    tag: str
    reply: Reply
    sealed: str
