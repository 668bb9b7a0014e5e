"""Every route on one screen: path, methods, endpoint, who may call it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from broker.core.discovery import metadata_paths
from broker.web.authorize.consent import ConsentEndpoint
from broker.web.authorize.endpoint import AuthorizeEndpoint
from broker.web.clients.endpoints import ClientEndpoints
from broker.web.clients.register import RegistrationEndpoint
from broker.web.devices import DeviceEndpoints
from broker.web.dispatch import Access, Endpoint, Route
from broker.web.login.callback import CallbackEndpoint
from broker.web.login.unasked import UnaskedEndpoint
from broker.web.logout import LogoutEndpoint
from broker.web.meta import MetaEndpoints
from broker.web.tokens import TokenEndpoint, UserinfoEndpoint


@dataclass(frozen=True, slots=True)
class Endpoints:
    """All of them."""

    meta: MetaEndpoints
    authorize: AuthorizeEndpoint
    clients: ClientEndpoints
    callback: CallbackEndpoint
    consent: ConsentEndpoint
    devices: DeviceEndpoints
    enter: UnaskedEndpoint
    logout: LogoutEndpoint
    token: TokenEndpoint
    register: RegistrationEndpoint
    userinfo: UserinfoEndpoint


def build_routes(ends: Endpoints, issuer: str) -> Iterable[Route]:
    """The public surface. What is not here does not exist."""
    browser, client, public = Access.BROWSER, Access.CLIENT, Access.PUBLIC
    for path in metadata_paths(issuer):
        yield Route(path, ("GET",), ends.meta.metadata, public, "metadata", cors=True, rooted=True)
    yield Route("/jwks", ("GET",), ends.meta.jwks, public, "jwks", cors=True)
    yield Route("/static/{file}", ("GET",), ends.meta.static, public, "static")
    yield Route("/static/icons/{file}", ("GET",), ends.meta.static, public, "static")
    yield Route("/healthz", ("GET",), ends.meta.health, public, "healthz")
    yield Route("/", ("GET",), ends.meta.home, browser, "home")

    yield _both("/authorize", ends.authorize.get, ends.authorize.post, browser, "authorize")
    yield _both("/callback/{provider}", ends.callback.get, ends.callback.post, browser, "callback")
    yield _both("/callback/{provider}/{state}", ends.callback.get, ends.callback.post, browser, "callback")
    yield _both("/consent", ends.consent.get, ends.consent.post, browser, "consent")
    yield _both("/logout", ends.logout.get, ends.logout.post, browser, "logout")
    yield Route("/logout/confirm", ("POST",), ends.logout.confirm, browser, "logout_confirm")
    yield Route("/logout/done", ("GET",), ends.logout.done, browser, "logout_done")
    entry, confirmation = ends.devices.entry, ends.devices.confirmation
    yield _both("/device", entry.get, entry.post, browser, "device")
    yield Route("/device/login", ("GET",), entry.choose, browser, "device")
    yield _both("/device/confirm", confirmation.get, confirmation.post, browser, "device")
    yield _both("/enter/{provider}/{client_id}", ends.enter.get, ends.enter.post, browser, "enter")

    yield Route("/par", ("POST",), ends.clients.push, client, "par", cors=True)
    yield Route("/device_authorization", ("POST",), ends.clients.device, client, "device_authorization", cors=True)
    yield Route("/token", ("POST",), ends.token.post, client, "token", cors=True)
    yield Route("/revoke", ("POST",), ends.clients.revoke, client, "revoke", cors=True)
    yield Route("/introspect", ("POST",), ends.clients.introspect, client, "introspect")
    yield Route("/register", ("POST",), ends.register.post, client, "register")
    yield _entry("/register/{client_id}", ends.register)
    userinfo = _both("/userinfo", ends.userinfo.get, ends.userinfo.post, client, "userinfo", cors=True)
    yield replace(userinfo, dpop=True)
    yield Route("/backchannel/{provider}", ("POST",), ends.clients.hear_logout, client, "backchannel")


def _entry(path: str, register: RegistrationEndpoint) -> Route:
    handlers = {"GET": register.get, "PUT": register.put, "DELETE": register.delete}
    return Route(path, tuple(handlers), lambda request: handlers[request.method](request), Access.CLIENT, "register")


def _both(path: str, get: Endpoint, post: Endpoint, access: Access, name: str, *, cors: bool = False) -> Route:
    handlers = {"GET": get, "POST": post}
    return Route(path, ("GET", "POST"), lambda request: handlers[request.method](request), access, name, cors=cors)
