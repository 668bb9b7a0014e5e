"""Services and endpoints put together over whatever stores and providers the composition root picked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any, Protocol

from starlette.types import ASGIApp

from broker.config.model import ClientSettings, Config
from broker.core.client import Client
from broker.core.discovery import build_metadata
from broker.core.events import Recorder
from broker.core.seal import Seal
from broker.core.terms import GrantType
from broker.services.accounts import Accounts
from broker.services.authorize import Authorization
from broker.services.clients import Clients
from broker.services.consent import Consents
from broker.services.context import Context
from broker.services.entry import Entries
from broker.services.gate import Gate
from broker.services.grants.authorization_code import AuthorizationCode
from broker.services.grants.base import GrantHandler
from broker.services.grants.base import TokenEndpoint as TokenService
from broker.services.grants.client_credentials import ClientCredentials
from broker.services.grants.refresh_token import RefreshTokenGrant
from broker.services.introspection import Introspection
from broker.services.keys import KeyRing
from broker.services.login import Logins
from broker.services.people import People
from broker.services.providers import Providers
from broker.services.revocation import Revocation
from broker.services.sessions import SessionLimits, Sessions
from broker.services.states import States
from broker.services.tokens import Lifetimes, Tokens
from broker.store.base import Durable, Transient
from broker.web.authorize import AuthorizeEndpoint
from broker.web.callback import CallbackEndpoint
from broker.web.consent import ConsentEndpoint
from broker.web.dispatch import Dispatcher, Site
from broker.web.door import Door
from broker.web.enter import EnterEndpoint
from broker.web.errors import Errors
from broker.web.frontend import Frontend
from broker.web.introspect import IntrospectionEndpoint
from broker.web.limits import Limits, Rate
from broker.web.meta import MetaEndpoints
from broker.web.pages import Pages
from broker.web.revoke import RevocationEndpoint
from broker.web.routes import Endpoints, build_routes
from broker.web.source import Sources
from broker.web.token import TokenEndpoint, UserinfoEndpoint
from broker.web.views import Look


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
    """What the composition root picked. `seal` seals for one purpose; `derive`: its raw keys, the current first."""

    config: Config
    context: Context
    durable: Durable
    transient: Transient
    keys: KeyRing
    providers: Providers
    gate: Gate
    seal: Callable[[str], Seal]
    derive: Callable[[str], tuple[bytes, ...]]
    observer: RequestObserver


@dataclass(frozen=True, slots=True)
class Services:
    """Everything that decides."""

    clients: Clients
    tokens: Tokens
    sessions: Sessions
    consents: Consents
    logins: Logins
    entries: Entries
    authorization: Authorization
    people: People


def build_public(parts: Parts) -> ASGIApp:
    """The public ASGI app."""
    config, context = parts.config, parts.context
    services = build_services(parts)
    site = Site.of(config.issuer, services.clients.origins)
    frontend = _build_frontend(config, site)
    endpoints = _build_endpoints(parts, services, frontend)
    errors = Errors(frontend, services.authorization, parts.providers, parts.observer, clock=context.clock)
    return Dispatcher(
        build_routes(endpoints, config.issuer),
        site,
        errors,
        mint_id=lambda: context.randomness(6).hex(),
        observe=parts.observer.observe_request,
        on_crash=parts.observer.on_crash,
    )


def build_services(parts: Parts) -> Services:
    """Every service, tied to the others it needs."""
    config, context, durable, transient = parts.config, parts.context, parts.durable, parts.transient
    clients = Clients(context, build_clients(config))
    tokens = Tokens(
        context,
        parts.keys,
        durable,
        seal=parts.seal("access token"),
        refresh_key=parts.derive("refresh token")[0],
        lifetimes=_lifetimes(config),
    )
    limits = SessionLimits(config.session.idle_ttl, config.session.absolute_ttl)
    consents = Consents(context, durable, transient, parts.seal("consent"))
    accounts = Accounts(context, durable)
    states = States(parts.derive("state"), context.randomness)
    logins = Logins(context, parts.providers, accounts, parts.gate, transient, states=states, seal=parts.seal("flow"))
    entries = Entries(
        context,
        clients=clients,
        providers=parts.providers,
        accounts=accounts,
        logins=logins,
        gate=parts.gate,
        seal=parts.seal("entry"),
    )
    authorization = Authorization(
        context,
        clients=clients,
        providers=parts.providers,
        consents=consents,
        tokens=tokens,
        gate=parts.gate,
        stores=(durable, transient),
    )
    sessions = Sessions(context, transient, limits)
    return Services(clients, tokens, sessions, consents, logins, entries, authorization, People(durable))


def build_clients(config: Config) -> dict[str, Client]:
    """The clients of config.yaml by client_id."""
    return {client_id: _build_client(client_id, settings) for client_id, settings in config.clients.items()}


def _build_client(client_id: str, settings: ClientSettings) -> Client:
    digests = [text.removeprefix("sha256:") for text in settings.secret_hashes]
    if settings.secret is not None:
        digests.append(sha256(settings.secret.get_secret_value().encode()).hexdigest())
    return Client(
        id=client_id,
        name=_localised(settings.name),
        redirect_uris=tuple(settings.redirect_uris),
        auth_method=settings.auth_method,
        secret_digests=tuple(digests),
        scopes=frozenset(settings.scopes),
        service_scopes=settings.service_scopes,
        grants=frozenset(settings.grants),
        providers=settings.providers,
        first_party=settings.first_party,
        pkce_required=settings.pkce == "required",
        id_token_alg=settings.id_token_alg,
        access_token_format=settings.access_token_format,
        origins=frozenset(settings.origins),
        logo=_logo_name(client_id, settings.logo),
        languages=settings.languages,
        home_uri=settings.home_uri,
        initiate_login_uri=settings.initiate_login_uri,
        email_fallback=settings.email_fallback,
    )


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


def _build_frontend(config: Config, site: Site) -> Frontend:
    ui, base = config.ui, site.base
    look = Look(
        product_name=_localised(ui.product_name),
        base_path=base,
        logo_href=f"{base}/static/{_logo_name('', ui.logo)}" if ui.logo else "",
        accent=ui.accent,
        theme=ui.theme,
        button_style=ui.button_style,
        privacy=ui.links.privacy,
        terms=ui.links.terms,
        support=ui.links.support,
        languages=ui.languages,
        default_language=ui.default_language,
        emulated=config.network.upstreams == "emulated",
    )
    logos = {_logo_name("", ui.logo): ui.logo} if ui.logo else {}
    logos |= {_logo_name(name, client.logo): client.logo for name, client in config.clients.items() if client.logo}
    pages = Pages(
        look,
        override=Path(ui.templates) if ui.templates else None,
        files={name: Path(path) for name, path in logos.items()},
    )
    return Frontend(pages, site.origin, base, ui.languages, ui.default_language)


def _logo_name(client_id: str, path: str | None) -> str:
    """A static file name of our own making; nothing of the operator's path is shown."""
    if not path:
        return ""
    return f"logo-{sha256(client_id.encode()).hexdigest()[:12]}{Path(path).suffix.lower()}"


