"""What is kept, to and from bytes (serialization): one class is schema, reader and writer.

Every record is JSON with a kind in front, so one kind never reads as another. Defaults are left out and unknown fields
ignored, so two versions serve side by side (rolling upgrade): a new field needs a default, an old one keeps its type.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from msgspec import DecodeError, Struct, convert, field, json, structs

from broker.core.errors import SealBroken
from broker.core.records_before import nest


class Value(Struct, frozen=True, omit_defaults=True):
    """What travels whole inside records."""

    def replace(self, **changes: object) -> Self:
        """The same but for these fields, as `dataclasses.replace`."""
        return structs.replace(self, **changes)


class Record(Value, frozen=True, tag_field="k"):
    """The common shape: `to_bytes` and `from_bytes` are inverse for every subclass."""

    @classmethod
    def kind(cls) -> str:
        """What bytes of this class begin with."""
        return str(cls.__struct_config__.tag)

    def to_bytes(self) -> bytes:
        """JSON with the kind in front."""
        return json.encode(self)

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The record, every field of the declared type; raises SealBroken for bytes of another kind or shape."""
        # The decoder refuses a wrong kind by itself, but not a missing one.
        if not raw.startswith(b'{"k":"%s"' % cls.kind().encode()):
            raise SealBroken(f"not a {cls.kind()} record")
        try:
            return json.decode(raw, type=cls)
        except DecodeError:
            return cls._from_before(raw)

    @classmethod
    def _from_before(cls, raw: bytes) -> Self:
        try:
            return convert(nest(cls.kind(), json.decode(raw)), cls)
        except DecodeError:
            raise SealBroken(f"a {cls.kind()} record of another version") from None


class Login(Value, frozen=True):
    """Who logged in, where, when and how well; carried whole by session, code and grant. Times in epoch seconds.

    `provider` is the name of the instance at that time, `provider_key` the id that survives a rename. `acr` is what the
    upstream showed, or "". `sid` is our own name of the session, `upstream_sid` the upstream's, "" unless the provider
    is configured to keep it. `began_at`: when the login set out. `asked_at`: when the upstream is known to have asked
    the person who they are, 0 where it may have answered by a session of its own (threats D7). `auth_time` is 0 where
    nobody knows when that was: an app posted what a kit gave to it, and no login page of anybody's was seen.
    """

    sub: str
    provider: str
    provider_key: str
    subject: str
    auth_time: int
    amr: tuple[str, ...]
    sid: str
    acr: str = ""
    upstream_sid: str = ""
    began_at: int = 0
    asked_at: int = 0


class Wishes(Value, frozen=True, kw_only=True):
    """What a client asks of the login itself, for the upstream to honour (OIDC Core 3.1.2.1). `max_age` in seconds."""

    prompt: tuple[str, ...] = ()
    max_age: int | None = None
    login_hint: str = ""
    acr_values: tuple[str, ...] = ()


class AuthorizationRequest(Wishes, frozen=True):
    """A request whose client, redirect URI and parameters passed every check of `broker.core.authorize.target`.

    `redirect_uri` is the verified one. `claims` maps "id_token" and "userinfo" to the names asked for. `hinted_sub` is
    the subject of a verified `id_token_hint`. `essential_acr`: one of these or nothing. `resource` are the APIs the
    tokens are for. `dpop_jkt` is the thumbprint of the key the code is bound to. `request_uri` names the pushed request
    this one was read from, `device` the device that waits for the answer instead of a redirect URI, which is "" then.
    """

    client_id: str
    redirect_uri: str
    scope: tuple[str, ...]
    state: str = ""
    nonce: str = ""
    code_challenge: str = ""
    response_mode: str = "query"
    ui_locales: tuple[str, ...] = ()
    idp_hint: str = ""
    hinted_sub: str = ""
    essential_acr: tuple[str, ...] = ()
    resource: tuple[str, ...] = ()
    dpop_jkt: str = ""
    request_uri: str = ""
    device: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)

    def wishes(self) -> Wishes:
        """What of this request an upstream is told: its wishes alone."""
        return convert(self, Wishes, from_attributes=True)


