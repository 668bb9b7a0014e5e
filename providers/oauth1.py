"""Any OAuth 1.0a upstream, described in config.yaml alone: three addresses, signed calls, where people stand in them.

RFC 5849 (rfc-editor.org); expressions: jmespath.org/specification.html; read 2026-11.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from broker import upstream as sdk


class Profile(sdk.Part):
    """A signed call that says who it is, whose answer has a name in expressions."""

    name: sdk.AnswerName = Field(default="me", description="What the answer is called in expressions")
    url: sdk.Address = Field(description="Asked by GET")
    params: sdk.ExtraParams = Field(default={}, description="In its query, for example { include_email: true }")
    root: sdk.Expression | None = Field(default=None, description="Which part of the answer counts")


class OAuth1Settings(sdk.PeopleSettings):
    """An upstream that knows us by a consumer key, and our calls by their signatures."""

    posted = frozenset({sdk.PostedKind.ACCESS_TOKEN})

    client_secret: SecretStr | None = Field(default=None, description="Needed unless private_key signs")
    private_key: SecretStr | None = Field(default=None, description="PEM of an RSA key, for RSA-SHA1")
    signature_method: Literal["HMAC-SHA1", "RSA-SHA1", "PLAINTEXT"] = Field(
        default="HMAC-SHA1", description="RSA-SHA1: by private_key; PLAINTEXT: TLS alone keeps the secrets"
    )
    request_token_url: sdk.Address = Field(description="Where the request token comes from (RFC 5849 section 2.1)")
    authorize_url: sdk.Address = Field(description="Where the person says yes to it")
    access_token_url: sdk.Address = Field(description="Where it becomes an access token")
    method: Literal["POST", "GET"] = Field(default="POST", description="How both tokens are asked for")
    parameters: Literal["header", "query"] = Field(default="header", description="Where signatures go")
    realm: str = Field(default="", pattern=r'^[^"\\]*$', description="Named in the header, where it asks for that")
    state_in: Literal["query", "path"] = Field(
        default="query",
        description="Where callbacks name the attempt; path: it compares them with their query",
    )
    extra_authorize_params: sdk.ExtraParams = Field(default={}, description="Sent along to the page")
    userinfo: tuple[Profile, ...] = Field(default=(), max_length=5, description="Calls that say who it is")
    own_tokens_only: bool = Field(
        default=False, description="It refuses tokens of other applications; RFC 5849 section 3.2 leaves that to it"
    )

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        key, wanted = ("private_key", self.private_key), ("client_secret", self.client_secret)
        name, needed = key if self.signature_method == "RSA-SHA1" else wanted
        if needed is None:
            raise ValueError(f"signature_method {self.signature_method} needs {name}")
        if self.accept_posted and not (self.own_tokens_only and self.userinfo):
            raise ValueError("accept_posted needs userinfo, and own_tokens_only: nothing else proves whose a token is")
        names = [call.name for call in self.userinfo]
        if len(set(names)) < len(names):
            raise ValueError("two calls of userinfo have the same name: say `name`")
        return self

    @property
    def issuer(self) -> str:
        """Whose people these are: the place that gives the tokens."""
        return f"https://{urlsplit(self.access_token_url).netloc}"

    def identity_namespace(self) -> str:
        """The same key at two services means two sets of people."""
        return self.namespace or f"{self.type}:{self.issuer}:{self.client_id}"


class OAuth1(sdk.OAuth1Provider):
    """The key of a person is what `claims.sub` finds: an id that the upstream never changes."""

    Settings: ClassVar[type[sdk.ProviderSettings]] = OAuth1Settings
    title: ClassVar[Mapping[str, str]] = {"ru": "OAuth 1.0a", "en": "OAuth 1.0a"}
    label: ClassVar[Mapping[str, str]] = {"ru": "Войти через OAuth 1.0a", "en": "Sign in with OAuth 1.0a"}
    brand = "#334155"

    def __init__(self, settings: Any, tools: sdk.Tools) -> None:
        super().__init__(settings, tools)
        self.request_token_url, self.access_token_url = settings.request_token_url, settings.access_token_url
        self.authorize_url, self.method, self.state_in = settings.authorize_url, settings.method, settings.state_in
        self._people = sdk.Describing(settings, tools.odd)

    @property
    def signer(self) -> sdk.Signer:
        """As the settings say."""
        chosen = self.settings
        secret, key = (one.get_secret_value() if one else "" for one in (chosen.client_secret, chosen.private_key))
        in_query = chosen.parameters == "query"
        return sdk.Signer(chosen.client_id, secret, chosen.signature_method, key, chosen.realm, in_query)

    def authorize_params(self, flow: sdk.Flow) -> dict[str, str]:
        return dict(self.settings.extra_authorize_params)

    async def identity(self, flow: sdk.Flow, tokens: sdk.Fields) -> sdk.Identity:
        """Whom the calls describe, and what came beside the token; the token itself is in no expression."""
        told = {name: tokens.raw(name) for name in tokens if name not in {"oauth_token", "oauth_token_secret"}}
        document: dict[str, Any] = {"client": {"id": self.settings.client_id}, "token": told}
        for call in self.settings.userinfo:
            answer = await self.get_signed(call.url, tokens, call.params)
            whole = {name: answer.raw(name) for name in answer}
            document[call.name] = whole if call.root is None else sdk.find(call.root, whole)
        return self._people.identity(document)
