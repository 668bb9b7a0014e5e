"""The shapes a provider and the broker exchange. A provider gets them by `broker.upstream`."""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from pathlib import Path
from typing import Annotated, Any, ClassVar, Protocol, Self, TypeGuard, TypeVar, runtime_checkable

from pydantic import (
    AfterValidator,
    BaseModel,
    ConfigDict,
    Field,
    SecretStr,
    ValidationInfo,
    field_validator,
    model_validator,
)

from broker.core.authorize.pkce import build_challenge
from broker.core.people.cleaning import plain_email
from broker.core.people.identity import Identity
from broker.core.people.linking import LinkingPolicy, LinkingRule
from broker.core.records import Wishes
from broker.core.terms import PostedKind
from broker.core.wire.addresses import is_loopback_host
from broker.upstream.answer import UpstreamAnswer
from broker.upstream.bot import Calls
from broker.upstream.discovery import Address, DiscoveryRules, Metadata
from broker.upstream.exchange import Request
from broker.upstream.fields import Fields

Result = TypeVar("Result")
_ORIGIN = re.compile(r"(https?)://([a-z0-9.\-]+|\[[0-9a-f:.]+\])(:\d{1,5})?")


class Channel(StrEnum):
    """How an answer may reach the callback."""

    QUERY = "query"
    FORM_POST = "form_post"
    FRAGMENT = "fragment"
    BOT = "bot"  # no request: somebody answered in a chat, and the browser of the attempt came for it
    CREDENTIAL = "credential"  # what a prompt on our login page gave; answers nothing else


@dataclass(frozen=True, slots=True)
class Flow:
    """One login attempt at one provider, as the provider sees it.

    `redirect_uri` is the callback of this provider instance; `callback_with_state` the same with the state in its path,
    for upstreams that do not echo a state parameter. `started_at` is in epoch seconds. `memo` is what `begin` asked to
    keep. `wishes` are what the client asked for and the upstream may honour: with a `max_age` the prompt holds `login`,
    for upstreams that know nothing else, and the `acr_values` are those that this upstream can reach. `keeps_tokens`:
    the client may have the upstream's own tokens, so they are asked for in a way that they can be renewed.
    """

    state: str
    nonce: str
    code_verifier: str
    redirect_uri: str
    callback_with_state: str
    started_at: int
    ui_locale: str = "en"
    wishes: Wishes = field(default_factory=Wishes)
    memo: Mapping[str, str] = field(default_factory=dict)
    keeps_tokens: bool = False

    @property
    def code_challenge(self) -> str:
        """What the upstream is told of the verifier (RFC 7636 section 4.2)."""
        return build_challenge(self.code_verifier)


@dataclass(frozen=True, slots=True)
class Redirect:
    """Send the browser to `url`; keep `memo` (sealed, in the browser) for `finish`."""

    url: str
    memo: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Widget:
    """Show a page of ours with the upstream's widget.

    `template` is a file below templates/widget/, or `<type>/<file>` in the folder that the type names as its `assets`;
    `context` its data (escaped as text). `script_origins` and `frame_origins` are added to the page's content security
    policy. `url` works without a script.
    """

    template: str
    context: Mapping[str, str]
    url: str
    script_origins: tuple[str, ...] = ()
    frame_origins: tuple[str, ...] = ()
    memo: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Reply:
    """What came to the callback: every parameter, each exactly once, text as decoded. Nothing in it is verified."""

    via: Channel
    params: Mapping[str, str]


def _origin(value: str) -> str:
    found = _ORIGIN.fullmatch(value)
    if found is None or (found[1] == "http" and not is_loopback_host(found[2])):
        raise ValueError("write https://host or https://host:port; http is for this machine only")
    return value


Origin = Annotated[str, AfterValidator(_origin)]


def _mail_domain(value: str) -> str:
    if plain_email(f"x@{value}") != f"x@{value}":
        raise ValueError("write a domain as DNS has it, in lower case: example.com, xn--e1afmkfd.example")
    return value


