"""What the composition root hands over: concrete parts, and what the operator chose."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol, Self

from broker.config.clients import build_clients, localised
from broker.config.kept_clients import Rulebook
from broker.config.model import Config
from broker.config.webhooks import build_webhooks
from broker.core.access import NO_POLICY, AccessPolicy
from broker.core.clients.client import ABOUT_GROUPS, Client
from broker.core.clients.display_name import fold_name
from broker.core.clients.registered import RegistrationRules
from broker.core.events import Recorder
from broker.core.notify import Pace
from broker.core.seal import Seal
from broker.core.webhooks import Webhook
from broker.services.clients.kept import Kept
from broker.services.clients.registrations import RegistrationPolicy
from broker.services.context import Context, Outbound
from broker.services.keys.ring import KeyRing
from broker.services.login.attempts import DEADLINE
from broker.services.login.earlier import Earlier
from broker.services.notify.orders import NotifyRules
from broker.services.people.changes import AccountRules
from broker.services.people.subjects import Subjects
from broker.services.providers import Providers
from broker.services.sessions.single_sign_on import SessionLimits
from broker.services.switches import Off
from broker.services.tokens.minting import Lifetimes
from broker.store.base import Durable
from broker.store.transient import Transient
from broker.web.limits.rate_limits import Counters, SharedCounters


class RequestObserver(Recorder, Protocol):
    """Hears of requests, too."""

    def observe_request(self, route: str, status: int, seconds: float) -> None:
        """One HTTP request was answered."""

    def on_crash(self, error: Exception) -> None:
        """Something nobody foresaw."""


@dataclass(frozen=True, slots=True)
class Parts:
    """What the composition root picked. `seal` seals for one purpose; `derive`: its raw keys, the current first.

    `counters` are those that nodes share, None where there is one. `off` is what `providers` knows is switched off,
    `kept` the clients that operators keep. `counted` is what this process counted itself, `earlier` its providers
    before the configuration changed; None where it does not.
    """

    context: Context
    durable: Durable
    transient: Transient
    keys: KeyRing
    providers: Providers
    outbound: Outbound
    subjects: Subjects
    seal: Callable[[str], Seal]
    derive: Callable[[str], tuple[bytes, ...]]
    observer: RequestObserver
    counters: SharedCounters | None = None
    off: Off = field(default_factory=Off)
    kept: Kept = field(default_factory=Kept)
    counted: Counters | None = None
    earlier: Earlier | None = None


@dataclass(frozen=True, slots=True)
class Settings:
    """What services do as the operator chose. `nonce_required`: of DPoP. `deadline`: of one upstream, in seconds.

    `configured`: whether each provider of the configuration is on there, by name. `rules` are its rules for clients
    that are kept beside it.
    """

    clients: Mapping[str, Client]
    lifetimes: Lifetimes
    session: SessionLimits
    registration: RegistrationPolicy
    accounts: AccountRules
    notify: NotifyRules
    rules: Rulebook
    nonce_required: bool = False
    access: AccessPolicy = NO_POLICY
    deadline: float = DEADLINE
    configured: Mapping[str, bool] = field(default_factory=dict)
    webhooks: Mapping[str, Webhook] = field(default_factory=dict)

    @property
    def takes_posted(self) -> bool:
        """Whether some client may bring credentials; apps that register themselves never may."""
        return any(client.accept_posted for client in self.clients.values())

    @property
    def extra_claims(self) -> Mapping[str, tuple[str, ...]]:
        """By scope, the names of claims beside the standard ones that some client may be told."""
        told = [(client.scopes, client.tokens.extra_claims) for client in self.clients.values()]
        told.append((frozenset(self.registration.rules.scopes), ABOUT_GROUPS))
        names = [(scope, name) for scopes, extra in told for scope in extra if scope in scopes for name in extra[scope]]
        return {scope: tuple(dict.fromkeys(name for of, name in names if of == scope)) for scope, _ in names}

    @property
    def posting_clients(self) -> tuple[Client, ...]:
        """Those whose pages may have what an upstream's script gives them posted here."""
        return tuple(one for one in self.clients.values() if one.accept_posted and one.initiate_login_uri)

    def takes_pressed(self, providers: Providers) -> bool:
        """Whether a script of one of these providers may post what it gave to a page of some client."""
        return any(providers.posts(name) for one in self.posting_clients for name in one.accept_posted)

    @property
    def drf(self) -> bool:
        """Whether some client speaks drf-social-oauth2's API."""
        return any(client.drf.drf_backends for client in self.clients.values())

    @property
    def hands_tokens(self) -> bool:
        """Whether some client may have upstreams' own tokens; apps that register themselves never may."""
        return any(client.upstream_tokens for client in self.clients.values())

    @classmethod
    def of(cls, config: Config, providers: Providers) -> Self:
        """As the configuration says; who registers may not call an app as one of the `providers` is called."""
        return cls(
            clients=build_clients(config),
            lifetimes=_lifetimes(config),
            session=SessionLimits(config.session.idle_ttl, config.session.absolute_ttl),
            registration=_registration(config, providers),
            notify=_notify(config),
            rules=Rulebook(config),
            accounts=AccountRules(**config.accounts.model_dump()),
            access=config.access.policy,
            nonce_required=config.tokens.dpop_nonce == "required",
            configured={name: one.enabled for name, one in config.providers.items()},
            webhooks=build_webhooks(config),
        )


def _registration(config: Config, providers: Providers) -> RegistrationPolicy:
    """Always there: who registered once stays, also when nobody may register any more."""
    chosen = config.registration
    rules = RegistrationRules(
        scopes=chosen.scopes,
        algorithms=config.keys.algorithms,
        pkce=chosen.pkce,
        legacy_audience=chosen.assertion_audience == "legacy",
        id_token_claims=chosen.id_token_claims,
        reserved_names=_reserved_names(config, providers),
    )
    digests = tuple(text.removeprefix("sha256:") for text in chosen.token_hashes)
    return RegistrationPolicy(digests, chosen.max_clients, rules)


def _reserved_names(config: Config, providers: Providers) -> frozenset[str]:
    """Names that people trust already: ours, those of the providers, and those of the operator's own apps."""
    own = (config.ui.product_name, *(client.name for client in config.clients.values()))
    texts = (text for name in map(localised, own) for text in name.values())
    return frozenset(map(fold_name, (*texts, *providers.titles)))


def _notify(config: Config) -> NotifyRules:
    """One to a person comes after another one; to all together they may come in bursts."""
    chosen = config.notify
    number, seconds = chosen.per_person
    return NotifyRules(Pace(seconds / number, *chosen.per_bot), chosen.expires_after, chosen.kept)


def _lifetimes(config: Config) -> Lifetimes:
    tokens = config.tokens
    return Lifetimes(
        code=tokens.code_ttl,
        id_token=tokens.id_token_ttl,
        access_token=tokens.access_token_ttl,
        refresh_idle=tokens.refresh_token.idle_ttl,
        refresh_absolute=tokens.refresh_token.absolute_ttl,
        reuse_grace=tokens.refresh_token.reuse_grace,
    )
