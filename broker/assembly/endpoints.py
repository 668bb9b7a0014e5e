"""Every endpoint over the services it shows to the network."""

from __future__ import annotations

from typing import Any

from broker.assembly.parts import Parts, Services
from broker.config.model import Config
from broker.core.discovery import build_metadata
from broker.core.terms import GrantType
from broker.services.confirmations import Confirmations
from broker.services.grants.authorization_code import AuthorizationCode
from broker.services.grants.base import GrantHandler
from broker.services.grants.base import TokenEndpoint as TokenService
from broker.services.grants.client_credentials import ClientCredentials
from broker.services.grants.device_code import DeviceCode
from broker.services.grants.giving import Giving
from broker.services.grants.refresh_token import RefreshTokenGrant
from broker.services.introspection import Introspection
from broker.services.logout import Logout
from broker.services.revocation import Revocation
from broker.services.upstream_logouts import UpstreamLogouts
from broker.services.userinfo import Userinfo
from broker.web.authorize import AuthorizeEndpoint
from broker.web.callback import CallbackEndpoint
from broker.web.clients import ClientEndpoints
from broker.web.consent import ConsentEndpoint
from broker.web.departures import Departures
from broker.web.device import DeviceConfirmation, DeviceEndpoints, DeviceEntry
from broker.web.door import Door
from broker.web.enter import EnterEndpoint
from broker.web.frontend import Frontend
from broker.web.limits import Limits, Rate
from broker.web.logout import LogoutEndpoint
from broker.web.meta import MetaEndpoints
from broker.web.proofs import ProofReader
from broker.web.register import RegistrationEndpoint
from broker.web.routes import Endpoints
from broker.web.source import Sources
from broker.web.token import TokenEndpoint, UserinfoEndpoint
from broker.web.visitors import Visitors


def build_endpoints(parts: Parts, services: Services, frontend: Frontend) -> Endpoints:
    """All of them."""
    config, door = parts.config, _build_door(parts, services)
    show_last = config.login.show_last_used
    departures = Departures(frontend, services.logins, parts.providers, door, show_last_used=show_last)
    remember_for = config.session.remember_last_provider
    reader = ProofReader(services.proofs.mint_nonce)
    return Endpoints(
        meta=MetaEndpoints(frontend, parts.keys, _build_metadata(config, parts.providers.levels), issuer=config.issuer),
        authorize=_build_authorize(parts, services, frontend, door, departures),
        clients=_build_clients(parts, services, door, reader),
        callback=CallbackEndpoint(
            frontend,
            services.completion,
            providers=parts.providers,
            door=door,
            session_ttl=config.session.absolute_ttl,
            remember_for=remember_for,
        ),
        consent=ConsentEndpoint(frontend, services.questions, services.people, door),
        logout=_build_logout(parts, services, frontend, door),
        devices=_build_devices(services, frontend, door, departures),
        enter=EnterEndpoint(
            frontend,
            services.entries,
            providers=parts.providers,
            mint=parts.context.mint,
            remember_for=remember_for,
            sessions=services.sessions,
            door=door,
        ),
        token=TokenEndpoint(_build_token_service(parts, services), door, reader),
        register=RegistrationEndpoint(services.registrations, door),
        userinfo=UserinfoEndpoint(Userinfo(services.tokens, services.proofs), door, reader),
    )


def _build_authorize(
    parts: Parts, services: Services, frontend: Frontend, door: Door, departures: Departures
) -> AuthorizeEndpoint:
    return AuthorizeEndpoint(
        frontend,
        services.requests,
        services.authorization,
        departures=departures,
        sessions=services.sessions,
        providers=parts.providers,
        pushed=services.pushed,
        door=door,
    )


def _build_devices(services: Services, frontend: Frontend, door: Door, departures: Departures) -> DeviceEndpoints:
    devices, sessions = services.devices, services.sessions
    return DeviceEndpoints(
        DeviceEntry(frontend, devices, services.authorization, departures=departures, sessions=sessions, door=door),
        DeviceConfirmation(frontend, devices, services.questions, people=services.people, door=door),
    )


def _build_clients(parts: Parts, services: Services, door: Door, proofs: ProofReader) -> ClientEndpoints:
    context, durable, tokens = parts.context, parts.durable, services.tokens
    return ClientEndpoints(
        door,
        proofs,
        requests=services.requests,
        devices=services.devices,
        revocation=Revocation(context, durable.grants, tokens),
        introspection=Introspection(context, services.clients, durable.grants, tokens=tokens),
        logouts=UpstreamLogouts(context, parts.transient, parts.providers, services.endings),
    )


def _build_metadata(config: Config, levels: tuple[str, ...]) -> dict[str, Any]:
    return build_metadata(
        config.issuer,
        algorithms=[word.value for word in config.keys.algorithms],
        languages=config.ui.languages,
        registration=bool(config.registration.token_hashes),
        levels=levels,
    )


def _build_logout(parts: Parts, services: Services, frontend: Frontend, door: Door) -> LogoutEndpoint:
    logout = Logout(
        parts.context,
        parts.transient,
        services.clients,
        services.tokens,
        parts.seal("logout"),
        endings=services.endings,
        deliveries=services.deliveries,
        upstream=services.upstream,
    )
    issuer = parts.config.issuer
    return LogoutEndpoint(frontend, logout, issuer, sessions=services.sessions, people=services.people, door=door)


def _build_token_service(parts: Parts, services: Services) -> TokenService:
    context, durable, tokens = parts.context, parts.durable, services.tokens
    giving = Giving(
        context,
        tokens,
        services.upstream,
        services.endings,
        people=durable.people,
        grants=durable.grants,
    )
    codes = AuthorizationCode(context, durable.grants, parts.transient, giving)
    handlers: dict[GrantType, GrantHandler] = {
        GrantType.AUTHORIZATION_CODE: codes,
        GrantType.REFRESH_TOKEN: RefreshTokenGrant(
            context,
            durable.grants,
            tokens,
            Confirmations(context, durable.sessions, parts.providers, parts.seal("upstream login")),
        ),
        GrantType.CLIENT_CREDENTIALS: ClientCredentials(),
        GrantType.DEVICE_CODE: DeviceCode(services.devices, codes),
    }
    return TokenService(context, services.proofs, tokens, handlers)


def _build_door(parts: Parts, services: Services) -> Door:
    config = parts.config
    names = set(type(config.limits).model_fields) - {"request_body"}
    rates = {name: Rate(*getattr(config.limits, name)) for name in names}
    limits = Limits(rates, parts.observer, clock=parts.context.clock, shared=parts.counters)
    context = parts.context
    visitors = Visitors(parts.seal("visitor"), clock=context.clock, randomness=context.randomness)
    sources = Sources(config.server.trusted_proxies)
    return Door(limits, sources, visitors, config.limits.request_body, services.clients.verify)
