"""What a description of an OAuth 2.0 upstream says, key by key. A preset is the same keys in a file."""

from __future__ import annotations

from typing import Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, model_validator

from broker.core.terms import PostedKind
from broker.upstream.discovery import Address
from broker.upstream.generic.described import Part, PeopleSettings
from broker.upstream.generic.templates import Template, UrlTemplate
from broker.upstream.generic.values import (
    AnswerName,
    Carrier,
    Expression,
    Name,
    Static,
    Status,
    Wish,
)
from broker.upstream.tls import TlsSettings
from broker.upstream.tokens import RefusalSettings, TokenSettings


class Authorize(Part):
    """Where the browser goes, and what is asked."""

    url: Address = Field(description="Its query stays, unless a parameter of ours has the same name")
    pkce: Literal["S256", "plain", "off"] = Field(
        default="S256", description="off: it refuses the parameters; then the state alone ties the answer to a browser"
    )
    params: Static = Field(default={}, description="Always sent along, for example { display: popup }")
    forward: dict[Wish, Name] = Field(default={}, description="Wishes of the app, and what each is called there")


class Callback(Part):
    """What comes back."""

    method: Literal["query", "form_post"] = Field(default="query", description="How")
    code_param: Name = Field(default="code", description="Where the code is")
    error_params: tuple[Name, ...] = Field(
        default=("error", "error_code"), description="Any of these means that there is no code, whatever else comes"
    )
    cancel_values: tuple[str, ...] = Field(
        default=("user_denied", "user_cancelled_login", "user_cancelled_authorize"),
        description="Error names that mean, besides access_denied, that the person does not want to",
    )
    iss: str | None = Field(default=None, description="What `iss` must be where it comes along (RFC 9207)")
    strip_code_suffix: str = Field(default="", description="What it puts behind the code, for example #_")
    extra_to_token: tuple[Name, ...] = Field(
        default=(), description="Parameters that have to come and go along to the token endpoint; state may be one"
    )


class Call(Part):
    """A call of ours. Placeholders: {access_token}, {client.id}, {token.NAME} of the token answer."""

    url: UrlTemplate = Field(description="https, with placeholders behind the host")
    method: Literal["GET", "POST", "DELETE"] = Field(default="GET", description="How")
    headers: dict[Name, Template] = Field(default={}, description="Sent along, for example { Client-Id: {client.id} }")
    params: dict[Name, Template] = Field(default={}, description="In the query, or in the form of a POST")
    root: Expression | None = Field(default=None, description="Which part of the answer counts, for example data[0]")
    error_paths: tuple[Expression, ...] = Field(
        default=(), description="Anything there is an error, also with status 200; error and error_code always are"
    )


class Token(Call):
    """The call that makes tokens of a code."""

    url: Address = Field(description="The token endpoint")
    method: Literal["GET", "POST", "DELETE"] = Field(default="POST", description="GET puts the secret into the query")
    response: Literal["auto", "json", "form"] = Field(default="auto", description="auto: as it begins")
    access_token: Expression = Field(default="access_token", description="Where it stands")
    refresh_token: Expression = Field(default="refresh_token", description="Where it stands")
    expires_in: Expression = Field(default="expires_in", description="Where the seconds of its life stand")
    scope: Expression = Field(default="scope", description="A text with blanks or commas, or a list")
    token_types: tuple[str, ...] = Field(default=("bearer",), description="What token_type may be where it is said")


class UserInfo(Call):
    """A call with the access token, whose answer has a name in expressions."""

    name: AnswerName = Field(default="me", description="What the answer is called in expressions")
    auth: Carrier = Field(
        default="bearer", description="How the token travels: bearer, none, header:SCHEME, query:NAME, form:NAME"
    )
    expect: Literal["object", "list"] = Field(default="object", description="What the answer has to be, and not empty")
    optional: bool = Field(default=False, description="A failure only means that nothing is known")
    on_status: dict[Status, Literal["empty"]] = Field(
        default={}, description="Refusals that only mean so, for example { 404: empty }"
    )


class Revoke(Part):
    """Where tokens are given back."""

    url: UrlTemplate = Field(description="The revocation endpoint (RFC 7009)")
    method: Literal["POST", "DELETE"] = Field(default="POST", description="How")
    auth: Literal["post", "basic", "none"] | None = Field(default=None, description="Default: as client_auth says")
    body: Literal["form", "json"] = Field(default="form", description="How the token is sent")
    token_param: Name = Field(default="token", description="What the token is called there")


