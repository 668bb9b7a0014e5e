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
    """The root. `public` may be shown to anybody and therefore holds no secret and no value sent by a stranger.

    `members` say it again in JSON to apps that read another spelling.
    """

    code: ClassVar[str] = "server_error"
    status: ClassVar[int] = 500
    members: Mapping[str, object] = MappingProxyType({})

    def __init_subclass__(cls, *, code: str = "", status: int = 0) -> None:
        """Each kind names what is another than its parent's."""
        cls.code, cls.status = code or cls.code, status or cls.status

    def __init__(self, detail: str, *, public: str = "") -> None:
        super().__init__(detail)
        self.detail = detail
        self.public = public


def quote(value: str) -> str:
    """What somebody sent, for a log or a page: one line of printable ASCII, cut at 200 characters."""
    text = value[:QUOTED].encode("unicode_escape").decode("ascii")[:QUOTED]
    return text if len(value) <= QUOTED and len(text) < QUOTED else f"{text}..."


# --- a request of a client that cannot be granted: JSON on the back channel, a redirect on the front channel ---


class RequestError(BrokerError, code="invalid_request", status=400):
    """An OAuth error with a registered code; the text says what the app's developer should change."""

    def __init__(self, public: str, *, detail: str = "") -> None:
        super().__init__(detail or public, public=public)


class InvalidRequest(RequestError):
    """RFC 6749 section 4.1.2.1 and 5.2."""


class FieldRefused(InvalidRequest):
    """A parameter of drf-social-oauth2's calls; `said` stands under its name, too, as Django REST framework has it."""

    def __init__(self, field: str, public: str, said: str) -> None:
        super().__init__(public)
        self.members = {field: [said]}


class InvalidClient(RequestError, code="invalid_client", status=401):
    """Client authentication failed (RFC 6749 section 5.2)."""


class InvalidGrant(RequestError, code="invalid_grant"):
    """A code or refresh token that is wrong, spent, expired or somebody else's (RFC 6749 section 5.2)."""


class CredentialRefused(RequestError):
    """A posted credential that is not good enough (RFC 8693 section 2.2.2).

    What is wrong with it, the log says and nobody else: whoever tries one must not learn how far it got.
    """

    def __init__(self, detail: str) -> None:
        super().__init__(
            "the subject token is not acceptable; take a new challenge and let the user sign in again", detail=detail
        )


class AccountNotFound(RequestError, code="account_not_found"):
    """Nobody here is known by a posted credential that must make no account, or they could not sign in."""


class UnauthorizedClient(RequestError, code="unauthorized_client"):
    """The client may not do this (RFC 6749 section 4.1.2.1)."""


class UnsupportedGrantType(RequestError, code="unsupported_grant_type"):
    """RFC 6749 section 5.2."""


class UnsupportedResponseType(RequestError, code="unsupported_response_type"):
    """RFC 6749 section 4.1.2.1."""


class InvalidScope(RequestError, code="invalid_scope"):
    """RFC 6749 section 4.1.2.1."""


class AccessDenied(RequestError, code="access_denied"):
    """The user or the upstream said no (RFC 6749 section 4.1.2.1)."""


class LoginRequired(RequestError, code="login_required"):
    """`prompt=none` without a usable session (OIDC Core 3.1.2.6)."""


class ConsentRequired(RequestError, code="consent_required"):
    """`prompt=none` without remembered consent (OIDC Core 3.1.2.6)."""


class InteractionRequired(RequestError, code="interaction_required"):
    """`prompt=none` where only a page can go on (OIDC Core 3.1.2.6)."""


class RequestNotSupported(RequestError, code="request_not_supported"):
    """The `request` parameter is not supported (OIDC Core 3.1.2.6)."""


class RequestUriNotSupported(RequestError, code="request_uri_not_supported"):
    """The `request_uri` parameter is not supported (OIDC Core 3.1.2.6)."""


class RegistrationNotSupported(RequestError, code="registration_not_supported"):
    """The `registration` parameter is not supported (OIDC Core 3.1.2.6)."""


class InvalidToken(RequestError, code="invalid_token", status=401):
    """A bearer token that is no good (RFC 6750 section 3.1)."""


class NoToken(InvalidToken):
    """No bearer token at all: the challenge names no error, there was nothing to be wrong (RFC 6750 section 3.1)."""


class InsufficientScope(RequestError, code="insufficient_scope", status=403):
    """A bearer token without the scope the resource needs (RFC 6750 section 3.1)."""


class InsufficientUserAuthentication(RequestError, code="insufficient_user_authentication", status=401):
    """The login behind the token is older than `max_age`, in seconds: too old for this (RFC 9470 section 3)."""

    def __init__(self, public: str, *, max_age: int) -> None:
        super().__init__(public)
        self.max_age = max_age


class NotFound(RequestError, code="not_found", status=404):
    """There is no such thing, or it is none of who asks."""