def _build_endpoints(parts: Parts, services: Services, frontend: Frontend) -> Endpoints:
    config, context = parts.config, parts.context
    door = _build_door(parts)
    shared: dict[str, Any] = {"sessions": services.sessions, "door": door}
    login: dict[str, Any] = shared | {"logins": services.logins, "providers": parts.providers}
    remember_for = config.session.remember_last_provider
    metadata = build_metadata(
        config.issuer, algorithms=[word.value for word in config.keys.algorithms], languages=config.ui.languages
    )
    authorization, clients, tokens = services.authorization, services.clients, services.tokens
    return Endpoints(
        meta=MetaEndpoints(frontend, parts.keys, metadata, issuer=config.issuer),
        authorize=AuthorizeEndpoint(frontend, authorization, show_last_used=config.login.show_last_used, **login),
        callback=CallbackEndpoint(frontend, authorization, remember_for=remember_for, **login),
        consent=ConsentEndpoint(frontend, authorization, consents=services.consents, people=services.people, **shared),
        enter=EnterEndpoint(
            frontend,
            services.entries,
            providers=parts.providers,
            mint=context.mint,
            remember_for=remember_for,
            **shared,
        ),
        token=TokenEndpoint(_build_token_service(parts, services), door),
        revoke=RevocationEndpoint(Revocation(context, clients, parts.durable, tokens), door),
        introspect=IntrospectionEndpoint(
            Introspection(context, clients, parts.durable, tokens=tokens, gate=parts.gate), door
        ),
        userinfo=UserinfoEndpoint(tokens, clients, parts.gate, door),
    )


def _build_token_service(parts: Parts, services: Services) -> TokenService:
    context, durable, tokens, gate = parts.context, parts.durable, services.tokens, parts.gate
    handlers: dict[GrantType, GrantHandler] = {
        GrantType.AUTHORIZATION_CODE: AuthorizationCode(context, durable, parts.transient, tokens, gate),
        GrantType.REFRESH_TOKEN: RefreshTokenGrant(context, durable, tokens, gate),
        GrantType.CLIENT_CREDENTIALS: ClientCredentials(),
    }
    return TokenService(context, services.clients, tokens, handlers)


def _build_door(parts: Parts) -> Door:
    config = parts.config
    names = ("login_start", "callback", "token", "client_auth_failure")
    rates = {name: Rate(*getattr(config.limits, name)) for name in names}
    # Nodes that share a store share their counts; one process alone counts in its own memory.
    shared = parts.transient if config.storage.transient == "redis" else None
    limits = Limits(rates, parts.observer, clock=parts.context.clock, shared=shared)
    return Door(limits, Sources(config.server.trusted_proxies), config.limits.request_body)


def _localised(text: str | Mapping[str, str]) -> Mapping[str, str]:
    return {"en": text, "ru": text} if isinstance(text, str) else dict(text)
