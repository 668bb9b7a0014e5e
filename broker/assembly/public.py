"""The public ASGI app: every endpoint over the services it shows to the network, and the pages in their look."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from starlette.types import ASGIApp

from broker.assembly.by_bot import build_bot_endpoints
from broker.assembly.parts import Parts
from broker.assembly.providers import own_icon
from broker.assembly.services import Services
from broker.config.clients import localised, logo_name
from broker.config.model import Config
from broker.core.discovery import build_metadata, with_extra_claims
from broker.core.events import Event
from broker.core.openapi.document import build_openapi
from broker.web.authorize.consent import ConsentEndpoint
from broker.web.authorize.endpoint import AuthorizeEndpoint
from broker.web.clients.endpoints import ClientEndpoints
from broker.web.clients.register import RegistrationEndpoint
from broker.web.devices import DeviceConfirmation, DeviceEndpoints, DeviceEntry
from broker.web.dispatch import Dispatcher, Site
from broker.web.drf import DrfEndpoints
from broker.web.errors import Errors
from broker.web.http.proofs import ProofReader
from broker.web.limits.client_address import Sources
from broker.web.limits.intake import Intake
from broker.web.limits.rate_limits import Limits, Rate
from broker.web.limits.visitors import Visitors
from broker.web.login.callback import Arrivals, CallbackEndpoint
from broker.web.login.elsewhere import ElsewhereEndpoint
from broker.web.login.leaving import Leaving
from broker.web.login.pressed import PressedEndpoint
from broker.web.login.returning import LastLogin
from broker.web.login.unasked import UnaskedEndpoint
from broker.web.logout import LogoutEndpoint
from broker.web.meta import MetaEndpoints
from broker.web.notify import NotifyEndpoint
from broker.web.pages.frontend import Frontend
from broker.web.pages.pages import Pages
from broker.web.pages.persons import Persons
from broker.web.pages.templates import Tell
from broker.web.pages.views import Look
from broker.web.people.account import AccountEndpoints
from broker.web.people.identities import IdentityEndpoints
from broker.web.people.joining import JoinEndpoint
from broker.web.people.link_requests import LinkRequestEndpoint
from broker.web.people.linking import LinkEndpoint
from broker.web.people.shown import Shown
from broker.web.routes import Endpoints, build_routes
from broker.web.tokens import TokenEndpoint, UserinfoEndpoint
from broker.web.upstream_events import DeletionEndpoints, EventEndpoint


def build_public(parts: Parts, services: Services, config: Config) -> ASGIApp:
    """The public ASGI app over the services of these parts; it looks and counts as the configuration says."""
    context, observer = parts.context, parts.observer
    site = Site.of(config.issuer, services.directory.origins)

    def tell(template: str, reason: str) -> None:
        observer.record(Event.TEMPLATE_FAILED, template=template, reason=reason)

    pages = build_pages(config, site.base, tell, parts.providers.assets)
    frontend = Frontend(pages, site.origin, site.base, config.ui.languages, config.ui.default_language)
    on_own_machine = config.network.upstreams == "emulated" or site.on_own_machine
    return Dispatcher(
        build_routes(_build_endpoints(parts, services, frontend, config), config.issuer),
        site,
        Errors(frontend, observer, clock=context.clock, on_own_machine=on_own_machine),
        mint_id=lambda: context.randomness(6).hex(),
        observe=observer.observe_request,
        on_crash=observer.on_crash,
    )


def build_pages(config: Config, base: str, tell: Tell, assets: Mapping[str, Path]) -> Pages:
    """Every page; `base` is the path of the issuer. `tell` hears of the operator's templates that do not work.

    `assets`: the folders that provider types bring with them, by type.
    """
    ui = config.ui
    look = Look(
        product_name=localised(ui.product_name),
        base_path=base,
        logo_href=f"{base}/static/{logo_name('', ui.logo)}" if ui.logo else "",
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
    logos = {logo_name("", ui.logo): ui.logo} if ui.logo else {}
    logos |= {logo_name(name, client.logo): client.logo for name, client in config.clients.items() if client.logo}
    icons = {own_icon(name): Path(one.icon) for name, one in config.providers.items() if one.enabled and one.icon}
    files = {name: Path(path) for name, path in logos.items()}
    return Pages(
        look,
        override=Path(ui.templates) if ui.templates else None,
        files=files | {f"icons/{key}{path.suffix.lower()}": path for key, path in icons.items()},
        brought=assets,
        tell=tell,
    )


def _build_endpoints(parts: Parts, services: Services, frontend: Frontend, config: Config) -> Endpoints:
    intake, reader = _build_intake(parts, services, config), ProofReader(services.proofs.mint_nonce)
    chosen, persons, mint = config.session, Persons(services.people, parts.providers), parts.context.mint
    last = LastLogin(parts.seal("last login"), shown=config.login.show_last_used, ttl=chosen.remember_last_provider)
    elsewhere = _build_elsewhere(services, frontend, intake) if config.login.other_browser else None
    leaving = Leaving(
        frontend, services.logins, parts.providers, intake, last=last, persons=persons, elsewhere=elsewhere is not None
    )
    arrivals = Arrivals(frontend, services.forms, last, session_ttl=chosen.absolute_ttl)
    callback = CallbackEndpoint(frontend, services.completion, arrivals, providers=parts.providers, intake=intake)
    enter = UnaskedEndpoint(frontend, services.unasked, arrivals, persons=persons, mint=mint, intake=intake)
    return Endpoints(
        meta=_build_meta(parts, services, frontend, config),
        account=_build_account(services, frontend, intake, leaving, Shown(frontend, parts.providers, persons)),
        authorize=_build_authorize(parts, services, frontend, intake, leaving),
        clients=_build_clients(services, intake, reader),
        callback=callback,
        consent=ConsentEndpoint(frontend, services.questions, persons, intake),
        logout=_build_logout(services, frontend, persons, intake, config.issuer),
        devices=_build_devices(services, frontend, intake, leaving, persons),
        enter=enter,
        pressed=PressedEndpoint(frontend, services.unasked, enter, intake) if services.takes_pressed else None,
        identities=IdentityEndpoints(frontend, services.identities, services.lookup, intake, reader),
        join=JoinEndpoint(frontend, services.joining, arrivals, leaving=leaving, persons=persons, intake=intake),
        link=LinkEndpoint(frontend, services.linking, services.joining, arrivals, persons=persons, intake=intake),
        link_request=_build_link_request(services, frontend, intake, leaving),
        token=TokenEndpoint(services.token_requests, intake, reader),
        register=RegistrationEndpoint(services.registrations, intake),
        userinfo=UserinfoEndpoint(services.userinfo, intake, reader),
        takes_posted=services.takes_posted,
        mini_apps=any(client.mini_apps for client in config.clients.values()),
        by_bot=build_bot_endpoints(services.by_bot, parts, frontend, intake, callback),
        hands_tokens=services.upstream_tokens.on,
        notify=NotifyEndpoint(services.notify.orders, intake, reader) if services.notify.on else None,
        drf=DrfEndpoints(services.drf, intake, reader) if services.drf is not None else None,
        elsewhere=elsewhere,
        events=EventEndpoint(services.upstream_events, intake) if parts.providers.tell_events else None,
        deletions=_build_deletions(parts, services, frontend, intake),
    )


def _build_logout(
    services: Services, frontend: Frontend, persons: Persons, intake: Intake, issuer: str
) -> LogoutEndpoint:
    logout, sessions = services.logout, services.sessions
    return LogoutEndpoint(frontend, logout, issuer, sessions=sessions, persons=persons, intake=intake)


def _build_deletions(parts: Parts, services: Services, frontend: Frontend, intake: Intake) -> DeletionEndpoints | None:
    return DeletionEndpoints(frontend, services.deletions, intake) if parts.providers.tell_deletions else None


def _build_link_request(
    services: Services, frontend: Frontend, intake: Intake, leaving: Leaving
) -> LinkRequestEndpoint:
    sessions = services.sessions
    return LinkRequestEndpoint(frontend, services.link_requests, leaving, sessions=sessions, intake=intake)


def _build_account(
    services: Services, frontend: Frontend, intake: Intake, leaving: Leaving, shown: Shown
) -> AccountEndpoints:
    return AccountEndpoints(
        frontend,
        services.account_page,
        services.account_changes,
        linking=services.linking,
        shown=shown,
        leaving=leaving,
        intake=intake,
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


def _build_elsewhere(services: Services, frontend: Frontend, intake: Intake) -> ElsewhereEndpoint:
    return ElsewhereEndpoint(frontend, services.requests, services.elsewhere, pushed=services.pushed, intake=intake)


def _build_clients(services: Services, intake: Intake, reader: ProofReader) -> ClientEndpoints:
    return ClientEndpoints(
        intake,
        reader,
        requests=services.requests,
        devices=services.devices,
        revocation=services.revocation,
        introspection=services.introspection,
        logouts=services.upstream_logouts,
        posted=services.posted,
    )


def _build_devices(
    services: Services, frontend: Frontend, intake: Intake, leaving: Leaving, persons: Persons
) -> DeviceEndpoints:
    devices, sessions = services.devices, services.sessions
    return DeviceEndpoints(
        DeviceEntry(
            frontend,
            devices,
            services.authorization,
            clients=services.directory,
            leaving=leaving,
            sessions=sessions,
            intake=intake,
        ),
        DeviceConfirmation(frontend, devices, services.questions, persons=persons, intake=intake),
    )


def _build_meta(parts: Parts, services: Services, frontend: Frontend, config: Config) -> MetaEndpoints:
    metadata = build_metadata(
        config.issuer,
        algorithms=[word.value for word in config.keys.algorithms],
        languages=config.ui.languages,
        registration=bool(config.registration.token_hashes),
        levels=parts.providers.levels,
        posted=services.takes_posted,
        upstream_tokens=services.upstream_tokens.on,
        notify=services.notify.on,
    )
    document = build_openapi(
        config.issuer, posted=services.takes_posted, notify=services.notify.on, drf=services.drf is not None
    )
    told = with_extra_claims(metadata, services.extra_claims)
    return MetaEndpoints(frontend, parts.keys, told, document, issuer=config.issuer)


def _build_intake(parts: Parts, services: Services, config: Config) -> Intake:
    names = set(type(config.limits).model_fields) - {"request_body"}
    rates = {name: Rate(*getattr(config.limits, name)) for name in names}
    limits = Limits(rates, parts.observer, clock=parts.context.clock, shared=parts.counters, counters=parts.counted)
    context = parts.context
    visitors = Visitors(parts.seal("visitor"), clock=context.clock, randomness=context.randomness)
    sources = Sources(config.server.trusted_proxies)
    return Intake(limits, sources, visitors, config.limits.request_body, services.directory)
