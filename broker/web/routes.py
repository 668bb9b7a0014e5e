"""Every route on one screen: path, methods, endpoint, who may call it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Protocol

from starlette.requests import Request
from starlette.responses import Response

from broker.core.discovery import metadata_paths
from broker.web.authorize.consent import ConsentEndpoint
from broker.web.authorize.endpoint import AuthorizeEndpoint
from broker.web.clients.endpoints import ClientEndpoints
from broker.web.clients.register import RegistrationEndpoint
from broker.web.devices import DeviceEndpoints
from broker.web.dispatch import Access, Endpoint, Route
from broker.web.drf import DrfEndpoints
from broker.web.login.by_bot import BotEndpoints
from broker.web.login.callback import CallbackEndpoint
from broker.web.login.elsewhere import ElsewhereEndpoint
from broker.web.login.pressed import PressedEndpoint
from broker.web.login.unasked import UnaskedEndpoint
from broker.web.logout import LogoutEndpoint
from broker.web.meta import MetaEndpoints
from broker.web.notify import NotifyEndpoint
from broker.web.people.account import AccountEndpoints
from broker.web.people.identities import IdentityEndpoints
from broker.web.people.joining import JoinEndpoint
from broker.web.people.link_requests import LinkRequestEndpoint
from broker.web.people.linking import LinkEndpoint
from broker.web.tokens import TokenEndpoint, UserinfoEndpoint
from broker.web.upstream_events import PAGE, DeletionEndpoints, EventEndpoint


@dataclass(frozen=True, slots=True)
class Endpoints:
    """All of them; `notify` None where no client may order messages, `by_bot` where no provider has a bot to open.

    `drf`: None where no client speaks drf-social-oauth2's API. `elsewhere`: None where no window waits for another
    browser. `takes_posted`: some client may bring credentials of vendors' kits, and takes challenges.
    `hands_tokens`: some client may have providers' own tokens. `mini_apps`: some client has a page of ours for its
    Mini App. `pressed`: None where no page of a client may have its credentials posted to us. `events`: None where no
    provider tells of what happens to people there, `deletions` where none tells who wants to be deleted.
    """

    meta: MetaEndpoints
    account: AccountEndpoints
    authorize: AuthorizeEndpoint
    clients: ClientEndpoints
    callback: CallbackEndpoint
    consent: ConsentEndpoint
    devices: DeviceEndpoints
    enter: UnaskedEndpoint
    identities: IdentityEndpoints
    join: JoinEndpoint
    link: LinkEndpoint
    link_request: LinkRequestEndpoint
    logout: LogoutEndpoint
    token: TokenEndpoint
    register: RegistrationEndpoint
    userinfo: UserinfoEndpoint
    notify: NotifyEndpoint | None = None
    by_bot: BotEndpoints | None = None
    drf: DrfEndpoints | None = None
    elsewhere: ElsewhereEndpoint | None = None
    takes_posted: bool = False
    hands_tokens: bool = False
    mini_apps: bool = False
    pressed: PressedEndpoint | None = None
    events: EventEndpoint | None = None
    deletions: DeletionEndpoints | None = None


def build_routes(ends: Endpoints, issuer: str) -> Iterable[Route]:
    """The public surface. What is not here does not exist."""
    yield from _for_anybody(ends, issuer)
    yield from _for_browsers(ends)
    yield from _for_people(ends)
    yield from _for_apps(ends)
    if ends.drf is not None:
        yield from _for_apps_of_drf(ends.drf)


def _for_anybody(ends: Endpoints, issuer: str) -> Iterable[Route]:
    """Documents and files."""
    public = Access.PUBLIC
    for path in metadata_paths(issuer):
        yield Route(path, {"GET": ends.meta.metadata}, public, "metadata", cors=True, rooted=True)
    yield Route("/jwks", {"GET": ends.meta.jwks}, public, "jwks", cors=True)
    yield Route("/openapi.json", {"GET": ends.meta.openapi}, public, "openapi", cors=True)
    yield Route("/static/{file}", {"GET": ends.meta.static}, public, "static")
    yield Route("/static/icons/{file}", {"GET": ends.meta.static}, public, "static")
    yield Route("/popup/{file}", {"GET": ends.meta.popup}, public, "popup")
    yield Route("/healthz", {"GET": ends.meta.health}, public, "healthz")


def _for_browsers(ends: Endpoints) -> Iterable[Route]:
    """Pages, and what browsers carry between an app, us and an upstream."""
    browser = Access.BROWSER
    yield Route("/", {"GET": ends.meta.home}, browser, "home")
    yield Route("/authorize", _both(ends.authorize), browser, "authorize")
    yield Route("/callback/{provider}", _both(ends.callback), browser, "callback")
    yield Route("/callback/{provider}/{state}", _both(ends.callback), browser, "callback")
    if (by_bot := ends.by_bot) is not None:
        yield Route("/bot/{provider}/{state}", _both(by_bot.entry), browser, "bot")
    yield Route("/consent", _both(ends.consent), browser, "consent")
    yield Route("/continue", {"POST": ends.consent.go_on}, browser, "continue")
    yield Route("/logout", _both(ends.logout), browser, "logout")
    yield Route("/logout/confirm", {"POST": ends.logout.confirm}, browser, "logout_confirm")
    yield Route("/logout/done", {"GET": ends.logout.done}, browser, "logout_done")
    entry, confirmation = ends.devices.entry, ends.devices.confirmation
    yield Route("/device", _both(entry), browser, "device")
    yield Route("/device/login", {"GET": entry.choose}, browser, "device")
    yield Route("/device/confirm", _both(confirmation), browser, "device")
    if (elsewhere := ends.elsewhere) is not None:
        yield Route("/elsewhere", _both(elsewhere), browser, "elsewhere")
        yield Route("/elsewhere/done", {"POST": elsewhere.finish}, browser, "elsewhere")


def _for_apps(ends: Endpoints) -> Iterable[Route]:
    """What apps and upstreams call."""
    client = Access.CLIENT
    yield Route("/par", {"POST": ends.clients.push}, client, "par", cors=True)
    yield Route("/device_authorization", {"POST": ends.clients.device}, client, "device_authorization", cors=True)
    yield Route("/token", {"POST": ends.token.post}, client, "token", cors=True)
    if ends.takes_posted:
        yield Route("/challenge", {"POST": ends.clients.challenge}, client, "challenge", cors=True)
    yield Route("/revoke", {"POST": ends.clients.revoke}, client, "revoke", cors=True)
    yield Route("/introspect", {"POST": ends.clients.introspect}, client, "introspect")
    yield Route("/register", {"POST": ends.register.post}, client, "register")
    entry_of = {"GET": ends.register.get, "PUT": ends.register.put, "DELETE": ends.register.delete}
    yield Route("/register/{client_id}", entry_of, client, "register")
    told = {"GET": ends.userinfo.answer, "POST": ends.userinfo.answer}
    yield Route("/userinfo", told, client, "userinfo", cors=True, dpop=True)
    ways = ends.identities
    collection = {"GET": ways.list_} | ({"POST": ways.add} if ends.takes_posted else {})
    yield Route("/identities", collection, client, "identities", cors=True, dpop=True)
    yield Route("/identities/lookup", {"POST": ways.look_up}, client, "identity_lookup")
    yield Route("/identities/{id}", {"DELETE": ways.remove}, client, "identities", cors=True, dpop=True)
    if (notify := ends.notify) is not None:
        yield Route("/notify", {"POST": notify.post}, client, "notify", dpop=True)
        yield Route("/notify/{id}", {"GET": notify.get}, client, "notify", dpop=True)
    if (by_bot := ends.by_bot) is not None:
        yield Route("/updates/{provider}", {"POST": by_bot.updates.post}, client, "updates")
    if (events := ends.events) is not None:
        yield Route("/events/{provider}", {"POST": events.post}, client, "events")
    if (deletions := ends.deletions) is not None:
        yield Route("/events/{provider}/deletion", {"POST": deletions.post}, client, "events")
    yield Route("/backchannel/{provider}", {"POST": ends.clients.hear_logout}, client, "backchannel")


def _for_apps_of_drf(ends: DrfEndpoints) -> Iterable[Route]:
    """Their developers may have written a slash at the end or none: there it is the same."""
    calls: Mapping[str, Endpoint] = {
        "convert-token": ends.convert_token,
        "token": ends.token,
        "revoke-token": ends.revoke_token,
        "invalidate-sessions": ends.invalidate_sessions,
        "invalidate-refresh-tokens": ends.invalidate_refresh_tokens,
        "disconnect-backend": ends.disconnect_backend,
    }
    for name, endpoint in calls.items():
        for path in (f"/auth/{name}", f"/auth/{name}/"):
            yield Route(path, {"POST": endpoint}, Access.CLIENT, f"drf_{name.replace('-', '_')}", cors=True)


def _for_people(ends: Endpoints) -> Iterable[Route]:
    """What people do beside a login, or in the middle of one, about who they are."""
    browser = Access.BROWSER
    yield Route("/enter/{provider}/{client_id}", _both(ends.enter), browser, "enter")
    if ends.mini_apps:
        page = {"GET": ends.enter.open_mini_app, "POST": ends.enter.hand_over}
        yield Route("/miniapp/{provider}/{client_id}", page, browser, "mini_app")
    if ends.pressed is not None:
        yield Route("/credential/{provider}/{client_id}", _both(ends.pressed), browser, "credential")
    yield Route("/join", _both(ends.join), browser, "join")
    yield Route("/account/link", {"GET": ends.link.get}, browser, "account_link")
    yield Route("/link", {"GET": ends.link_request.get}, browser, "link")
    yield Route("/account/link/confirm", {"POST": ends.link.confirm}, browser, "account_link")
    account = ends.account
    yield Route("/account", {"GET": account.get}, browser, "account")
    yield Route("/account/login", {"GET": account.login}, browser, "account")
    yield Route("/account/link/{way}", {"GET": account.ask, "POST": account.link}, browser, "account")
    yield Route("/account/unlink/{way}", {"GET": account.ask, "POST": account.unlink}, browser, "account")
    yield Route("/account/sign-out", {"GET": account.ask, "POST": account.sign_out}, browser, "account")
    yield Route("/account/export", {"GET": account.ask, "POST": account.export}, browser, "account")
    yield Route("/account/delete", {"GET": account.ask, "POST": account.delete}, browser, "account")
    yield Route("/account/end", {"POST": account.end}, browser, "account")
    yield Route("/account/take-back", {"POST": account.take_back}, browser, "account")
    if ends.hands_tokens:
        yield Route("/account/withdraw", {"POST": account.withdraw}, browser, "account")
    yield Route("/account/keep", {"POST": account.keep}, browser, "account")
    if ends.deletions is not None:
        yield Route(PAGE, {"GET": ends.deletions.get}, browser, "deletion")


class _TwoMethods(Protocol):
    async def get(self, request: Request) -> Response: ...

    async def post(self, request: Request) -> Response: ...


def _both(endpoint: _TwoMethods) -> Mapping[str, Endpoint]:
    return {"GET": endpoint.get, "POST": endpoint.post}