class LastIdentity(RequestError, code="last_identity", status=409):
    """It is the only way in that the person has."""


class AlreadyThere(RequestError, code="already_exists", status=409):
    """There is one of this name."""


class NoWayToWrite(RequestError, code="no_way_to_write", status=409):
    """The person has no way in by which anybody could write to them."""


class Unreachable(RequestError, code="unreachable", status=409):
    """The person does not let the bot write to them."""


class MessagesNotConfigured(RequestError, code="messages_not_configured"):
    """No provider that the client offers has a bot that may write."""


class LinkedElsewhere(RequestError, code="already_linked_elsewhere", status=409):
    """A posted credential opens another account than the one that it was to become a way into."""


class ProviderNotAllowed(RequestError, code="provider_not_allowed"):
    """The provider is unknown, switched off, or not on the client's list."""


class TooManyRequests(RequestError, code="slow_down", status=429):
    """A limit was reached; `retry_after` is in seconds (RFC 6585 section 4)."""

    def __init__(self, public: str, *, retry_after: int) -> None:
        super().__init__(public)
        self.retry_after = retry_after


# --- the same, named by extensions of OAuth 2.0 ---


class InvalidDpopProof(RequestError, code="invalid_dpop_proof"):
    """A proof of possession is missing where it is needed, or no good (RFC 9449 sections 5 and 7.1)."""


class UseDpopNonce(RequestError, code="use_dpop_nonce"):
    """The proof lacks a nonce of ours that is still good; the answer brings one (RFC 9449 sections 8 and 9)."""


class InvalidTarget(RequestError, code="invalid_target"):
    """An API that this client may not have a token for, or no name of any API (RFC 8707 section 2)."""


class InvalidAuthorizationDetails(RequestError, code="invalid_authorization_details"):
    """`authorization_details` are of a type unknown here, as every type is (RFC 9396 section 5)."""


class UnmetAuthenticationRequirements(RequestError, code="unmet_authentication_requirements"):
    """No upstream reached the level that was essential (OpenID Connect Core Unmet Authentication Requirements 1.0)."""


class InvalidRequestObject(RequestError, code="invalid_request_object"):
    """A request object that is not signed by the client's key, not for us, too old, or malformed (RFC 9101 6.2)."""


class RequestUriUnusable(RequestError, code="invalid_request_uri"):
    """A `request_uri` of a client that is not registered, or cannot be fetched (RFC 9101 section 7)."""


class AuthorizationPending(RequestError, code="authorization_pending"):
    """Nobody has answered the device's question yet (RFC 8628 section 3.5)."""


class SlowDown(RequestError, code="slow_down"):
    """As `AuthorizationPending`, and the device asked too early (RFC 8628 section 3.5)."""


class ExpiredToken(RequestError, code="expired_token"):
    """The device code has expired without an answer (RFC 8628 section 3.5)."""


# --- a client could not be registered (RFC 7591 section 3.2.2) ---


class InvalidClientMetadata(RequestError, code="invalid_client_metadata"):
    """A member is of the wrong kind, or does not fit the others."""


class InvalidRedirectUri(RequestError, code="invalid_redirect_uri"):
    """A redirect URI that may not be registered."""


class UnapprovedSoftwareStatement(RequestError, code="unapproved_software_statement"):
    """A software statement: nobody's is believed here."""


class RegistrationFull(RequestError, code="access_denied", status=403):
    """As many clients have registered themselves as the operator allows."""


# --- what only a page can say: there is no verified place to send the browser to ---


class Whose(Protocol):
    """A client as failures know it: they are below everything that can fail."""

    @property
    def id(self) -> str:
        """Its client_id."""


class PageError(BrokerError, code="invalid_request", status=400):
    """Shown to the person at the browser and never redirected; `page` names the text (docs/reference/errors.md).

    `client`: whose app the person is led back to, where that is known.
    """

    page: ClassVar[str] = "E-CLIENT"

    def __init_subclass__(cls, *, page: str = "", code: str = "", status: int = 0) -> None:
        """As of every failure; and the text, where it is another."""
        super().__init_subclass__(code=code, status=status)
        cls.page = page or cls.page

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


class FlowGone(PageError, page="E-EXPIRED"):
    """The login attempt is older than its limit."""


class FlowFinished(PageError, page="E-DONE"):
    """The login attempt was already used."""


class FlowNotHere(PageError, page="E-COOKIE"):
    """The browser brought no record of this login attempt: cookies are off, or it is another browser."""


class NothingAsked(PageError, page="E-EXPIRED"):
    """A callback that belongs to no login attempt."""


class ForeignPost(PageError, status=403, page="E-EXPIRED"):
    """A form that did not come from our own page in this browser."""


class LoginTooOld(PageError, code="login_required", status=403, page="E-AGAIN"):
    """What somebody wants to do at their account asks for a fresh login, at `provider`.

    They go on at `then`, a page below that of the account.
    """

    def __init__(self, detail: str, *, provider: str, then: str) -> None:
        super().__init__(detail)
        self.provider, self.then = provider, then


