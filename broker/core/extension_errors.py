"""Failures that extensions of OAuth 2.0 name; the root and the rules are in `broker.core.errors`."""

from __future__ import annotations

from typing import TYPE_CHECKING

from broker.core.errors import PageError, RequestError

if TYPE_CHECKING:
    from broker.core.client import Client


class InvalidRequestUri(PageError):
    """A `request_uri` that names no request of this client, not any more or never (RFC 9101 section 6.2, RFC 9126).

    A page: where the request would be answered, only the request says. `client`: whose app the person is led
    back to, where that is known.
    """

    page = "E-EXPIRED"
    code = "invalid_request_uri"

    def __init__(self, detail: str, *, client: Client | None = None) -> None:
        super().__init__(detail, public="request_uri is wrong, expired, used or another client's; make a new one")
        self.client = client


class InvalidDpopProof(RequestError):
    """A proof of possession is missing where it is needed, or no good (RFC 9449 sections 5 and 7.1)."""

    code = "invalid_dpop_proof"


class UseDpopNonce(RequestError):
    """The proof lacks a nonce of ours that is still good; the answer brings one (RFC 9449 sections 8 and 9)."""

    code = "use_dpop_nonce"


class InvalidTarget(RequestError):
    """An API that this client may not have a token for, or no name of any API (RFC 8707 section 2)."""

    code = "invalid_target"


class InvalidAuthorizationDetails(RequestError):
    """`authorization_details` are of a type unknown here, as every type is (RFC 9396 section 5)."""

    code = "invalid_authorization_details"


class UnmetAuthenticationRequirements(RequestError):
    """No upstream reached the level that was essential (OpenID Connect Core Unmet Authentication Requirements 1.0)."""

    code = "unmet_authentication_requirements"


class InvalidRequestObject(RequestError):
    """A request object that is not signed by the client's key, not for us, too old, or malformed (RFC 9101 6.2)."""

    code = "invalid_request_object"


class RequestUriUnusable(RequestError):
    """A `request_uri` of a client that is not registered, or cannot be fetched (RFC 9101 section 7)."""

    code = "invalid_request_uri"


class AuthorizationPending(RequestError):
    """Nobody has answered the device's question yet (RFC 8628 section 3.5)."""

    code = "authorization_pending"


class SlowDown(RequestError):
    """As `AuthorizationPending`, and the device asked too early (RFC 8628 section 3.5)."""

    code = "slow_down"


class ExpiredToken(RequestError):
    """The device code has expired without an answer (RFC 8628 section 3.5)."""

    code = "expired_token"