class HeldIdentity(Value, frozen=True):
    """What an upstream vouched for at `proven_at` in a login that set out at `began_at` (epoch seconds): a proof.

    Sealed, it waits for a decision. It is good for one, which its `jti` sees to, within ten minutes. `asked_at` is as
    in `Login`, the rest as in `Identity`; `provider` and `provider_key` name the instance, `upstream_sid` its own
    session.
    """

    provider: str
    provider_key: str
    subject: str
    jti: str
    began_at: int
    proven_at: int
    upstream_sid: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    raw_ids: Mapping[str, str] = field(default_factory=dict)
    amr: tuple[str, ...] = ("fed",)
    acr: str = ""
    auth_time: int | None = None
    asked_at: int = 0


class Authorize(Value, frozen=True, tag="authorize"):
    """Somebody logs in for a request of a client, and is sent to its redirect URI.

    `held` is who they showed to be before, at another upstream: they may want to join it to whoever logs in now.
    """

    request: AuthorizationRequest
    held: HeldIdentity | None = None


class Device(Value, frozen=True, tag="device"):
    """Somebody logs in to say yes to a device, which the request names; they are sent nowhere (RFC 8628)."""

    request: AuthorizationRequest
    held: HeldIdentity | None = None


class LinkReturn(Value, frozen=True):
    """Where an app that asked for a link is told what came of it; `redirect_uri` is a verified one."""

    client_id: str
    redirect_uri: str
    state: str = ""


class Link(Value, frozen=True, tag="link"):
    """Who is `sub` already, in the session known by the cookie `session`, shows who else they are, at this upstream."""

    sub: str
    session: str = ""
    back: LinkReturn | None = None


class Account(Value, frozen=True, tag="account"):
    """Somebody comes to see to their own account, for no client.

    `sub`: who has to show again that it is them, "" for anybody. `page`: where on the account page they go on. `back`:
    the app that is told when they do not, where one sent them to add a way in.
    """

    sub: str = ""
    page: str = ""
    back: LinkReturn | None = None


ForClient = Authorize | Device
Purpose = Authorize | Device | Link | Account


class FlowRecord(Record, frozen=True, tag="flow"):
    """One login attempt, sealed in the visitor's browser. What comes of it, its purpose says.

    `began_ms` is `started_at` in milliseconds, for the time a login takes; 0 in records of older versions. `shown`: it
    began with a login page that shows the upstream's own prompt, and only what that gives can answer it. `settings` is
    the mark of those that the provider had then, "" in records of older versions.
    """

    purpose: Purpose
    provider: str
    state: str
    nonce: str
    code_verifier: str
    started_at: int
    expires_at: int
    memo: Mapping[str, str] = field(default_factory=dict)
    began_ms: int = 0
    shown: bool = False
    settings: str = ""


class CodeRecord(Record, frozen=True, tag="code"):
    """An authorization code: the request it answers and the login that answers it. `expires_at` in epoch seconds.

    Of the request `state`, `login_hint` and `request_uri` are left out: whoever reads the store needs none of them.
    `amr` and `acr` of the login are what counted when it was issued. `upstream_refresh` is the session's. `agreed_at`:
    when its person said yes, or it was looked up that they had; with its fraction, and 0 in codes of older versions,
    which are older than anything taken back.
    """

    request: AuthorizationRequest
    login: Login
    expires_at: int
    upstream_refresh: str = ""
    agreed_at: float = 0


class SessionRecord(Record, frozen=True, tag="session"):
    """A browser that is logged in. Apps know the session by names of their own, never by its `sid`. Epoch seconds.

    `upstream_id_token` and `upstream_refresh` are sealed, and empty unless the provider is configured to keep them.
    """

    login: Login
    created_at: int
    seen_at: int
    upstream_id_token: str = ""
    upstream_refresh: str = ""


class KeptLogin(Record, frozen=True, tag="kept-login"):
    """What an upstream is asked with later on; the fields are those of `UpstreamSession`."""

    refresh_token: str
    nonce: str
    auth_time: int | None


