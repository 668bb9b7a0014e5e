"""Every failure by name.

`detail` is for the operator and goes to the log; `public` is for the other side and goes on the wire. A class says
what kind of failure it is (`code`, `status`); only `broker.web.errors` turns one into an answer.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import ClassVar, Protocol

QUOTED = 200  # characters


class BrokerError(Exception):
    """The root. `public` may be shown to anybody and therefore holds no secret and no value sent by a stranger."""

    code: ClassVar[str] = "server_error"
    status: ClassVar[int] = 500

    def __init__(self, detail: str, *, public: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.public = public


def quote(value: str) -> str:
    """What somebody sent, for a log or a page: one line of printable ASCII, cut at 200 characters."""
    text = value[:QUOTED].encode("unicode_escape").decode("ascii")[:QUOTED]
    return text if len(value) <= QUOTED and len(text) < QUOTED else f"{text}..."


# --- a request of a client that cannot be granted: JSON on the back channel, a redirect on the front channel ---


class RequestError(BrokerError):
    """An OAuth error with a registered code; the text says what the app's developer should change."""

    code = "invalid_request"
    status = 400

    def __init__(self, public: str, *, detail: str = "") -> None:
        super().__init__(detail or public, public=public)


class InvalidRequest(RequestError):
    """RFC 6749 section 4.1.2.1 and 5.2."""


class InvalidClient(RequestError):
    """Client authentication failed (RFC 6749 section 5.2)."""

    code = "invalid_client"
    status = 401


class InvalidGrant(RequestError):
    """A code or refresh token that is wrong, spent, expired or somebody else's (RFC 6749 section 5.2)."""

    code = "invalid_grant"


class UnauthorizedClient(RequestError):
    """The client may not do this (RFC 6749 section 4.1.2.1)."""

    code = "unauthorized_client"


class UnsupportedGrantType(RequestError):
    """RFC 6749 section 5.2."""

    code = "unsupported_grant_type"


class UnsupportedResponseType(RequestError):
    """RFC 6749 section 4.1.2.1."""

    code = "unsupported_response_type"


class InvalidScope(RequestError):
    """RFC 6749 section 4.1.2.1."""

    code = "invalid_scope"


class AccessDenied(RequestError):
    """The user or the upstream said no (RFC 6749 section 4.1.2.1)."""

    code = "access_denied"


class LoginRequired(RequestError):
    """`prompt=none` without a usable session (OIDC Core 3.1.2.6)."""

    code = "login_required"


class ConsentRequired(RequestError):
    """`prompt=none` without remembered consent (OIDC Core 3.1.2.6)."""

    code = "consent_required"


class InteractionRequired(RequestError):
    """`prompt=none` where only a page can go on (OIDC Core 3.1.2.6)."""

    code = "interaction_required"


class RequestNotSupported(RequestError):
    """The `request` parameter is not supported (OIDC Core 3.1.2.6)."""

    code = "request_not_supported"


class RequestUriNotSupported(RequestError):
    """The `request_uri` parameter is not supported (OIDC Core 3.1.2.6)."""

    code = "request_uri_not_supported"


class RegistrationNotSupported(RequestError):
    """The `registration` parameter is not supported (OIDC Core 3.1.2.6)."""

    code = "registration_not_supported"


class InvalidToken(RequestError):
    """A bearer token that is no good (RFC 6750 section 3.1)."""

    code = "invalid_token"
    status = 401


class NoToken(InvalidToken):
    """No bearer token at all: the challenge names no error, there was nothing to be wrong (RFC 6750 section 3.1)."""


class InsufficientScope(RequestError):
    """A bearer token without the scope the resource needs (RFC 6750 section 3.1)."""

    code = "insufficient_scope"
    status = 403


class InsufficientUserAuthentication(RequestError):
    """The login behind the token is older than `max_age`, in seconds: too old for this (RFC 9470 section 3)."""

    code = "insufficient_user_authentication"
    status = 401

    def __init__(self, public: str, *, max_age: int) -> None:
        super().__init__(public)
        self.max_age = max_age


class TooManyRequests(RequestError):
    """A limit was reached; `retry_after` is in seconds (RFC 6585 section 4)."""

    code = "slow_down"
    status = 429

    def __init__(self, public: str, *, retry_after: int) -> None:
        super().__init__(public)
        self.retry_after = retry_after


# --- the same, named by extensions of OAuth 2.0 ---


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


# --- a client could not be registered (RFC 7591 section 3.2.2) ---


class InvalidClientMetadata(RequestError):
    """A member is of the wrong kind, or does not fit the others."""

    code = "invalid_client_metadata"


class InvalidRedirectUri(RequestError):
    """A redirect URI that may not be registered."""

    code = "invalid_redirect_uri"


class UnapprovedSoftwareStatement(RequestError):
    """A software statement: nobody's is believed here."""

    code = "unapproved_software_statement"


class RegistrationFull(RequestError):
    """As many clients have registered themselves as the operator allows."""

    code = "access_denied"
    status = 403


# --- what only a page can say: there is no verified place to send the browser to ---


