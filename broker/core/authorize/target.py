"""Where the answer to an authorization request goes (RFC 6749 section 4.1.2): a redirect URI of the client that asks.

Until client and redirect URI are known to be good, a failure is a page and the browser goes nowhere. What else is
asked for is checked by the table of `broker.core.authorize.request`, whose failures go back to the client.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from broker.core.clients.client import Client
from broker.core.errors import BadRedirectUri, UnknownClient, quote
from broker.core.records import AuthorizationRequest, LinkReturn
from broker.core.terms import Prompt, ResponseMode
from broker.core.wire.addresses import same_start
from broker.core.wire.parameters import Parameters

MAX_STATE = 2048  # characters


@dataclass(frozen=True, slots=True)
class VerifiedRedirect:
    """A place the browser may be sent to, errors included; made by one function, which verifies its URI.

    `silent`: nobody looks at the browser (`prompt=none`), so every failure is told to the client. `request_uri` names
    the pushed request that an answer there ends, or "". `linking`: answers there are about a way in (`/link`), and say
    so by `status`.
    """

    client: Client
    redirect_uri: str
    response_mode: ResponseMode
    state: str
    silent: bool = False
    request_uri: str = ""
    linking: bool = False

    @classmethod
    def of(cls, request: AuthorizationRequest, client: Client) -> VerifiedRedirect:
        """The place of a request that was checked before; raises BadRedirectUri when it stands no longer."""
        silent = Prompt.NONE in request.prompt
        place = _verify(client, request.redirect_uri, request.response_mode, request.state, silent=silent)
        return replace(place, request_uri=request.request_uri)

    def say(self, params: Mapping[str, str], *, issuer: str) -> dict[str, str]:
        """These, with `state` and `iss` as every answer has them (RFC 6749 section 4.1.2, RFC 9207)."""
        state = {"state": self.state} if self.state else {}
        return dict(params) | state | {"iss": issuer}

    @classmethod
    def of_link(cls, back: LinkReturn, client: Client) -> VerifiedRedirect:
        """The place where an app waits that asked for a way in; raises BadRedirectUri when it stands no longer."""
        place = _verify(client, back.redirect_uri, ResponseMode.QUERY, back.state, silent=False)
        return replace(place, linking=True)


def parse_client_id(params: Parameters) -> str:
    """Whose request this says it is; raises UnknownClient."""
    client_id = params.get("client_id", "")
    if "client_id" in params.repeated or not client_id:
        raise UnknownClient("client_id missing or repeated", public="client_id is missing or was sent more than once")
    return client_id


def verify_target(params: Parameters, client: Client | None, *, outside: bool = False) -> VerifiedRedirect:
    """The verified place; raises UnknownClient or BadRedirectUri, which are never redirected.

    `client` is who `parse_client_id` named, None when we know nobody of that name. `outside`: these parameters are
    beside a signed request, and only say where to tell what is wrong with it; so `prompt` does not count.
    """
    if client is None:
        sent = params.get("client_id", "")
        raise UnknownClient(f"unknown client_id {quote(sent)}", public="client_id is not registered here", sent=sent)
    sent = params.get("redirect_uri", "")
    if "redirect_uri" in params.repeated or not sent:
        raise BadRedirectUri(
            f"redirect_uri missing or repeated, client {client.id}",
            public="redirect_uri is missing or was sent more than once",
            client=client,
        )
    mode, state = params.get("response_mode", ""), params.get("state", "")
    return _verify(
        client,
        sent,
        mode if "response_mode" not in params.repeated else "",
        state if "state" not in params.repeated and len(state) <= MAX_STATE else "",
        silent=not outside and Prompt.NONE in params.words("prompt"),
    )


def _verify(client: Client, unverified_redirect_uri: str, mode: str, state: str, *, silent: bool) -> VerifiedRedirect:
    """Every place is made here, and its URI is verified here."""
    redirect_uri = verify_redirect_uri(client, unverified_redirect_uri)
    usable = ResponseMode(mode) if client.answers_by(mode, redirect_uri) else ResponseMode.QUERY
    return VerifiedRedirect(client, redirect_uri, usable, state, silent)


def verify_redirect_uri(client: Client, unverified_redirect_uri: str) -> str:
    """The URI itself when it is registered for this client; raises BadRedirectUri, which says what comes nearest."""
    if client.is_registered(unverified_redirect_uri):
        return unverified_redirect_uri
    nearest = max(client.redirect_uris, key=lambda uri: same_start(uri, unverified_redirect_uri), default="")
    raise BadRedirectUri(
        f"redirect_uri {quote(unverified_redirect_uri)} is not registered for client {client.id}; nearest: {nearest}",
        public="redirect_uri is not one of the URIs registered for this client, byte for byte",
        client=client,
        sent=unverified_redirect_uri,
        nearest=nearest,
    )
