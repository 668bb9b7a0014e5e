"""OAuth 1.0a as a client (RFC 5849): a request token, the browser, an access token, and calls that are signed with it.

The signatures are Authlib's; nothing else of ours calls it.
"""

from __future__ import annotations

import re
import secrets
from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, ClassVar, Final, Literal
from urllib.parse import parse_qsl, urlsplit

from authlib.oauth1.rfc5849.parameters import prepare_headers, prepare_request_uri_query
from authlib.oauth1.rfc5849.signature import (
    construct_base_string,
    hmac_sha1_signature,
    plaintext_signature,
    rsa_sha1_signature,
)
from authlib.oauth1.rfc5849.util import escape

from broker.core.errors import UpstreamDenied, UpstreamInvalid
from broker.core.people.identity import Identity
from broker.core.terms import PostedKind
from broker.core.wire.query import encode_query
from broker.upstream.abilities import SignedIdentity
from broker.upstream.answer import NOT_NOW
from broker.upstream.brand import Brand
from broker.upstream.credentials_check import Verdict, judge
from broker.upstream.exchange import Request
from broker.upstream.fields import Fields, same
from broker.upstream.generic.answers import Reading
from broker.upstream.model import Channel, ConfidentialSettings, Flow, ProviderSettings, Redirect, Reply, Tools
from broker.upstream.oauth2 import refusal
from broker.upstream.posted import Posted, bearer, remembered

Method = Literal["GET", "POST"]
SignatureMethod = Literal["HMAC-SHA1", "RSA-SHA1", "PLAINTEXT"]
_HELD: Final = re.compile(r"[\x21-\x7e]{1,512}")  # a request token and its secret travel in the attempt's cookie
_REFUSED: Final = frozenset({"user_refused", "permission_denied"})  # of the OAuth Problem Reporting extension


@dataclass(frozen=True, slots=True)
class Signer:
    """Signs calls of one application: by its secret or, with RSA-SHA1, by `private_key` (PEM).

    `realm` is for the header; `in_query`: parameters go into the query in place of it (RFC 5849 section 3.5).
    """

    client_id: str
    client_secret: str = field(repr=False)
    method: SignatureMethod = "HMAC-SHA1"
    private_key: str = field(default="", repr=False)
    realm: str = ""
    in_query: bool = False

    def sign(
        self, method: Method, url: str, held: tuple[str, str], more: Mapping[str, str], *, nonce: str, timestamp: int
    ) -> tuple[str, dict[str, str]]:
        """Address and header fields of a call without a body (RFC 5849 section 3.4).

        `held` are a token and its secret, both "" without one; `more` are further parameters of the protocol,
        `timestamp` is in epoch seconds. Scheme, host and path of `url` are signed: it has to be the address that the
        upstream knows as its own.
        """
        params = [
            ("oauth_consumer_key", self.client_id),
            ("oauth_nonce", nonce),
            ("oauth_signature_method", self.method),
            ("oauth_timestamp", str(timestamp)),
            ("oauth_version", "1.0"),
            *((name, value) for name, value in (("oauth_token", held[0]), *more.items()) if value),
        ]
        return self._place(url, [*params, ("oauth_signature", self._signature(method, url, params, held[1]))])

    def _signature(self, method: Method, url: str, params: list[tuple[str, str]], token_secret: str) -> str:
        if self.method == "PLAINTEXT":
            return str(plaintext_signature(self.client_secret, token_secret))
        # It takes values of its own parameters as they stand in a header, and would unescape ours once too often.
        escaped = [(name, escape(value)) for name, value in params]
        base = construct_base_string(method, url, [*parse_qsl(urlsplit(url).query, keep_blank_values=True), *escaped])
        if self.method == "RSA-SHA1":
            return str(rsa_sha1_signature(base, self.private_key))
        return str(hmac_sha1_signature(base, self.client_secret, token_secret))

    def _place(self, url: str, params: list[tuple[str, str]]) -> tuple[str, dict[str, str]]:
        if self.in_query:
            return prepare_request_uri_query(params, url), {}
        return url, prepare_headers(params, {}, self.realm)


class OAuth1Settings(ConfidentialSettings):
    """Settings of an upstream that takes signed calls about tokens of the application that signs, and no other's."""

    posted = frozenset({PostedKind.ACCESS_TOKEN})


