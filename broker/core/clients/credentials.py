"""The token request and the client credentials in it (RFC 6749 sections 2.3.1 and 3.2)."""

from __future__ import annotations

from base64 import b64decode
from dataclasses import dataclass, field
from hashlib import sha256
from hmac import compare_digest
from urllib.parse import unquote_plus

from broker.core.clients.assertion import method_of, parse_assertion
from broker.core.clients.client import Client
from broker.core.errors import InvalidAuthorizationDetails, InvalidClient, InvalidRequest, quote
from broker.core.jose.compact import UnverifiedToken
from broker.core.terms import AuthMethod
from broker.core.wire.parameters import Parameters

MAX_SECRET = 1024  # characters
_FAILED = "client authentication failed; check client_id, secret and method"
_CAME = {
    AuthMethod.BASIC: "secret sent in the header",
    AuthMethod.POST: "secret sent in the body",
    AuthMethod.NONE: "no secret sent",
}


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a client brought to prove itself; `secret` and `assertion` are unverified and never shown."""

    method: AuthMethod
    client_id: str
    secret: str = field(default="", repr=False)
    assertion: UnverifiedToken | None = field(default=None, repr=False)

    @property
    def claimed(self) -> str:
        """The client that a secret or a signature is shown for, "" when neither is: then there is nothing to guess."""
        return "" if self.method is AuthMethod.NONE else self.client_id


def parse_credentials(authorization: str, params: Parameters) -> Credentials:
    """The credentials and how they came; raises InvalidClient when there are none or two kinds at once.

    `authorization` is the header's value or "".
    """
    in_body = "client_secret" in params
    signed = "client_assertion" in params or "client_assertion_type" in params
    if signed and (authorization or in_body):
        raise InvalidClient("client credentials came in two ways at once; send the assertion alone (RFC 6749 2.3)")
    if signed:
        return _parse_signed(params)
    if authorization:
        credentials = _parse_basic(authorization)
        if in_body:
            raise InvalidClient("client credentials came in the header and in the body; use one")
        if "client_id" in params and params["client_id"] != credentials.client_id:
            raise InvalidClient("client_id in the body differs from the Authorization header")
        return credentials
    if "client_id" not in params:
        raise InvalidClient("no client credentials; send an Authorization header or client_id")
    method = AuthMethod.POST if in_body else AuthMethod.NONE
    return Credentials(method, params["client_id"], params.get("client_secret", ""))


def _parse_signed(params: Parameters) -> Credentials:
    claimed = params.get("client_id", "")
    token, client_id = parse_assertion(
        params.get("client_assertion", ""), params.get("client_assertion_type", ""), claimed
    )
    return Credentials(method_of(token), client_id, assertion=token)


def _parse_basic(authorization: str) -> Credentials:
    scheme, _, encoded = authorization.partition(" ")
    if scheme.lower() != "basic":
        raise InvalidClient("the Authorization header must be Basic")
    try:
        name, colon, secret = b64decode(encoded.strip(), validate=True).decode("utf-8").partition(":")
    except ValueError:  # not ASCII, not base64, not UTF-8
        raise InvalidClient("the Authorization header is not valid Basic") from None
    if not colon or not name:
        raise InvalidClient("the Authorization header names no client")
    # RFC 6749 section 2.3.1: both parts are form-encoded before base64, and an empty secret is as good as none. So
    # public clients use the header, too; a client that has a secret is not let in by it.
    method = AuthMethod.BASIC if secret else AuthMethod.NONE
    return Credentials(method, unquote_plus(name), unquote_plus(secret))


def verify_client(client: Client | None, credentials: Credentials) -> Client:
    """The client when its registered method was used with a live secret; raises InvalidClient.

    An unknown client costs the same digest and comparison as a wrong secret, and reads the same.
    """
    known = client is not None and client.proves_by(credentials.method)
    public = credentials.method is AuthMethod.NONE
    sent = sha256(credentials.secret[:MAX_SECRET].encode()).hexdigest()
    live = client.secret_digests if client is not None and client.secret_digests else ("0" * 64,)
    matched = any([compare_digest(sent, kept) for kept in live]) and 0 < len(credentials.secret) <= MAX_SECRET
    if client is None or not known or not (matched or public):
        raise InvalidClient(_FAILED, detail=f"{_FAILED}: {_find_cause(client, credentials)}")
    return client


def _find_cause(client: Client | None, credentials: Credentials) -> str:
    """Which of the causes it was, for the operator's log alone: the other side must not learn who is registered."""
    if client is None:
        return f"unknown client {quote(credentials.client_id)}"
    if not client.proves_by(credentials.method):
        return f"{_CAME[credentials.method]}, registered for {client.auth_method}"
    return "secret does not match"


def check_token_parameters(params: Parameters) -> None:
    """Nothing twice (RFC 6749 section 3.2)."""
    params.check_single(params.repeated)
    if "authorization_details" in params:
        raise InvalidAuthorizationDetails("authorization_details is not supported here; ask by scope and resource")
    if "grant_type" not in params:
        raise InvalidRequest("grant_type is missing")