class ConsentTicket(Record, frozen=True, tag="consent"):
    """A question put to one session, sealed into the consent page; `jti` makes it good for one answer.

    `promise` is what the page says of the app, as a digest: the answer is about that and nothing else.
    """

    request: AuthorizationRequest
    session: str
    jti: str
    expires_at: int
    promise: str = ""


class JoinTicket(Record, frozen=True, tag="join"):
    """The question whether `held`, who is unknown, has an account here; bound by its seal to one browser.

    `purpose`: what they came for. `prove`: the page names the ways of this account, "" where it names none. `missed`:
    the provider at which they looked for their account in vain, or "".
    """

    held: HeldIdentity
    purpose: ForClient
    prove: str = ""
    missed: str = ""


class LinkTicket(Record, frozen=True, tag="link-ask"):
    """The question whether `held` shall be a way into the account `sub`; for the one session known by `session`.

    `other`: the account it is the way into today, which would be merged; "" where it is nobody's. What goes on after
    the answer: a login that was under way (`then`), or an app that asked (`back`), else the account page.
    """

    sub: str
    session: str
    held: HeldIdentity
    other: str = ""
    then: ForClient | None = None
    back: LinkReturn | None = None


class FormTicket(Record, frozen=True, tag="form"):
    """A form of the account page, bound by its seal to one session and to what it does; `jti` for what counts once."""

    jti: str
    expires_at: int


class KnownPerson(Record, frozen=True, tag="known"):
    """Who logged in last in a browser, for its pages to offer: the provider's name and theirs. It proves nothing."""

    provider: str
    name: str


class EntryTicket(Record, frozen=True, tag="entry"):
    """An identity nobody asked for, held until the person says it is theirs; bound to one browser.

    `start_param` is for the app, from the link to a Mini App. `auth_time`: when they authenticated, in epoch seconds; 0
    where nobody knows, None for just now.
    """

    provider: str
    client_id: str
    subject: str
    claims: Mapping[str, Any]
    raw_ids: Mapping[str, str]
    amr: tuple[str, ...]
    replay_key: str
    signed_until: int
    expires_at: int
    start_param: str = ""
    auth_time: int | None = None


class AccessToken(Record, frozen=True, tag="access"):
    """What an opaque access token says once opened; the grant it names must still be alive. Epoch seconds.

    `audience` are the APIs it is for, empty: ours alone. `jkt` is the thumbprint of the key that must come with it, or
    "".
    """

    grant_id: str
    client_id: str
    scope: tuple[str, ...]
    expires_at: int
    audience: tuple[str, ...] = ()
    jkt: str = ""


class ClientToken(Record, frozen=True, tag="client-access"):
    """What an opaque access token says that a client got for itself; it hangs on no grant. Epoch seconds.

    `audience` and `jkt` as in `AccessToken`.
    """

    jti: str
    client_id: str
    scope: tuple[str, ...]
    issued_at: int
    expires_at: int
    audience: tuple[str, ...] = ()
    jkt: str = ""


class Grant(Record, frozen=True, tag="grant"):
    """What a client was given by a person; codes and tokens hang on it. Durable. Times in epoch seconds.

    `claims` is the `claims` parameter of the request. `offline` outlives the session of `login`, here and upstream.
    `resource` are the APIs its tokens may be for. `jkt` is the thumbprint of the key it began with, or "": a public
    client refreshes with that key alone.
    """

    id: str
    client_id: str
    login: Login
    scope: tuple[str, ...]
    nonce: str
    created_at: int
    expires_at: int
    offline: bool
    resource: tuple[str, ...] = ()
    jkt: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token as the durable store knows it: by digest. Times in epoch seconds; None: not spent yet."""

    digest: str
    grant_id: str
    issued_at: int
    expires_at: int
    spent_at: int | None = None


@dataclass(frozen=True, slots=True)
class SigningKey:
    """A key pair of ours. `sealed` opens the private key: it is that key, sealed, or the name a key service gave it.

    `public_jwk` is JSON (RFC 7517). States: published (visible, not yet used), active (signs), retired (visible until
    tokens made with it are gone). A key that leaked has no state: it is deleted.
    """

    kid: str
    algorithm: str
    sealed: str
    public_jwk: str
    created_at: int
    active_at: int
    retired_at: int | None = None
