"""Response modes: how an authorization response travels back to a client, one row each.

OAuth 2.0 Multiple Response Type Encoding Practices 2.1, OAuth 2.0 Form Post Response Mode, and the draft of a Web
Message Response Mode. The words are those of `broker.core.terms.ResponseMode`; what a page of a mode may do is the
policy of its view in `broker.web.pages.pages`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from starlette.responses import Response

from broker.core.authorize.target import VerifiedRedirect
from broker.core.records import AuthorizationRequest
from broker.core.terms import ResponseMode
from broker.core.wire.addresses import build_response_url, origin_of
from broker.web.pages.views import ClientView, FormPostView, ReturnView, View, WebMessageView

Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """`link`: the address that carries these parameters to a redirect URI by a tap, or "" where that needs a page.

    `page`: what carries them there from a page of ours, at once or, with `pause`, by a tap. `redirected`: the link does
    for a GET what the page does. `heard`: the window that opened this one waits for the answer.
    """

    link: Callable[[str, Params], str]
    page: Callable[[VerifiedRedirect, Params, ClientView, bool], View]
    redirected: bool = False
    heard: bool = False


def _return(target: VerifiedRedirect, params: Params, client: ClientView, pause: bool) -> View:
    return ReturnView(build_response_url(target.redirect_uri, params), client, pause)


def _post(target: VerifiedRedirect, params: Params, client: ClientView, pause: bool) -> View:
    return FormPostView(target.redirect_uri, params, client, pause)


def _say(target: VerifiedRedirect, params: Params, client: ClientView, pause: bool) -> View:
    if pause:  # by a tap it goes to the page that was registered, whoever opened this one
        return _return(target, params, client, pause)
    href, origin = build_response_url(target.redirect_uri, params), origin_of(target.redirect_uri)
    return WebMessageView(origin, params, href, client, framed=target.silent)


DELIVERIES: Mapping[ResponseMode, Delivery] = {
    ResponseMode.QUERY: Delivery(build_response_url, _return, redirected=True),
    ResponseMode.FORM_POST: Delivery(lambda *_: "", _post),
    ResponseMode.WEB_MESSAGE: Delivery(build_response_url, _say, heard=True),
}


def on_the_way(response: Response, wanted: AuthorizationRequest | VerifiedRedirect | None) -> Response:
    """The response, which keeps hold of the window that opened this one where that waits for the answer `wanted`.

    Every page of such a login has to pass here. On all others the browser cuts the two apart, for good (HTML Standard
    7.1.3, cross-origin opener policies), and one page that does so is enough.
    """
    if wanted is not None and DELIVERIES[ResponseMode(wanted.response_mode)].heard:
        response.headers["cross-origin-opener-policy"] = "unsafe-none"
    return response