class OAuth1Provider(ABC):
    """The three steps of OAuth 1.0a. A type names its URLs and says in `identity` who the token speaks of.

    The request token is what ties the answer to the browser: its secret stays in the attempt, and an answer with
    another token is refused. `method`: how both tokens are asked for. `state_in`: where in the address of the callback
    the attempt is named. `not_now` and `assets` as for `OAuth2Provider`.
    """

    Settings: ClassVar[type[ProviderSettings]] = OAuth1Settings
    channels: ClassVar[frozenset[Channel]] = frozenset({Channel.QUERY})
    title: ClassVar[Mapping[str, str]]
    label: ClassVar[Mapping[str, str]]
    brand: ClassVar[str | Brand]
    posted: ClassVar[frozenset[PostedKind]] = OAuth1Settings.posted
    challenged: ClassVar[frozenset[PostedKind]] = frozenset()
    request_token_url: str
    authorize_url: str
    access_token_url: str
    method: Method = "POST"
    state_in: Literal["query", "path"] = "query"
    not_now: ClassVar[frozenset[str]] = NOT_NOW
    assets: ClassVar[Path | None] = None

    def __init__(self, settings: Any, tools: Tools) -> None:
        self.settings = settings
        self.tools = tools
        self.http = tools.http

    @property
    def signer(self) -> Signer:
        """By the client's secret, in a header."""
        return Signer(self.settings.client_id, self.settings.client_secret.get_secret_value())

    async def begin(self, flow: Flow) -> Redirect:
        """A request token, and the page where the person says yes to it (RFC 5849 sections 2.1 and 2.2)."""
        query = f"{flow.redirect_uri}?{encode_query({'state': flow.state})}"
        callback = query if self.state_in == "query" else flow.callback_with_state
        asked = await self._ask(self.request_token_url, ("", ""), oauth_callback=callback)
        # Without it the upstream speaks OAuth 1.0, where anybody may finish what somebody else began.
        if asked.text("oauth_callback_confirmed") != "true":
            raise UpstreamInvalid("request token: the callback is not confirmed")
        token, secret = asked.text("oauth_token"), asked.text("oauth_token_secret")
        if _HELD.fullmatch(token) is None or _HELD.fullmatch(secret) is None:
            raise UpstreamInvalid("request token: it is too long, or not of visible ASCII characters")
        where = self.tools.browser_url(self.authorize_url)
        params = encode_query({**self.authorize_params(flow), "oauth_token": token})
        return Redirect(f"{where}{'&' if '?' in where else '?'}{params}", memo={"token": token, "secret": secret})

    def authorize_params(self, flow: Flow) -> dict[str, str]:
        """What goes to the upstream's page besides the token; a type adds to it."""
        return {}

    async def finish(self, flow: Flow, reply: Reply) -> Identity:
        """The verifier in the reply becomes an access token (RFC 5849 section 2.3), and that an identity."""
        verifier = self.read(flow, reply)
        held = flow.memo.get("token", ""), flow.memo.get("secret", "")
        tokens = await self._ask(self.access_token_url, held, oauth_verifier=verifier)
        tokens.text("oauth_token"), tokens.text("oauth_token_secret")
        return await self.identity(flow, tokens)

    def read(self, flow: Flow, reply: Reply) -> str:
        """The verifier of a reply that came on a channel of ours, for this flow's request token, without an error."""
        params = reply.params
        if reply.via not in self.channels:
            raise UpstreamInvalid(f"the reply came by {reply.via}")
        if not same(params.get("state", flow.state), flow.state):
            raise UpstreamInvalid("the reply is of another login attempt")
        if "error" in params:
            raise refusal(params["error"], self.not_now)
        if "denied" in params or params.get("oauth_problem") in _REFUSED:
            raise UpstreamDenied("the upstream said that the person declined")
        if not params.get("oauth_verifier") or not flow.memo.get("token"):
            raise UpstreamInvalid("the reply has neither verifier nor refusal, or nothing was asked for")
        if not same(params.get("oauth_token", ""), flow.memo["token"]):
            raise UpstreamInvalid("the reply is about another request token")
        return params["oauth_verifier"]

    async def verify_posted(self, posted: Posted) -> SignedIdentity:
        """Whose token it is: the upstream takes calls about it from the application alone that it was issued to.

        Nothing says when it was issued, so it is remembered for a day.
        """
        tokens = {"oauth_token": bearer(posted.token), "oauth_token_secret": bearer(posted.secret)}
        return remembered(await self.identity(posted.flow, Fields(tokens, "posted")), posted.token, self.tools.now())

    async def try_credentials(self, flow: Flow) -> Verdict:
        """By a request token, which nobody will say yes to."""
        return await judge(self.begin(flow), knows_us=frozenset(), refuses_us=frozenset(), taken=True)

    async def get_signed(self, url: str, tokens: Fields, params: Mapping[str, str] | None = None) -> Fields:
        """The JSON object answered to a GET that is signed with an access token and its secret."""
        target = f"{url}{'&' if '?' in url else '?'}{encode_query(params)}" if params else url
        held = tokens.text("oauth_token"), tokens.text("oauth_token_secret")
        url, headers = self._sign("GET", target, held, {})
        return await self.http.get_json(url, headers=headers)

    @abstractmethod
    async def identity(self, flow: Flow, tokens: Fields) -> Identity:
        """Who the token speaks of. `tokens` have `oauth_token`, `oauth_token_secret` and what else came with them."""

    async def _ask(self, url: str, held: tuple[str, str], **more: str) -> Fields:
        url, headers = self._sign(self.method, url, held, more)
        answer = await self.http.ask(Request(self.method, url, headers=headers, once=True), Reading(form=True).read)
        return Fields(answer, "token answer", self.tools.odd)

    def _sign(
        self, method: Method, url: str, held: tuple[str, str], more: Mapping[str, str]
    ) -> tuple[str, dict[str, str]]:
        # quirk(x): its nonces are letters and digits only (vendor docs read 2026-11)
        nonce, now = secrets.token_hex(16), int(self.tools.now())
        return self.signer.sign(method, url, held, more, nonce=nonce, timestamp=now)
