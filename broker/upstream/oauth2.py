"""The OAuth 2.0 code flow as a client (RFC 6749 4.1, RFC 7636, RFC 9700): what nearly all upstreams share."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, ClassVar, Literal

from broker.core.errors import UpstreamDenied, UpstreamError, UpstreamInvalid, UpstreamRejected, UpstreamUnavailable
from broker.core.people.identity import Identity
from broker.core.upstream_tokens import UpstreamTokens
from broker.core.wire.query import encode_query
from broker.upstream.abilities import Abilities, KeepsTokens
from broker.upstream.answer import NOT_NOW, clean_name
from broker.upstream.brand import Brand
from broker.upstream.credentials_check import MADE_UP, Verdict, judge
from broker.upstream.discovery import Metadata
from broker.upstream.fields import Fields, same
from broker.upstream.model import (
    Channel,
    ConfidentialSettings,
    Credentials,
    EndpointSettings,
    Flow,
    ProviderSettings,
    Redirect,
    Reply,
    Tools,
    Widget,
)
from broker.upstream.tenants import names
from broker.upstream.tokens import RefusalSettings, TokenSettings, read_tokens

ClientAuth = Literal["basic", "post", "none"]
_DENIED = frozenset(
    {"access_denied", "login_required", "consent_required", "interaction_required", "account_selection_required"}
)


class OAuth2Provider(ABC):
    """A code flow with PKCE and state. A type names its URLs and says in `identity` who the tokens speak of.

    Where its settings are `EndpointSettings`, these name the URLs and the class needs none.

    `client_auth`: how the secret travels to the token endpoint (RFC 6749 section 2.3.1); `credentials` may say
    more. `challenge_method`: as the upstream spells S256, "" where it knows no PKCE at all and `state` alone binds
    the answer to the browser. `answered_separator`: what stands between scopes in its answers. `revocation_url`:
    where tokens are given back (RFC 7009), "" for nowhere. `refuses_embedded`: it refuses browsers inside other
    apps, so people are told to open their usual one. `not_now`: error codes, in replies and answers, by which it
    says that it cannot just now; `denied`: further ones, in replies, by which it says that the person did not want
    to. `grant_refused`: error codes of its token endpoint that are about a code or refresh token, `client_refused`:
    those about us. `issuers`: spellings of its issuer; a reply that names one must name the first (RFC 9207), ()
    where it has none. `assets`: a folder beside the adapter with `icon.svg` for the button (and `icon.dark.svg`,
    `icon.white.svg`, see `Glyph`) and pages of its widgets (*.html); None: what we have will do.
    """

    Settings: ClassVar[type[ProviderSettings]] = ConfidentialSettings
    channels: ClassVar[frozenset[Channel]] = frozenset({Channel.QUERY})
    title: ClassVar[Mapping[str, str]]
    label: ClassVar[Mapping[str, str]]
    brand: ClassVar[str | Brand]
    authorize_url: ClassVar[str]
    token_url: ClassVar[str]
    revocation_url: ClassVar[str] = ""
    client_auth: ClassVar[ClientAuth] = "post"
    challenge_method: ClassVar[str] = "S256"
    scope_separator: ClassVar[str] = " "
    answered_separator: ClassVar[str] = " "
    refuses_embedded: ClassVar[bool] = False
    not_now: frozenset[str] = NOT_NOW
    denied: frozenset[str] = frozenset()
    grant_refused: frozenset[str] = frozenset({"invalid_grant"})
    client_refused: frozenset[str] = frozenset({"invalid_client", "unauthorized_client"})
    issuers: tuple[str, ...] = ()
    assets: ClassVar[Path | None] = None

    def __init__(self, settings: Any, tools: Tools) -> None:
        self.settings = settings
        self.tools = tools
        self.http = tools.http

    def hear_words(self, settings: RefusalSettings) -> None:
        """Understand the operator's names of errors as well."""
        self.grant_refused |= frozenset(map(clean_name, settings.grant_refused))
        self.client_refused |= frozenset(map(clean_name, settings.client_refused))

    async def begin(self, flow: Flow) -> Redirect | Widget:
        """The authorization request (RFC 6749 section 4.1.1)."""
        metadata = await self.metadata()
        where = self.tools.browser_url(metadata.authorization_endpoint)
        carried = await self.carried(self.authorize_params(flow), metadata)
        # An endpoint may bring a query of its own (RFC 6749 section 3.1).
        return Redirect(f"{where}{'&' if '?' in where else '?'}{encode_query(carried)}")

    async def carried(self, params: Mapping[str, str], _metadata: Metadata, /) -> Mapping[str, str]:
        """What of the authorization request the browser carries: by default all of it."""
        return params

    async def finish(self, flow: Flow, reply: Reply) -> Identity:
        """The code in the reply becomes tokens, and the tokens an identity."""
        params = self.read(flow, reply)
        tokens = await self.exchange(flow, params)
        identity = await self.identity(flow, tokens)
        return replace(identity, tokens=self._kept(flow, tokens)) if flow.keeps_tokens else identity

    def _kept(self, flow: Flow, tokens: Fields) -> UpstreamTokens:
        return self._read_tokens(tokens, self.scopes_of(flow), UpstreamTokens("", nonce=flow.nonce))

    def _read_tokens(self, answer: Fields, asked: tuple[str, ...], before: UpstreamTokens) -> UpstreamTokens:
        now, separator = self.tools.now(), self.answered_separator
        return read_tokens(answer, now=now, asked=asked, before=before, separator=separator)

    def abilities(self) -> Abilities:
        """Its tokens can be kept, where the operator wants that."""
        keeps: KeepsTokens | None = _Renewing(self) if self._token_settings is not None else None
        return Abilities(keeps=keeps)

    @property
    def _token_settings(self) -> TokenSettings | None:
        chosen = self.settings
        return chosen if isinstance(chosen, TokenSettings) and chosen.keep_tokens else None

    async def metadata(self) -> Metadata:
        """Where the upstream answers, as the type has it written down, or the operator where the type lets them."""
        named = self.settings if isinstance(self.settings, EndpointSettings) else self
        return Metadata(named.authorize_url, named.token_url, revocation_endpoint=self.revocation_url)

    def authorize_params(self, flow: Flow) -> dict[str, str]:
        """Everything the authorization request says; a type adds to it."""
        params = {
            "response_type": "code",
            "client_id": self.settings.client_id,
            "redirect_uri": flow.redirect_uri,
            "scope": self.scope_separator.join(self.scopes_of(flow)),
            "state": flow.state,
        }
        if self.challenge_method and flow.code_verifier:
            params |= {"code_challenge": flow.code_challenge, "code_challenge_method": self.challenge_method}
        return params

    @property
    def scopes(self) -> tuple[str, ...]:
        """What is asked for; a type without a `scopes` setting says it here."""
        asked: tuple[str, ...] = self.settings.scopes
        return asked

    def scopes_of(self, flow: Flow) -> tuple[str, ...]:
        """What is asked for in this flow: more where an app may have the tokens."""
        chosen = self._token_settings
        more = chosen.token_scopes if chosen is not None and flow.keeps_tokens else ()
        return tuple(dict.fromkeys((*self.scopes, *more)))

    def read(self, flow: Flow, reply: Reply) -> Mapping[str, str]:
        """The parameters of a reply that came on a channel of ours, for this flow, and without an error."""
        if reply.via not in self.channels:
            raise UpstreamInvalid(f"the reply came by {reply.via}")
        if self.issuers and not names(reply.params.get("iss", self.issuers[0]), self.issuers[0]):  # RFC 9207 2.4
            raise UpstreamInvalid("the reply names another issuer")
        if not same(reply.params.get("state", flow.state), flow.state):
            raise UpstreamInvalid("the reply is of another login attempt")
        # An error wins over a code that comes with it: such a code is never sent anywhere (threats B16).
        if "error" in reply.params:
            raise refusal(reply.params["error"], self.not_now, self.denied)
        return reply.params

    def token_params(self, flow: Flow, params: Mapping[str, str]) -> dict[str, str]:
        """What the token request says besides the client's credentials (RFC 6749 section 4.1.3, RFC 7636 4.5)."""
        code = params.get("code")
        if not code:
            raise UpstreamInvalid("the reply has neither code nor error")
        form = {"grant_type": "authorization_code", "code": code, "redirect_uri": flow.redirect_uri}
        return form | ({"code_verifier": flow.code_verifier} if self.challenge_method and flow.code_verifier else {})

    async def exchange(self, flow: Flow, params: Mapping[str, str]) -> Fields:
        """The token response, with a non-empty `access_token`. A code is sent once and never again, whatever comes."""
        form = self.token_params(flow, params)
        metadata = await self.metadata()
        if metadata.answers_with_iss and "iss" not in params:  # RFC 9207 section 2.4
            raise UpstreamInvalid("the reply does not name the issuer, who says that every reply does")
        return await self.ask_tokens(form, metadata)

    async def ask_tokens(self, form: Mapping[str, str], metadata: Metadata) -> Fields:
        """The answer to a token request, with a non-empty `access_token`; the credentials are added here."""
        proof = await self.credentials(metadata)
        sent = {**form, **proof.form}
        tokens = self.unwrap(await self.http.post_form(metadata.token_endpoint, sent, basic=proof.basic))
        tokens.text("access_token")
        return tokens

    def unwrap(self, answer: Fields) -> Fields:
        """The object that counts in what the upstream answered: the answer itself, where it is not wrapped."""
        return answer

    async def refresh_tokens(self, refresh_token: str) -> Fields:
        """The answer to a refresh token (RFC 6749 section 6).

        Raises UpstreamDenied where the upstream says that it counts no more, else UpstreamUnavailable: any other
        refusal is about us, not about the person.
        """
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token}
        try:
            return await self.ask_tokens(form, await self.metadata())
        except UpstreamRejected as error:
            if error.error in self.grant_refused:
                raise UpstreamDenied(f"the upstream says that the login counts no more: {error.detail}") from None
            raise UpstreamUnavailable(error.detail) from None
        except UpstreamInvalid as error:
            raise UpstreamUnavailable(error.detail) from None

    async def try_credentials(self, flow: Flow) -> Verdict:
        """By the token endpoint, which has to know us before it looks at a code (RFC 6749 section 3.2.1)."""
        sets = {"knows_us": self.grant_refused, "refuses_us": self.client_refused}
        return await judge(self.knock(flow), **sets, taken=None)

    async def knock(self, flow: Flow) -> Fields:
        """A token request with a code that nobody was given."""
        return await self.exchange(flow, {"code": MADE_UP, "iss": self.issuers[0] if self.issuers else ""})

    async def read_renewed(self, answer: Fields, _subject: str, kept: UpstreamTokens, /) -> UpstreamTokens:
        """What this answer leaves to be kept in place of `kept`; raises UpstreamInvalid where it is somebody else's.

        Most upstreams do not say whose it is.
        """
        return self._read_tokens(answer, self.scopes, kept)

    async def revoke(self, token: str, metadata: Metadata) -> None:
        """Give a token back (RFC 7009 section 2.1)."""
        proof = await self.credentials(metadata)
        form = {"token": token, **proof.form}
        with suppress(UpstreamInvalid):  # done, and the body of that may be anything (RFC 7009 section 2.2)
            await self.http.post_form(metadata.revocation_endpoint, form, basic=proof.basic)

    async def credentials(self, metadata: Metadata) -> Credentials:
        """What shows this token endpoint that it is us, asked for anew with every token request.

        A type says it here whose secret is signed each time (Apple's, `private_key_jwt`), or chosen by the metadata.
        """
        return self.by_secret(self.client_auth)

    def by_secret(self, way: ClientAuth) -> Credentials:
        """The client's id and the secret of the settings, in the form or in the header; "none": the id alone."""
        client_id = self.settings.client_id
        if way == "none":
            return Credentials({"client_id": client_id})
        if self.settings.client_secret is None:
            raise UpstreamInvalid("client_secret is not set")
        secret = self.settings.client_secret.get_secret_value()
        if way == "basic":
            return Credentials(basic=(client_id, secret))
        return Credentials({"client_id": client_id, "client_secret": secret})

    @abstractmethod
    async def identity(self, flow: Flow, tokens: Fields) -> Identity:
        """Who the tokens speak of. Every type says this for itself."""


class _Renewing:
    """KeepsTokens (RFC 6749 section 6)."""

    def __init__(self, provider: OAuth2Provider) -> None:
        self._provider = provider

    async def renew(self, subject: str, kept: UpstreamTokens) -> UpstreamTokens:
        answer = await self._provider.refresh_tokens(kept.refresh_token)
        return await self._provider.read_renewed(answer, subject, kept)

    async def give_back(self, kept: UpstreamTokens) -> bool:
        provider = self._provider
        metadata = await provider.metadata()
        if not metadata.revocation_endpoint:
            return False
        await provider.revoke(kept.refresh_token or kept.access_token, metadata)
        return True


def refusal(error: str, not_now: frozenset[str] = NOT_NOW, denied: frozenset[str] = frozenset()) -> UpstreamError:
    """The failure an `error` parameter stands for (RFC 6749 section 4.1.2.1, OIDC Core 3.1.2.6)."""
    name = clean_name(error)
    if name in _DENIED | denied:
        return UpstreamDenied(f"the upstream said {name}")
    if name in not_now:
        return UpstreamUnavailable(f"the upstream said {name}", answered=True)
    return UpstreamRejected(f"the upstream said {name}", error=name)