class NobodyAsked(PageError, code="login_required", status=403, page="E-AGAIN"):
    """Somebody was to show another way in, at `provider`, which says that it did not ask them: they begin that again.

    No login of ours makes up for it, as it opens no account yet.
    """

    def __init__(self, detail: str, *, provider: str) -> None:
        super().__init__(detail)
        self.provider = provider


class OtherPerson(PageError, status=403, page="E-OTHER"):
    """A login came back to a browser where somebody else is signed in than the one it was begun for, or nobody."""


class NoAccount(PageError, page="E-NOACCOUNT"):
    """Somebody came to their account page through a way in that opens no account."""


class AlreadyLinked(PageError, code="already_linked_elsewhere", status=409, page="E-LINKED"):
    """The way in opens another account, which cannot be joined."""


class ProviderNotOffered(PageError, page="E-NOTALLOWED"):
    """The provider is unknown, switched off, or not on the client's list."""


class ProviderSwitchedOff(ProviderNotOffered, code="temporarily_unavailable", status=503, page="E-OFF"):
    """An operator has switched the provider off for now; `title` is its plain name, per language."""

    def __init__(self, detail: str, *, public: str, title: Mapping[str, str]) -> None:
        super().__init__(detail, public=public)
        self.title = title


class ClientSwitchedOff(PageError, code="unauthorized_client", page="E-APPOFF"):
    """An operator has switched the client off for now. Nobody is redirected to it: its addresses may be the reason."""


class InvalidRequestUri(PageError, code="invalid_request_uri", page="E-EXPIRED"):
    """A `request_uri` that names no request of this client, not any more or never (RFC 9101 section 6.2, RFC 9126).

    A page: where the request would be answered, only the request says.
    """

    def __init__(self, detail: str, *, client: Whose | None = None) -> None:
        public = "request_uri is wrong, expired, used or another client's; make a new one"
        super().__init__(detail, public=public, client=client)


# --- the upstream ---


class UpstreamError(BrokerError, code="server_error", status=502):
    """Something at a provider, and not the person's doing; another way is offered."""

    page: ClassVar[str] = "E-ANSWER"


class UpstreamDenied(UpstreamError, code="access_denied", status=403):
    """The person pressed cancel, or the upstream refused them."""

    page = "E-CANCEL"


class UpstreamRejected(UpstreamError):
    """The upstream refused our request: an error body, whatever the HTTP status was.

    `error` is its name for that, "" without one; `answered` the status of its answer, 0 where the refusal was none.
    """

    def __init__(self, detail: str, *, error: str = "", answered: int = 0) -> None:
        super().__init__(detail)
        self.error, self.answered = error, answered


class UpstreamInvalid(UpstreamError):
    """The upstream's answer cannot be trusted or understood."""


class UpstreamUnavailable(UpstreamError, code="temporarily_unavailable", status=503):
    """Timeout, connection failure, 5xx, 429, a word for "not now", or an open circuit breaker.

    `sent`: whether anything of ours may have reached it; `answered`: whether anything came back. `retry_after`: seconds
    it asked us to wait, or None.
    """

    page = "E-UPSTREAM"

    def __init__(
        self, detail: str, *, sent: bool = True, answered: bool = False, retry_after: float | None = None
    ) -> None:
        super().__init__(detail)
        self.sent, self.answered, self.retry_after = sent, answered, retry_after


# --- accounts, state, configuration ---


class AccountError(BrokerError, code="access_denied", status=403):
    """The account may not do this."""


class AccountBlocked(AccountError):
    """The account is switched off."""


class AccountClosing(AccountError):
    """Its person asked for the account to be deleted, at `closes_at` (epoch seconds)."""

    def __init__(self, detail: str, *, closes_at: int) -> None:
        super().__init__(detail)
        self.closes_at = closes_at


NOT_ADMITTED = "the access policy of the operator does not let this person in"


class AccessBarred(AccountError):
    """The operator's policy does not let them in; `demand` is the key of the configuration that does not."""

    def __init__(self, demand: str) -> None:
        super().__init__(f"not admitted by {demand}", public=NOT_ADMITTED)
        self.demand = demand


class SignUpClosed(AccountError):
    """Somebody new came where nobody new gets an account, or only who was invited."""


class FetchFailed(BrokerError, code="invalid_request", status=400):
    """A URL that a client supplied could not be fetched, or may not be; `detail` never holds the URL."""


class StoreUnavailable(BrokerError, code="temporarily_unavailable", status=503):
    """State cannot be read or written just now; nothing was acknowledged. `retry_after` is in seconds."""

    retry_after: ClassVar[int] = 5


class SealBroken(BrokerError, code="invalid_request", status=400):
    """A sealed record that is not ours, was made for another purpose, or was changed."""


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
