"""Response modes: how an authorization response travels back to a client, one row each.

OAuth 2.0 Multiple Response Type Encoding Practices 2.1, OAuth 2.0 Form Post Response Mode. The words are those of
`broker.core.terms.ResponseMode`; what a page of a mode may do is the policy of its view in `broker.web.pages.pages`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from broker.core.terms import ResponseMode
from broker.core.wire.addresses import build_response_url
from broker.web.pages.views import ClientView, FormPostView, ReturnView, View

Params = Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Delivery:
    """`link`: the address that carries these parameters to a redirect URI by itself, or "" where that needs a page.

    `page`: what carries them there from a page of ours, at once or, with `pause`, by a tap.
    """

    link: Callable[[str, Params], str]
    page: Callable[[str, Params, ClientView, bool], View]


def _return(redirect_uri: str, params: Params, client: ClientView, pause: bool) -> View:
    return ReturnView(build_response_url(redirect_uri, params), client, pause)


DELIVERIES: Mapping[ResponseMode, Delivery] = {
    ResponseMode.QUERY: Delivery(build_response_url, _return),
    ResponseMode.FORM_POST: Delivery(lambda *_: "", FormPostView),
}
