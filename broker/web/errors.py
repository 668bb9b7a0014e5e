"""Every failure's answer: JSON, redirect or page. Endpoints hold no `try`.

What is said of each is a row of `broker.web.http.failures`.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from urllib.parse import parse_qs

from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from broker.core.authorize.request import to_params
from broker.core.authorize.target import VerifiedRedirect
from broker.core.authorize.whereabouts import is_for_client, whereabouts_of
from broker.core.clients.client import Client
from broker.core.errors import (
    AccountClosing,
    AlreadyLinked,
    AuthorizationPending,
    BadRedirectUri,
    BrokerError,
    InvalidRequestUri,
    LoginTooOld,
    NoAccount,
    NobodyAsked,
    OtherPerson,
    PageError,
    ProviderSwitchedOff,
    StoreUnavailable,
    TooManyRequests,
    UnknownClient,
    quote,
)
from broker.core.events import Event, Recorder, request_id
from broker.core.records import Authorize
from broker.core.wire.addresses import same_start
from broker.services.login.outcomes import LoginFailed
from broker.web.http.answers import answer_json
from broker.web.http.cookies import Cookies
from broker.web.http.failures import about_fault, about_login, code_of, page_of
from broker.web.http.reading import MAX_QUERY
from broker.web.http.refusals import answer_refusal
from broker.web.pages.frontend import Frontend, day_of
from broker.web.pages.response_modes import on_the_way
from broker.web.pages.views import ErrorView

_AT_HOME = (AlreadyLinked, NoAccount, OtherPerson)  # the account page is the way on


class JsonErrors:
    """Makes the answers to failures where no person looks on: all of them are JSON."""

    def __init__(self, recorder: Recorder) -> None:
        self._recorder = recorder

    @staticmethod
    def is_unforeseen(error: Exception) -> bool:
        """Whether this is a bug of ours and not a failure with a name."""
        return not isinstance(error, BrokerError | HTTPException | LoginFailed)

    def as_json(self, error: Exception, *, realm: str, schemes: tuple[str, ...] = ("Bearer",)) -> Response:
        """RFC 6749 section 5.2, RFC 6750 section 3, RFC 9449 section 7.1, RFC 9470 section 3.

        `schemes`: by which tokens may come there, the one that was used first.
        """
        if isinstance(error, HTTPException):
            return answer_json(
                {"error": "invalid_request", "error_description": error.detail}, error.status_code, error.headers
            )
        known = error if isinstance(error, BrokerError) else BrokerError(repr(error))
        self._note(known, whereabouts_of(error).client)
        return answer_refusal(known, realm, schemes)

    def as_page(self, _: Request, error: Exception) -> Response:
        """JSON all the same."""
        return self.as_json(error, realm="")

    def _note(self, error: BrokerError, client: Client | None) -> None:
        if isinstance(error, AuthorizationPending):
            return  # a device that waits, as it should
        event = Event.SERVER_ERROR if type(error) is BrokerError else Event.REQUEST_REFUSED
        whose = {"client_id": client.id} if client else {}
        self._recorder.record(event, error=error.code, kind=type(error).__name__, reason=error.detail, **whose)


class Errors(JsonErrors):
    """Makes the answer to a failure. The detail goes to the log, the public part to the other side.

    A failure carries where it happened (`Whereabouts`): nothing is looked up here, what failed may be the store.
    """

    def __init__(
        self,
        frontend: Frontend,
        recorder: Recorder,
        *,
        clock: Callable[[], float],
        on_own_machine: bool,
    ) -> None:
        """`clock` gives epoch seconds.

        `on_own_machine`: nobody but the developer sees our pages, so they may say what is registered.
        """
        super().__init__(recorder)
        self._frontend = frontend
        self._clock = clock
        self._on_own_machine = on_own_machine

    def as_page(self, request: Request, error: Exception) -> Response:
        """A redirect where a verified place is at hand and the failure is for the client, otherwise a page."""
        response = self._page_or_redirect(request, error)
        tag = whereabouts_of(error).flow
        # While state cannot be claimed the attempt is not spent: the person reloads when the store is back.
        if tag and not isinstance(error, StoreUnavailable):
            Cookies.drop_flow(response, tag)
        return response

    def _page_or_redirect(self, request: Request, error: Exception) -> Response:
        if isinstance(error, HTTPException):
            page = "E-NOTFOUND" if error.status_code == 404 else "E-CLIENT"
            response = self._page(request, ErrorView(page, *self._stamp(), hint=error.detail), error.status_code)
            response.headers.update(error.headers or {})
            return response
        if isinstance(error, LoginFailed):
            return self._login_failed(request, error)
        known = error if isinstance(error, BrokerError) else BrokerError(repr(error))
        here = whereabouts_of(error)
        target = here.target
        self._note(known, target.client if target else _client_of(known))
        if target is not None and is_for_client(known, target):
            params = self._frontend.error_params(target, known.code, known.public or about_fault(known))
            return self._frontend.respond(request, target, params, pause=not here.asked and _is_lure(request, target))
        return self._page(
            request, self._build_view(request, known, target.client if target else None), known.status, target
        )

    def _build_view(self, request: Request, error: BrokerError, client: Client | None) -> ErrorView:
        client = _client_of(error) or client
        retry_after = error.retry_after if isinstance(error, TooManyRequests | StoreUnavailable) else 0
        nearest = error.nearest if isinstance(error, BadRedirectUri) else ""
        view = ErrorView(
            page_of(error),
            *self._stamp(),
            error=error.code,
            hint=error.public,
            provider_name=error.title if isinstance(error, ProviderSwitchedOff) else {},
            sent=quote(error.sent) if isinstance(error, BadRedirectUri | UnknownClient) and error.sent else "",
            same=same_start(nearest, error.sent) if isinstance(error, BadRedirectUri) else 0,
            registered=nearest if self._on_own_machine else "",
            client=self._frontend.client_view(client) if client else None,
            retry_href=_same_again(request, error),
            home_href=client.home_uri if client else "",
            retry_after=retry_after,
        )
        return self._lead_home(request, error, view)

    def _lead_home(self, request: Request, error: BrokerError, view: ErrorView) -> ErrorView:
        """The view with the way on for who is at their account page, or has to go there."""
        home = self._frontend.account_href()
        if isinstance(error, AccountClosing):
            return replace(view, account_href=home, closes_on=day_of(error.closes_at))
        if isinstance(error, LoginTooOld):
            again = self._frontend.href("/account/login", {"idp_hint": error.provider, "then": error.then})
            return replace(view, account_href=home, retry_href=again)
        if isinstance(error, NobodyAsked):
            return replace(view, account_href=home, retry_href=self._frontend.account_href(f"link/{error.provider}"))
        at_home = isinstance(error, _AT_HOME) or f"{request.scope['path']}/".startswith(f"{home}/")
        return replace(view, account_href=home) if at_home else view

    def _login_failed(self, request: Request, failed: LoginFailed) -> Response:
        """Another way, the same way again, or back to the app: nobody is left in a dead end."""
        error, purpose, client = failed.cause, failed.purpose, failed.client
        waiting = whereabouts_of(failed).target
        if waiting is not None and waiting.linking:
            params = self._frontend.error_params(waiting, code_of(error), about_login(error))
            return self._frontend.respond(request, waiting, params)
        if client is None or not isinstance(purpose, Authorize):
            return self._login_failed_here(request, failed)
        asked = purpose.request
        try:
            target = VerifiedRedirect.of(asked, client)
        except PageError:  # the redirect URI was taken away meanwhile
            return self._page(request, self._build_view(request, error, None), error.status)
        again = to_params(asked.replace(idp_hint=failed.provider.name))
        other = to_params(asked.replace(idp_hint=""))
        home = self._frontend.error_href(target, code_of(error), about_login(error))
        view = ErrorView(
            page_of(error),
            *self._stamp(),
            error=error.code,
            provider_name=failed.provider.title,
            client=self._frontend.client_view(target.client, target.redirect_uri),
            retry_href=self._frontend.authorize_href(again),
            other_href=self._frontend.authorize_href(other) if not failed.only else "",
            home_href=home or target.client.home_uri,
            retry_after=error.retry_after if isinstance(error, StoreUnavailable) else 0,
        )
        return self._page(request, self._lead_home(request, error, view), error.status, target)

    def _login_failed_here(self, request: Request, failed: LoginFailed) -> Response:
        """The code again, which the device still shows; or the page of the account where they set out."""
        view = replace(self._build_view(request, failed.cause, failed.client), provider_name=failed.provider.title)
        href = self._frontend.account_href
        if failed.client is None:
            view = replace(view, account_href=href(), retry_href=href(failed.set_out_at))
        else:
            view = replace(view, client=self._frontend.device_view(failed.client), retry_href=href("/device"))
        return self._page(request, view, failed.cause.status)

    def _page(self, request: Request, view: ErrorView, status: int, target: VerifiedRedirect | None = None) -> Response:
        wished = parse_qs(request.scope["query_string"][:MAX_QUERY].decode("latin-1")).get("ui_locales", [""])[0]
        locale = self._frontend.locale(request, ui_locales=wished, client=target.client if target else None)
        return on_the_way(self._frontend.pages.show(view, locale, status=status), target)

    def _stamp(self) -> tuple[str, str]:
        return request_id.get(), datetime.fromtimestamp(self._clock(), UTC).isoformat(timespec="seconds")


def _client_of(error: BrokerError) -> Client | None:
    """Whose app the person is led back to, where the failure says it."""
    said = error.client if isinstance(error, PageError | InvalidRequestUri) else None
    return said if isinstance(said, Client) else None


def _same_again(request: Request, error: BrokerError) -> str:
    """A link to the address that was asked for, where asking later helps; "" where that would need a form."""
    if request.method != "GET" or not isinstance(error, TooManyRequests | StoreUnavailable):
        return ""
    path, query = str(request.scope["path"]), request.scope["query_string"].decode("latin-1")
    return f"{path}?{query}" if query else path


def _is_lure(request: Request, target: VerifiedRedirect) -> bool:
    """Whether a link to us would lead who was not asked to a place nobody verified (RFC 9700 section 4.11.2).

    A link opens a document; a silent renewal in a hidden frame takes nobody anywhere.
    """
    hidden = target.silent and request.headers.get("sec-fetch-dest") == "iframe"
    return target.client.origin.registered and not hidden
