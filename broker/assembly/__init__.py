"""Services and endpoints put together over whatever stores and providers the composition root picked."""

from __future__ import annotations

from starlette.types import ASGIApp

from broker.assembly.endpoints import build_endpoints
from broker.assembly.frontend import build_frontend
from broker.assembly.parts import Parts, RequestObserver, Services
from broker.assembly.services import build_services
from broker.web.dispatch import Dispatcher, Site
from broker.web.errors import Errors
from broker.web.routes import build_routes

__all__ = ["Parts", "RequestObserver", "Services", "build_public", "build_services"]


def build_public(parts: Parts, services: Services) -> ASGIApp:
    """The public ASGI app over `build_services(parts)`."""
    config, context = parts.config, parts.context
    site = Site.of(config.issuer, services.clients.origins)
    frontend = build_frontend(config, site, parts.observer, parts.providers.assets)
    endpoints = build_endpoints(parts, services, frontend)
    errors = Errors(
        frontend,
        parts.observer,
        clock=context.clock,
        on_own_machine=config.network.upstreams == "emulated" or site.on_own_machine,
    )
    return Dispatcher(
        build_routes(endpoints, config.issuer),
        site,
        errors,
        mint_id=lambda: context.randomness(6).hex(),
        observe=parts.observer.observe_request,
        on_crash=parts.observer.on_crash,
    )