def _beside_the_file(value: str, info: ValidationInfo) -> str:
    return str(Path((info.context or {}).get("base", "")) / value)


PathText = Annotated[str, Field(min_length=1), AfterValidator(_beside_the_file)]
"""A path, relative to the configuration."""

MailDomain = Annotated[str, AfterValidator(_mail_domain)]


@dataclass(frozen=True, slots=True)
class Credentials:
    """What shows a token endpoint that it is us who asks, made for one request.

    `form` are members of the request: the client's id, its secret or a signed assertion (RFC 6749 section 2.3.1, RFC
    7521 section 4.2). `basic` is (client_id, client_secret) for the header. No text of it shows a secret.
    """

    form: Mapping[str, str] = field(default_factory=dict, repr=False)
    basic: tuple[str, str] | None = field(default=None, repr=False)


class ProviderSettings(BaseModel):
    """What every provider can be told in config.yaml; a type adds its own keys by inheriting.

    `name` is shown on the button, per language. `browser_base` and `server_base` replace scheme and host of every
    upstream URL, as seen by the browser and by the broker: for a forward proxy or the emulators. `posted` are the kinds
    of credentials that the type can prove to be for this application (`AcceptsPosted`).
    """

    # Without `hide_input_in_errors` the text of a validation error would quote every secret beside the wrong key.
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    posted: ClassVar[frozenset[PostedKind]] = frozenset()

    type: str
    enabled: bool = True
    name: str | dict[str, str] | None = Field(
        default=None, description="Shown on the button; text, or one per language"
    )
    icon: PathText | None = Field(
        default=None, description="An SVG or square PNG file for the button, in place of that of its type"
    )
    namespace: str | None = Field(
        default=None, description="Which set of linked people this is; the default follows from type and client_id"
    )
    same_people: bool = Field(
        default=False, description="The namespace is another provider's too, and its people have the same ids there"
    )
    client_id: str = Field(min_length=1, description="The id the upstream gave this application")
    browser_base: Origin | None = Field(
        default=None, description="https://host that replaces the upstream's in browsers; http on this machine only"
    )
    server_base: Origin | None = Field(
        default=None, description="https://host that replaces the upstream's in our calls; http on this machine only"
    )
    timeout: float = Field(default=5.0, gt=0, le=10, description="Seconds one call to the upstream may take")
    linking: LinkingPolicy = Field(
        default=LinkingPolicy.EXPLICIT,
        description="Whether somebody unknown is asked for an account they may have: `explicit` (never), `confirm`, or"
        " `verified_email` (the account with the same proven address is named)",
    )
    trusted_domains: tuple[MailDomain, ...] = Field(
        default=(), description="With `verified_email`: domains of addresses that this upstream itself answers for"
    )
    accept_posted: tuple[PostedKind, ...] = Field(
        default=(), description="What apps may post that its kit gave to them; which kinds can be proved, the type says"
    )

    @field_validator("accept_posted")
    @classmethod
    def _provable(cls, kinds: tuple[PostedKind, ...]) -> tuple[PostedKind, ...]:
        if not cls.posted.issuperset(kinds):
            known = ", ".join(sorted(cls.posted)) or "none"
            raise ValueError(f"names a kind of which this type cannot prove that it is for this app; it can: {known}")
        return kinds

    @model_validator(mode="after")
    def _domains_where_they_count(self) -> Self:
        if bool(self.trusted_domains) != (self.linking is LinkingPolicy.VERIFIED_EMAIL):
            raise ValueError("linking: verified_email and trusted_domains count together; set both, or neither")
        return self

    @property
    def linking_rule(self) -> LinkingRule:
        """What happens when somebody unknown arrives."""
        return LinkingRule(self.linking, frozenset(self.trusted_domains))

    def identity_namespace(self) -> str:
        """People are linked per namespace: the same person in two namespaces is two identities."""
        return self.namespace or f"{self.type}:{self.client_id}"


