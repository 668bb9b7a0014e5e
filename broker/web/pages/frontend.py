"""What every page endpoint needs: language, look of a client, and the way back to a client."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response

from broker.core.authorize.account_choice import for_another
from broker.core.authorize.request import ANY_PROVIDER, IDP_HINTS, to_params
from broker.core.authorize.target import VerifiedRedirect
from broker.core.clients.client import Client
from broker.core.errors import AccessDenied, ForeignPost
from broker.core.records import AuthorizationRequest
from broker.core.wire.parameters import Parameters
from broker.core.wire.query import Sent, encode_query
from broker.services.authorize.decide import Ask
from broker.web.http.cookies import LANGUAGE, Cookies
from broker.web.pages.locale import negotiate
from broker.web.pages.pages import Pages
from broker.web.pages.response_modes import DELIVERIES, on_the_way
from broker.web.pages.views import ClientView


@dataclass(frozen=True, slots=True)
class Frontend:
    """Shared by the page endpoints. `origin` and `base` are the issuer's, the path "" at the root."""

    pages: Pages
    origin: str
    base: str
    languages: tuple[str, ...]
    default_language: str

    def locale(self, request: Request, *, ui_locales: str = "", client: Client | None = None) -> str:
        """The language this person gets."""
        return negotiate(
            self.languages,
            self.default_language,
            ui_locales=ui_locales,
            cookie=Cookies.read(request, LANGUAGE),
            accept_language=request.headers.get("accept-language", ""),
            client_languages=client.languages if client else (),
        )

    def check_own_form(self, request: Request) -> None:
        """A form of ours is posted from a page of ours; raises ForeignPost.

        Headers that are absent, or `null` because our pages send no referrer, pass: the sealed ticket in the form is
        what binds it to the browser.
        """
        site = request.headers.get("sec-fetch-site", "same-origin")
        origin = request.headers.get("origin", "null")
        if site not in {"same-origin", "none"} or origin not in {self.origin, "null"}:
            raise ForeignPost("a form posted from another site")

    def client_view(self, client: Client, redirect_uri: str = "") -> ClientView:
        """The app as people see it, with the host they will be sent to."""
        parts = urlsplit(redirect_uri or client.home_uri)
        logo = f"{self.base}/static/{client.logo}" if client.logo else ""
        return ClientView(
            client.name,
            parts.hostname or parts.scheme,
            logo,
            registered=client.origin.registered,
            own_logo_href=client.origin.picture,
            policy_href=client.origin.policy_uri,
            terms_href=client.origin.tos_uri,
        )

    def device_view(self, client: Client, leads_to: str = "") -> ClientView:
        """The app on a device. Nobody is sent anywhere, so what it merely says of itself is not shown.

        `leads_to`: where the window of an app goes on.
        """
        view = self.client_view(client, leads_to)
        if leads_to:
            return view
        return replace(view, host="", own_logo_href="") if client.origin.registered else view

    def language_hrefs(self, path: str, params: Sent) -> dict[str, str]:
        """The same page in each language."""
        return {
            language: f"{self.base}{path}?{encode_query({**params, 'ui_locales': language})}"
            for language in self.languages
        }

    def authorize_href(self, params: Sent) -> str:
        """The authorization endpoint with these parameters."""
        return self.href("/authorize", params)

    def another_href(self, request: AuthorizationRequest) -> str:
        """The chooser for somebody else than this browser knows, with the same request."""
        return self.authorize_href(to_params(for_another(request)))

    def href(self, path: str, params: Sent) -> str:
        """A page of ours with these parameters."""
        return f"{self.base}{path}?{encode_query(params)}"

    def account_href(self, page: str = "") -> str:
        """A page below that of the account, "" for this itself; or, from "/" on, any page of ours."""
        return self.base + (page if page.startswith("/") else f"/account/{page}".rstrip("/"))

    def question_href(self, ask: Ask) -> str:
        """The page of ours where a question is put."""
        return f"{self.base}{ask.path}?ticket={ask.ticket}"

    def error_params(self, target: VerifiedRedirect, code: str, description: str) -> dict[str, str]:
        """What the client is told (RFC 6749 section 4.1.2.1); one that asked for a way in: by `status`."""
        said = {"error": code, "error_description": description}
        if target.linking:
            said = {"status": "cancelled"} if code == AccessDenied.code else {"status": "error", **said}
        return target.say(said, issuer=f"{self.origin}{self.base}")

    def error_href(self, target: VerifiedRedirect, code: str, description: str) -> str:
        """A link that takes an error back to the client, or "" where that needs a form."""
        params = self.error_params(target, code, description)
        return DELIVERIES[target.response_mode].link(target.redirect_uri, params)

    @staticmethod
    def leave_to(href: str) -> Response:
        """On to another page of ours; always by GET (303), never repeating a posted form."""
        return RedirectResponse(href, 303)

    def respond(
        self,
        request: Request,
        target: VerifiedRedirect,
        params: Mapping[str, str],
        *,
        status: int = 303,
        pause: bool = False,
    ) -> Response:
        """Send an authorization response, success or error, to a verified place.

        In the query it travels by a redirect, after a POST by a page that navigates, because `form-action` would stop
        a redirect; by every other mode a page takes it. With `pause` the person sees where it goes, and goes there by
        a tap or not at all.
        """
        delivery = DELIVERIES[target.response_mode]
        href = delivery.link(target.redirect_uri, params)
        by_itself = delivery.redirected and href.startswith(("https:", "http:"))
        if by_itself and not pause and request.method == "GET":
            return RedirectResponse(href, status)
        locale = self.locale(request, client=target.client)
        view = self.client_view(target.client, target.redirect_uri)
        return on_the_way(self.pages.show(delivery.page(target, params, view, pause), locale), target)


def link_params(params: Parameters, request: AuthorizationRequest, *, hinted: bool = True) -> Sent:
    """What arrived as `params`, to be sent again by a link of ours; not `hinted`: to no provider in particular.

    Of a pushed or signed request that is its name alone, and what our own pages add to it.
    """
    ours = bool(request.request_uri) and params.get("request_uri", "") == request.request_uri
    kept = params.only(("ui_locales", "prompt", *IDP_HINTS) if ours else ()) if request.request_uri else params
    sent: Sent = {name: value for name, value in kept.again().items() if hinted or name not in IDP_HINTS}
    if request.request_uri:
        sent = {"client_id": request.client_id, "request_uri": request.request_uri, **sent}
    if request.request_uri and not hinted:
        return {**sent, "idp_hint": ANY_PROVIDER}
    return sent


def minute_of(at: int) -> str:
    """Epoch seconds in ISO 8601, UTC: nobody's time zone is known here."""
    return datetime.fromtimestamp(at, UTC).isoformat(timespec="seconds")


def day_of(at: int) -> str:
    """The day of it, in UTC."""
    return minute_of(at)[:10]