class Whose(Protocol):
    """A client as failures know it: they are below everything that can fail."""

    @property
    def id(self) -> str:
        """Its client_id."""


class PageError(BrokerError):
    """Shown to the person at the browser and never redirected; `page` names the text (docs/reference/errors.md).

    `client`: whose app the person is led back to, where that is known.
    """

    status = 400
    page: ClassVar[str] = "E-CLIENT"
    code = "invalid_request"

    def __init__(self, detail: str, *, public: str = "", client: Whose | None = None) -> None:
        super().__init__(detail, public=public)
        self.client = client


class UnknownClient(PageError):
    """No such client, or no client named at all. `sent` is what came as its name, or ""."""

    def __init__(self, detail: str, *, public: str = "", sent: str = "") -> None:
        super().__init__(detail, public=public)
        self.sent = sent


class BadRedirectUri(PageError):
    """The redirect URI is absent or not registered, byte for byte, for this client.

    `sent` is what came, and `nearest` the registered one that begins most like it; "" for neither.
    """

    def __init__(
        self, detail: str, *, public: str = "", client: Whose | None = None, sent: str = "", nearest: str = ""
    ) -> None:
        super().__init__(detail, public=public, client=client)
        self.sent, self.nearest = sent, nearest


class FlowGone(PageError):
    """The login attempt is older than its limit."""

    page = "E-EXPIRED"


class FlowFinished(PageError):
    """The login attempt was already used."""

    page = "E-DONE"


class FlowNotHere(PageError):
    """The browser brought no record of this login attempt: cookies are off, or it is another browser."""

    page = "E-COOKIE"


class NothingAsked(PageError):
    """A callback that belongs to no login attempt."""

    page = "E-EXPIRED"


class ForeignPost(PageError):
    """A form that did not come from our own page in this browser."""

    page = "E-EXPIRED"
    status = 403


class ProviderNotOffered(PageError):
    """The provider is unknown, switched off, or not on the client's list."""

    page = "E-NOTALLOWED"


class InvalidRequestUri(PageError):
    """A `request_uri` that names no request of this client, not any more or never (RFC 9101 section 6.2, RFC 9126).

    A page: where the request would be answered, only the request says. `client`: whose app the person is led
    back to, where that is known.
    """

    page = "E-EXPIRED"
    code = "invalid_request_uri"

    def __init__(self, detail: str, *, client: Whose | None = None) -> None:
        super().__init__(detail, public="request_uri is wrong, expired, used or another client's; make a new one")
        self.client = client


# --- the upstream ---


class UpstreamError(BrokerError):
    """Something at a provider, and not the person's doing; another way is offered."""

    code = "server_error"
    status = 502
    page: ClassVar[str] = "E-ANSWER"


class UpstreamDenied(UpstreamError):
    """The person pressed cancel, or the upstream refused them."""

    code = "access_denied"
    page = "E-CANCEL"
    status = 403


class UpstreamRejected(UpstreamError):
    """The upstream refused our request: an error body, whatever the HTTP status was."""

    def __init__(self, detail: str, *, error: str = "") -> None:
        super().__init__(detail)
        self.error = error


class UpstreamInvalid(UpstreamError):
    """The upstream's answer cannot be trusted or understood."""


class UpstreamUnavailable(UpstreamError):
    """Timeout, connection failure, 5xx, 429, a word for "not now", or an open circuit breaker.

    `sent`: whether anything of ours may have reached it; `answered`: whether anything came back. `retry_after`: seconds
    it asked us to wait, or None.
    """

    code = "temporarily_unavailable"
    status = 503
    page = "E-UPSTREAM"

    def __init__(
        self, detail: str, *, sent: bool = True, answered: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(detail)
        self.sent, self.answered, self.retry_after = sent, answered, retry_after


# --- accounts, state, configuration ---


class AccountError(BrokerError):
    """The account may not do this."""

    status = 403
    code = "access_denied"


class AccountBlocked(AccountError):
    """The account is switched off."""


class FetchFailed(BrokerError):
    """A URL that a client supplied could not be fetched, or may not be; `detail` never holds the URL."""

    code = "invalid_request"
    status = 400


class StoreUnavailable(BrokerError):
    """State cannot be read or written just now; nothing was acknowledged. `retry_after` is in seconds."""

    code = "temporarily_unavailable"
    status = 503
    retry_after: ClassVar[int] = 5


class SealBroken(BrokerError):
    """A sealed record that is not ours, was made for another purpose, or was changed."""

    code = "invalid_request"
    status = 400


class ConfigError(Exception):
    """All problems found in a configuration, each as one line `file:line:column: key: problem`.

    `excerpts` has, for some of these lines, the place in the file with a caret below it; secrets are left out of it.
    """

    def __init__(self, problems: list[str], excerpts: Mapping[str, str] = MappingProxyType({})) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems
        self._excerpts = excerpts

    @property
    def shown(self) -> list[str]:
        """The problems as a terminal shows them, each followed by its excerpt."""
        return [f"{line}\n{self._excerpts[line]}" if line in self._excerpts else line for line in self.problems]