class ConfidentialSettings(ProviderSettings):
    """Settings of an upstream that knows us by a secret."""

    client_secret: SecretStr = Field(min_length=1, description="The secret the upstream gave this application")


class EndpointSettings(ProviderSettings):
    """Settings of an upstream that has moved its endpoints, or whose documents disagree; a type gives the defaults."""

    authorize_url: Address
    token_url: Address
    info_url: Address


class Http(Protocol):
    """Calls to one upstream: pooled, time-limited, size-capped, no redirects, behind a circuit breaker.

    URLs are the upstream's real ones; `server_base` is applied here. Every method raises UpstreamUnavailable for
    timeouts, connection failures, 5xx, 429, a 403 for too many calls, error codes for "not now" and an open breaker;
    UpstreamRejected for other non-2xx answers and for a 2xx JSON object with an `error` or `error_code` member;
    UpstreamInvalid for anything that is not a JSON object.
    """

    @property
    def down_for(self) -> float | None:
        """Seconds for which the upstream has not answered, None while calls are let through."""

    async def get_json(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> Fields:
        """The JSON object answered to a GET."""

    async def get_value(
        self, url: str, *, params: Mapping[str, str] | None = None, headers: Mapping[str, str] | None = None
    ) -> object:
        """Any JSON value answered to a GET, for upstreams that answer with a list; errors as above."""

    async def post_form(
        self,
        url: str,
        form: Mapping[str, str],
        *,
        basic: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fields:
        """The JSON object answered to a POSTed form; `basic` is (client_id, client_secret), RFC 6749 section 2.3.1."""

    async def post_json(
        self,
        url: str,
        document: Mapping[str, object],
        *,
        basic: tuple[str, str] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Fields:
        """The JSON object answered to a POSTed JSON object; `basic` as for `post_form`."""

    async def post_form_value(self, url: str, form: Mapping[str, str]) -> object:
        """Any JSON value answered to a POSTed form, for upstreams that answer with a bare string; errors as above."""

    def tell(self, url: str, *, headers: Mapping[str, str] | None = None) -> None:
        """Call `url` by GET in the background, three times at most until it is answered with 2xx; nobody waits."""

    async def ask(self, request: Request, read: Callable[[UpstreamAnswer], Result]) -> Result:
        """What `read` makes of the answer to any other request; what it raises counts as the upstream's failure."""


@dataclass(frozen=True, slots=True)
class IdTokenRules:
    """What an ID token must satisfy besides its signature (OIDC Core 3.1.3.7).

    `issuers`: accepted spellings. `audience`: our client id; others beside it only without `sole`, and then with `azp`.
    `algorithms`: the allow-list. `nonce`: the expected value; with `nonce_optional` an absent claim passes, another one
    never does. `skew`: seconds. `issued_after`: epoch seconds, `iat` must not be older (less the skew). `access_token`:
    checked against `at_hash` where that is present, None: none came along. `azp`: whom else than us it may have been
    issued to (and only to them: apps on phones have ids of their own, which may be its audience, too); empty: to us.
    `unasked`: there was no attempt, so whatever nonce it has will do, but for that of a challenge. `hashed_nonce`: the
    kit may have been given SHA-256 of the nonce in hexadecimal, so either form will do. `tenant_claim`: what names the
    tenant that an issuer with `{tenantid}` is read for, in `issuers` and at the key that signed; "": there are none.
    """

    issuers: tuple[str, ...]
    audience: str
    algorithms: tuple[str, ...]
    jwks_uri: str
    nonce: str
    nonce_optional: bool = False
    skew: int = 60
    issued_after: int | None = None
    access_token: str | None = ""
    azp: tuple[str, ...] = ()
    sole: bool = True
    unasked: bool = False
    hashed_nonce: bool = False
    tenant_claim: str = ""


class Jwt(Protocol):
    """Verification of signed tokens of one upstream, with its own cached key set."""

    async def verify_id_token(self, token: str, rules: IdTokenRules) -> Fields:
        """The verified claims; raises UpstreamInvalid for every token that does not satisfy `rules`."""

    async def verify_userinfo(self, token: str, rules: IdTokenRules) -> Fields:
        """The claims of a signed userinfo answer (OIDC Core 5.3.2) of these issuers for us; raises UpstreamInvalid."""

    async def verify_logout_token(self, token: str, *, jwks_uri: str, algorithms: tuple[str, ...]) -> Fields:
        """The claims of a logout token that the issuer signed; what they say is the caller's to check."""

    async def verify_event(self, token: str, *, jwks_uri: str, algorithms: tuple[str, ...]) -> Fields:
        """The same of a token that tells of something that happened to somebody (RFC 8417)."""

    def read_direct(self, token: str, rules: IdTokenRules) -> Fields:
        """The claims of a token that came straight from the token endpoint, over TLS by which both sides are known.

        Its signature is not looked at (OIDC Core 3.1.3.7 point 6); all else must satisfy `rules`. Raises
        UpstreamInvalid.
        """

    def verify_pinned(self, token: str, *, public_key: str, algorithm: str) -> Fields:
        """The claims of a token signed with exactly this key (PEM); what they say is the caller's to check."""


@dataclass(frozen=True, slots=True)
class Tools:
    """What the broker lends a provider instance.

    `now` gives epoch seconds; `browser_url` applies `browser_base`; `metadata` gives what an issuer says of itself,
    cached, and raises UpstreamUnavailable; `odd` counts a claim, by name, that was left out. `calls` go to addresses
    that are secret.
    """

    http: Http
    jwt: Jwt
    now: Callable[[], float]
    browser_url: Callable[[str], str]
    metadata: Callable[[DiscoveryRules], Awaitable[Metadata]]
    odd: Callable[[str], None]
    calls: Calls


class Provider(Protocol):
    """One upstream. It says what is peculiar about it; state, browser binding, single use are done before it runs."""

    Settings: ClassVar[type[ProviderSettings]]
    channels: ClassVar[frozenset[Channel]]
    title: ClassVar[Mapping[str, str]]  # plain name by language code; English is shown where a page's language lacks
    label: ClassVar[Mapping[str, str]]  # button text, likewise
    brand: ClassVar[
        Any
    ]  # str | Brand: the filled button, or "#rrggbb", its owner's colour; a protocol takes no subtype

    def __init__(self, settings: Any, tools: Tools) -> None:
        """`settings` is an instance of `Settings`."""

    async def begin(self, flow: Flow) -> Redirect | Widget:
        """Where the browser goes next."""

    async def finish(self, flow: Flow, reply: Reply) -> Identity:
        """The identity the upstream vouches for in `reply`; raises UpstreamError."""


@runtime_checkable
class UnpacksReplies(Protocol):
    """A provider whose upstream may put the parameters of a reply, `state` too, inside one of them (VK's `payload`)."""

    def unpack(self, params: Mapping[str, str]) -> Mapping[str, str]:
        """Every parameter under its own name, unverified; raises UpstreamInvalid for a reply that cannot be read."""


@runtime_checkable
class SignsReplies(Protocol):
    """A provider whose replies are bearer strings of their own, to be used once (Telegram widget)."""

    def replay_key(self, reply: Reply) -> str:
        """The part of `reply` that may be used once, or "" where the reply is protected otherwise."""


@cache
def _has(kind: type, ability: type) -> bool:
    # Asked of the type, once: asking an instance takes longer than anything a provider without the ability would do.
    return issubclass(kind, ability)


def unpack_reply(provider: Provider, reply: Reply) -> Reply:
    """The reply as `finish` gets it; raises UpstreamInvalid for one that cannot be read."""
    return Reply(reply.via, provider.unpack(reply.params)) if _unpacks(provider) else reply


def _unpacks(provider: Provider) -> TypeGuard[UnpacksReplies]:
    return _has(type(provider), UnpacksReplies)


def signs_replies(provider: Provider) -> TypeGuard[SignsReplies]:
    """Whether this provider's replies are to be used once."""
    return _has(type(provider), SignsReplies)