class TokenCheck(Part):
    """The call that proves of an access token that it was issued to this application."""

    kind: Literal["introspection", "token_info"] = Field(
        default="introspection", description="introspection: with our credentials; token_info: with the token alone"
    )
    url: UrlTemplate = Field(description="https, with placeholders behind the host")
    method: Literal["GET", "POST"] = Field(default="POST", description="How")
    auth: Carrier | Literal["basic", "post"] = Field(
        default="basic", description="basic, post: our credentials; else how the token travels, as in userinfo"
    )
    body: Literal["form", "json"] = Field(default="form", description="How the parameters of a POST are sent")
    token_param: Name = Field(default="token", description="What the token is called there, with basic and post")
    headers: dict[Name, Template] = Field(default={}, description="Sent along")
    params: dict[Name, Template] = Field(default={}, description="Sent along")
    root: Expression | None = Field(default=None, description="Which part of the answer counts")
    active_path: Expression | None = Field(default=None, description="What has to be true")
    app_path: Expression = Field(default="client_id", description="What has to be our client id")
    subject_path: Expression | None = Field(default=None, description="What has to be the sub of the profile")
    expiry_path: Expression | None = Field(default=None, description="When it ends, in epoch seconds")


class GenericOAuth2Settings(PeopleSettings, TlsSettings, RefusalSettings, TokenSettings):
    """An upstream that is described here: no discovery, no ID token, only what calls with the access token say."""

    posted = frozenset({PostedKind.ACCESS_TOKEN})

    client_secret: SecretStr | None = Field(default=None, min_length=1, description="Needed unless client_auth is none")
    client_auth: Literal["post", "basic", "none"] = Field(
        default="post", description="Where the secret goes: into the form or the header; none: there is none"
    )
    client_id_param: Name = Field(default="client_id", description="What the client id is called there")
    client_secret_param: Name = Field(default="client_secret", description="What the secret is called there")
    scopes: tuple[str, ...] = Field(default=(), description="What is asked for")
    scope_separator: Literal[" ", ",", ";"] = Field(default=" ", description="What stands between scopes")
    authorize: Authorize = Field(description="Where the browser goes")
    callback: Callback = Field(default=Callback(), description="What comes back")
    token: Token = Field(description="The token endpoint")
    userinfo: tuple[UserInfo, ...] = Field(
        default=(), max_length=5, description="Calls that say who it is, one after the other"
    )
    not_now: tuple[str, ...] = Field(
        default=(), description="Error names and codes by which it says that it cannot just now"
    )
    revoke: Revoke | None = Field(default=None, description="Where kept tokens are given back")
    token_check: TokenCheck | None = Field(default=None, description="What proves of a posted token that it is for us")

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if (self.client_auth == "none") is (self.client_secret is not None):
            raise ValueError("client_secret is needed, unless client_auth is none, and then there is none")
        if self.client_auth == "none" and self.authorize.pkce != "S256":
            raise ValueError("without a secret authorize.pkce has to be S256: nothing else ties the code to us")
        if self.client_secret is None and self._asks_with_secret:
            raise ValueError("token_check and revoke go with the secret, and client_auth none has none")
        if self.accept_posted and self.token_check is None:
            raise ValueError(
                "accept_posted needs token_check: nothing else proves that a token is for this application"
            )
        names = [call.name for call in self.userinfo]
        if len(set(names)) < len(names):
            raise ValueError("two calls of userinfo have the same name: say `name`")
        return self

    @property
    def _asks_with_secret(self) -> bool:
        ways = [part.auth for part in (self.token_check, self.revoke) if part is not None]
        return bool({"basic", "post"}.intersection(way for way in ways if way is not None))

    @property
    def issuer(self) -> str:
        """Whose people these are: the place that gives the tokens."""
        # One that is switched off may wait for its values, and is asked all the same whose people it has.
        parts = urlsplit(getattr(self.token, "url", ""))
        return f"{parts.scheme}://{parts.netloc}"

    def identity_namespace(self) -> str:
        """The same client id at two services means two sets of people."""
        return self.namespace or f"{self.type}:{self.issuer}:{self.client_id}"
