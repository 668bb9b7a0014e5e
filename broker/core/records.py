"""What is kept, to and from bytes. Every record is JSON with a kind, so one kind never reads as another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, ClassVar, Self

import orjson

from broker.core.errors import SealBroken


@dataclass(frozen=True, slots=True)
class Record:
    """The common shape: `to_bytes` and `from_bytes` are inverse for every subclass."""

    kind: ClassVar[str]

    def to_bytes(self) -> bytes:
        """JSON with the kind in front."""
        # orjson reads the fields of a dataclass by itself; the kind is put in front of what it wrote.
        return b'{"k":"%s",%s' % (self.kind.encode(), orjson.dumps(self)[1:])

    @classmethod
    def from_bytes(cls, raw: bytes) -> Self:
        """The record; raises SealBroken for bytes of another kind or shape."""
        try:
            data = orjson.loads(raw)
        except orjson.JSONDecodeError:
            raise SealBroken("not a record") from None
        if not isinstance(data, dict) or data.pop("k", None) != cls.kind:
            raise SealBroken(f"not a {cls.kind} record")
        try:
            return cls(**{name: tuple(value) if type(value) is list else value for name, value in data.items()})
        except TypeError:
            raise SealBroken(f"a {cls.kind} record of another version") from None


@dataclass(frozen=True, slots=True)
class AuthorizationRequest(Record):
    """A request whose client, redirect URI and parameters passed every check of `broker.core.authorize`.

    `redirect_uri` is the verified one. `claims` maps "id_token" and "userinfo" to the names asked for. `hinted_sub` is
    the subject of a verified `id_token_hint`. `essential_acr`: one of these or nothing. `resource` are the APIs the
    tokens are for. `dpop_jkt` is the thumbprint of the key the code is bound to. `request_uri` names the pushed request
    this one was read from, `device` the device that waits for the answer instead of a redirect URI, which is "" then.
    Times are in seconds.
    """

    kind = "request"

    client_id: str
    redirect_uri: str
    scope: tuple[str, ...]
    state: str = ""
    nonce: str = ""
    code_challenge: str = ""
    response_mode: str = "query"
    prompt: tuple[str, ...] = ()
    max_age: int | None = None
    login_hint: str = ""
    ui_locales: tuple[str, ...] = ()
    acr_values: tuple[str, ...] = ()
    idp_hint: str = ""
    hinted_sub: str = ""
    essential_acr: tuple[str, ...] = ()
    resource: tuple[str, ...] = ()
    dpop_jkt: str = ""
    request_uri: str = ""
    device: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FlowRecord(Record):
    """One login attempt, sealed in the visitor's browser. `request` is an AuthorizationRequest as bytes in text.

    `began_ms` is `started_at` in milliseconds, for the time a login takes; 0 in records of older versions.
    """

    kind = "flow"

    request: str
    provider: str
    state: str
    nonce: str
    code_verifier: str
    started_at: int
    expires_at: int
    memo: Mapping[str, str] = field(default_factory=dict)
    began_ms: int = 0


@dataclass(frozen=True, slots=True)
class CodeRecord(Record):
    """An authorization code: bound to client, redirect URI, challenge, person and session. Times in epoch seconds.

    `acr` is what the upstream showed, or "". `resource` are the APIs asked for, `dpop_jkt` the key it is bound to, or
    "". `began_at`, `upstream_sid` and `upstream_refresh` are the session's.
    """

    kind = "code"

    grant_id: str
    client_id: str
    redirect_uri: str
    scope: tuple[str, ...]
    nonce: str
    code_challenge: str
    sub: str
    provider_key: str
    subject: str
    auth_time: int
    amr: tuple[str, ...]
    sid: str
    expires_at: int
    acr: str = ""
    resource: tuple[str, ...] = ()
    dpop_jkt: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    began_at: int = 0
    upstream_sid: str = ""
    upstream_refresh: str = ""


@dataclass(frozen=True, slots=True)
class SessionRecord(Record):
    """A browser that is logged in. `sid` is ours alone: apps know the session by names of their own. Epoch seconds.

    `acr` is what the upstream showed, or "".
    `began_at`: when the login set out. `upstream_sid` names the upstream's own session, `upstream_id_token` and
    `upstream_refresh` are sealed; all three are empty unless the provider is configured to keep them.
    """

    kind = "session"

    sid: str
    sub: str
    provider: str
    provider_key: str
    subject: str
    auth_time: int
    amr: tuple[str, ...]
    created_at: int
    seen_at: int
    acr: str = ""
    began_at: int = 0
    upstream_sid: str = ""
    upstream_id_token: str = ""
    upstream_refresh: str = ""


@dataclass(frozen=True, slots=True)
class KeptLogin(Record):
    """What an upstream is asked with later on; the fields are those of `broker.core.identity.UpstreamSession`."""

    kind = "kept-login"

    refresh_token: str
    nonce: str
    auth_time: int | None


@dataclass(frozen=True, slots=True)
class ConsentTicket(Record):
    """A question put to one session, sealed into the consent page; `jti` makes it good for one answer.

    `promise` is what the page says of the app, as a digest: the answer is about that and nothing else.
    """

    kind = "consent"

    request: str
    session: str
    jti: str
    expires_at: int
    promise: str = ""


@dataclass(frozen=True, slots=True)
class EntryTicket(Record):
    """An identity nobody asked for, held until the person says it is theirs; bound to one browser."""

    kind = "entry"

    provider: str
    client_id: str
    subject: str
    claims: Mapping[str, Any]
    raw_ids: Mapping[str, str]
    amr: tuple[str, ...]
    replay_key: str
    signed_until: int
    expires_at: int


@dataclass(frozen=True, slots=True)
class AccessToken(Record):
    """What an opaque access token says once opened; the grant it names must still be alive. Epoch seconds.

    `audience` are the APIs it is for, empty: ours alone. `jkt` is the thumbprint of the key that must come with it, or
    "".
    """

    kind = "access"

    grant_id: str
    client_id: str
    scope: tuple[str, ...]
    expires_at: int
    audience: tuple[str, ...] = ()
    jkt: str = ""


@dataclass(frozen=True, slots=True)
class ClientToken(Record):
    """What an opaque access token says that a client got for itself; it hangs on no grant. Epoch seconds.

    `audience` and `jkt` as in `AccessToken`.
    """

    kind = "client-access"

    jti: str
    client_id: str
    scope: tuple[str, ...]
    issued_at: int
    expires_at: int
    audience: tuple[str, ...] = ()
    jkt: str = ""


@dataclass(frozen=True, slots=True)
class Grant(Record):
    """What a client was given by a person; codes and tokens hang on it. Durable. Times in epoch seconds.

    `claims` is the `claims` parameter of the request. `sid` names the session it came from, `upstream_sid` the one that
    was at the upstream; `offline` outlives both. `acr` is what the upstream showed, or "". `resource` are the APIs its
    tokens may be for. `jkt` is the thumbprint of the key it began with, or "": a public client refreshes with
    that key alone.
    """

    kind = "grant"

    id: str
    client_id: str
    sub: str
    provider_key: str
    subject: str
    scope: tuple[str, ...]
    nonce: str
    auth_time: int
    amr: tuple[str, ...]
    sid: str
    created_at: int
    expires_at: int
    offline: bool
    acr: str = ""
    resource: tuple[str, ...] = ()
    jkt: str = ""
    claims: Mapping[str, Any] = field(default_factory=dict)
    upstream_sid: str = ""


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
