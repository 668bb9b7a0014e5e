"""Every endpoint over the services it shows to the network."""

from __future__ import annotations

from typing import Any

from broker.assembly.parts import Parts, Services
from broker.config.model import Config
from broker.core.discovery import build_metadata
from broker.core.terms import GrantType
from broker.services.grants.authorization_code import AuthorizationCode
from broker.services.grants.client_credentials import ClientCredentials
from broker.services.grants.device_code import DeviceCode
from broker.services.grants.endpoint import GrantHandler, TokenRequests
from broker.services.grants.giving import Giving
from broker.services.grants.refresh_token import RefreshTokenGrant
from broker.services.logout.rp_initiated import Logout
from broker.services.logout.upstream import UpstreamLogouts
from broker.services.sessions.confirmations import Confirmations
from broker.services.tokens.introspection import Introspection
from broker.services.tokens.revocation import Revocation
from broker.services.tokens.userinfo import Userinfo
from broker.web.authorize.consent import ConsentEndpoint
from broker.web.authorize.endpoint import AuthorizeEndpoint
from broker.web.clients.endpoints import ClientEndpoints
from broker.web.clients.register import RegistrationEndpoint
from broker.web.devices import DeviceConfirmation, DeviceEndpoints, DeviceEntry
from broker.web.http.proofs import ProofReader
from broker.web.limits.client_address import Sources
from broker.web.limits.intake import Intake
from broker.web.limits.rate_limits import Limits, Rate
from broker.web.limits.visitors import Visitors
from broker.web.login.callback import CallbackEndpoint
from broker.web.login.leaving import Leaving
from broker.web.login.unasked import UnaskedEndpoint
from broker.web.logout import LogoutEndpoint
from broker.web.meta import MetaEndpoints
from broker.web.pages.frontend import Frontend
from broker.web.routes import Endpoints
from broker.web.tokens import TokenEndpoint, UserinfoEndpoint


def build_endpoints(parts: Parts, services: Services, frontend: Frontend) -> Endpoints:
    """All of them."""
    config, intake = parts.config, _build_intake(parts, services)
    show_last = config.login.show_last_used
    leaving = Leaving(frontend, services.logins, parts.providers, intake, show_last_used=show_last)
    remember_for = config.session.remember_last_provider
    reader = ProofReader(services.proofs.mint_nonce)
    return Endpoints(
        meta=MetaEndpoints(frontend, parts.keys, _build_metadata(config, parts.providers.levels), issuer=config.issuer),
        authorize=_build_authorize(parts, services, frontend, intake, leaving),
        clients=_build_clients(parts, services, intake, reader),
        callback=CallbackEndpoint(
            frontend,
            services.completion,
            providers=parts.providers,
            intake=intake,
            session_ttl=config.session.absolute_ttl,
            remember_for=remember_for,
        ),
        consent=ConsentEndpoint(frontend, services.questions, services.people, intake),
        logout=_build_logout(parts, services, frontend, intake),
        devices=_build_devices(services, frontend, intake, leaving),
        enter=UnaskedEndpoint(
            frontend,
            services.unasked,
            providers=parts.providers,
            mint=parts.context.mint,
            remember_for=remember_for,
            sessions=services.sessions,
            intake=intake,
        ),
        token=TokenEndpoint(_build_token_service(parts, services), intake, reader),
        register=RegistrationEndpoint(services.registrations, intake),
        userinfo=UserinfoEndpoint(Userinfo(services.tokens, services.proofs), intake, reader),
    )


def _build_authorize(
    parts: Parts, services: Services, frontend: Frontend, intake: Intake, leaving: Leaving
) -> AuthorizeEndpoint:
    return AuthorizeEndpoint(
        frontend,
        services.requests,
        services.authorization,
        leaving=leaving,
        sessions=services.sessions,
        providers=parts.providers,
        pushed=services.pushed,
        intake=intake,
    )


def _build_devices(services: Services, frontend: Frontend, intake: Intake, leaving: Leaving) -> DeviceEndpoints:
    devices, sessions = services.devices, services.sessions
    return DeviceEndpoints(
        DeviceEntry(frontend, devices, services.authorization, leaving=leaving, sessions=sessions, intake=intake),
        DeviceConfirmation(frontend, devices, services.questions, people=services.people, intake=intake),
    )


def _build_clients(parts: Parts, services: Services, intake: Intake, proofs: ProofReader) -> ClientEndpoints:
    context, durable, tokens = parts.context, parts.durable, services.tokens
    return ClientEndpoints(
        intake,
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


def _build_logout(parts: Parts, services: Services, frontend: Frontend, intake: Intake) -> LogoutEndpoint:
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
    return LogoutEndpoint(frontend, logout, issuer, sessions=services.sessions, people=services.people, intake=intake)


def _build_token_service(parts: Parts, services: Services) -> TokenRequests:
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
    return TokenRequests(context, services.proofs, tokens, handlers)


def _build_intake(parts: Parts, services: Services) -> Intake:
    config = parts.config
    names = set(type(config.limits).model_fields) - {"request_body"}
    rates = {name: Rate(*getattr(config.limits, name)) for name in names}
    limits = Limits(rates, parts.observer, clock=parts.context.clock, shared=parts.counters)
    context = parts.context
    visitors = Visitors(parts.seal("visitor"), clock=context.clock, randomness=context.randomness)
    sources = Sources(config.server.trusted_proxies)
    return Intake(limits, sources, visitors, config.limits.request_body, services.clients)
