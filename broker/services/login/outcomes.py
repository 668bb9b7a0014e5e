"""A login attempt as its callers see it: how it begins, what comes back, what it comes to, and how it fails."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from broker.core.clients.client import Client
from broker.core.errors import BrokerError
from broker.core.people.history import Whence
from broker.core.records import Account, ForClient, Link, Purpose
from broker.services.people.held import Shown
from broker.services.providers import ProviderInstance
from broker.upstream.abilities import PagePrompt
from broker.upstream.model import Channel, Redirect, Reply, Widget


class LoginFailed(Exception):
    """A login attempt of ours that did not work: what failed, for what purpose of which client, at which provider."""

    def __init__(
        self,
        cause: BrokerError,
        purpose: Purpose,
        client: Client | None,
        provider: ProviderInstance,
        *,
        only: bool,
    ) -> None:
        """`cause` is what the person is told about; `only`: no other provider is offered. Without a client: at home."""
        super().__init__(cause.detail)
        self.cause, self.purpose, self.client = cause, purpose, client
        self.provider, self.only = provider, only

    @property
    def set_out_at(self) -> str:
        """The page of the account where it is begun again; of a login at home."""
        return self.purpose.page if isinstance(self.purpose, Account) else f"link/{self.provider.name}"


@dataclass(frozen=True, slots=True)
class Begun:
    """The browser goes to `step` and keeps `sealed` under the tag of this attempt for `ttl` seconds.

    `channels` are those by which the answer may come, `title` is the provider's plain name. `by_bot`: the state, where
    the provider's bot may be opened as well, else "".
    """

    step: Redirect | Widget
    tag: str
    sealed: str
    ttl: int
    channels: frozenset[Channel]
    title: Mapping[str, str]
    by_bot: str = ""


@dataclass(frozen=True, slots=True)
class Offered:
    """A page shows `prompt`; the browser keeps `sealed` under the tag of this attempt for `ttl` seconds."""

    prompt: PagePrompt
    tag: str
    sealed: str
    ttl: int


@dataclass(frozen=True, slots=True)
class Identified:
    """Somebody showed who they are for a request of a client. Whose account that is here, the purpose decides."""

    shown: Shown
    purpose: ForClient
    client: Client


@dataclass(frozen=True, slots=True)
class AtHome:
    """Somebody showed who they are for their own account, and no client."""

    shown: Shown
    purpose: Link | Account


@dataclass(frozen=True, slots=True)
class Callback:
    """What reached the callback of `instance`. `sealed` is the record this browser keeps for the state's tag, or ""."""

    instance: ProviderInstance
    state: str
    tag: str
    reply: Reply
    sealed: str


@dataclass(frozen=True, slots=True)
class Visitor:
    """The browser, by its cookies: its session, what questions are bound to, the provider that it used last; or "".

    `whence`: where it is, and of what kind, coarsely.
    """

    session: str = ""
    browser: str = ""
    last_used: str = ""
    whence: Whence = field(default_factory=Whence)
