"""One entry of `clients` in config.yaml."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from pydantic import Field, model_validator

from broker.config.access_model import AccessSettings
from broker.config.values import (
    BackendName,
    ClientAuth,
    Host,
    Localised,
    Origin,
    PathText,
    RedirectUri,
    ResourceUri,
    Secret,
    SecretHash,
    Section,
    ServiceScope,
    ToldUri,
    WebUrl,
)
from broker.core.clients.client import ABOUT_GROUPS
from broker.core.clients.fapi import IMPLIED
from broker.core.terms import Algorithm, GrantType, IdTokenClaims, Pkce, Profile, Scope, SubjectType, TokenFormat


class ClientSettings(Section):
    """One app. Its key in the `clients` map is the client_id."""

    name: Localised = Field(description="Shown to people; text, or one per language")
    redirect_uris: tuple[RedirectUri, ...] = Field(
        default=(), description="Compared byte for byte; required where people log in"
    )
    loopback_redirects: bool = Field(
        default=False, description="Any http address on this machine will do; with emulated upstreams alone"
    )
    profile: Profile = Field(
        default=Profile.STANDARD,
        description="fapi2: FAPI 2.0 Security Profile with private_key_jwt and DPoP; what contradicts it is refused",
    )
    auth_method: ClientAuth = Field(
        default="client_secret",
        description="How it proves itself at the token endpoint; client_secret: in the header or the form, as it likes",
    )
    secret_hashes: tuple[SecretHash, ...] = Field(
        default=(), max_length=2, description="Made by `broker client add`; two may be live during rotation"
    )
    secret: Secret | None = Field(default=None, description="The secret itself, at least 32 characters; prefer hashes")
    jwks: dict[str, Any] | None = Field(default=None, description="Its public keys, a JWK set; or use `jwks_uri`")
    jwks_uri: WebUrl = Field(default="", description="Where it publishes its public keys; fetched when needed")
    assertion_algs: tuple[Literal["PS256", "ES256", "EdDSA", "RS256", "HS256"], ...] = Field(
        default=(), description="What it may sign its proof of itself with; empty: all that `auth_method` has"
    )
    assertion_audience: Literal["issuer", "legacy"] = Field(
        default="issuer", description="`legacy`: its proof may name an endpoint instead of the issuer (see RFC 10070)"
    )
    scopes: tuple[Scope, ...] = Field(
        default=(Scope.OPENID, Scope.PROFILE, Scope.EMAIL), description="What it may ask for about people"
    )
    required_scopes: tuple[Scope, ...] = Field(
        default=(), description="Of these, what it cannot do without: people cannot leave it out on the consent page"
    )
    service_scopes: tuple[ServiceScope, ...] = Field(
        default=(), description="What it may get for itself by client_credentials; words of your own, as `orders:read`"
    )
    grants: tuple[GrantType, ...] = Field(
        default=(GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN), description="How it may get tokens"
    )
    providers: tuple[str, ...] | None = Field(default=None, min_length=1, description="Allow-list, in display order")
    access: AccessSettings = Field(
        default_factory=AccessSettings,
        description="Who may come in here, besides what `access` of the whole file demands",
    )
    accept_posted: tuple[str, ...] = Field(
        default=(),
        description="Providers whose credentials it may bring, as their kits gave them to it, with the grant"
        " `urn:ietf:params:oauth:grant-type:token-exchange`",
    )
    drf_backends: Mapping[BackendName, str] = Field(
        default={},
        description="Turns on drf-social-oauth2's calls for it: its names of backends and whose they are in"
        " `accept_posted`, as `{google-oauth2: google}`",
    )
    drf_without_nonce: tuple[str, ...] = Field(
        default=(),
        description="Of these providers, whose ID tokens count in such a call though no `/challenge` was taken: whoever"
        " steals one in its first five minutes signs in by it",
    )
    upstream_tokens: tuple[str, ...] = Field(
        default=(),
        description="Providers with `keep_tokens` whose own tokens it may have for its users, with the grant"
        " `urn:ietf:params:oauth:grant-type:token-exchange`",
    )
    one_tap: bool = Field(
        default=False,
        description="Its login page may show Google One Tap, of providers with `one_tap`; Google's script runs there",
    )
    mini_apps: tuple[str, ...] = Field(
        default=(),
        description="Providers whose Mini App may be our page for it, `/miniapp/{provider}/{client_id}`, from which"
        " people go on to initiate_login_uri",
    )
    first_party: bool = Field(default=False, description="Ours: no consent page")
    pkce: Pkce = Field(
        default=Pkce.AUTO,
        description="auto: with a secret, `nonce` will do; optional: neither. Public and native clients always use it",
    )
    resources: tuple[ResourceUri, ...] = Field(
        default=(), description="APIs it may ask tokens for by `resource` (RFC 8707); compared byte for byte"
    )
    serves: tuple[ResourceUri, ...] = Field(
        default=(), description="APIs it is itself: it may introspect tokens that are for them"
    )
    request_uris: tuple[WebUrl, ...] = Field(
        default=(), description="Where its signed requests may be fetched from; compared byte for byte"
    )
    request_object_signing_alg: Literal["", "RS256", "PS256", "ES256", "EdDSA"] = Field(
        default="", description="The one algorithm it signs its requests with; empty: any that its keys are for"
    )
    require_signed_request_object: bool = Field(default=False, description="Its requests must be signed (RFC 9101)")
    require_par: bool = Field(default=False, description="Authorization requests must be pushed to /par (RFC 9126)")
    id_token_alg: Algorithm = Field(default=Algorithm.RS256, description="Signature of its ID tokens")
    id_token_claims: IdTokenClaims = Field(
        default=IdTokenClaims.SCOPE,
        description="scope: claims of its scopes are in ID tokens, too; requested: those that `claims` names alone",
    )
    extra_claims: Mapping[Scope, Mapping[str, str]] = Field(
        default={Scope(scope): dict(names) for scope, names in ABOUT_GROUPS.items()},
        description="What its scopes bring beside the standard claims: scope, name at this app, and the name it is kept"
        " under (a provider's `extra_claims`, `broker claim set`)",
    )
    access_token_claims: tuple[str, ...] = Field(
        default=(),
        description="Of the names in `extra_claims` those that its access tokens say to APIs: JWTs, and introspection",
    )
    userinfo_alg: Algorithm | None = Field(default=None, description="Sign its userinfo answers; null: plain JSON")
    subject_type: SubjectType = Field(
        default=SubjectType.PUBLIC, description="pairwise: a `sub` that no app outside its sector sees"
    )
    sector: Host | None = Field(
        default=None, description="Apps with the same one share pairwise subjects; null: the host of its redirect URIs"
    )
    access_token_format: TokenFormat = Field(default=TokenFormat.OPAQUE, description="jwt: RFC 9068")
    dpop_bound_access_tokens: bool = Field(
        default=False, description="Gives it only tokens bound to a key of its own (DPoP, RFC 9449)"
    )
    origins: tuple[Origin, ...] = Field(
        default=(), description="Web origins a public client calls us from (CORS), and hears answers at (web_message)"
    )
    logo: PathText | None = Field(default=None, description="Path of an SVG or PNG file")
    languages: tuple[Literal["ru", "en"], ...] = Field(default=(), description="Languages its users are offered")
    home_uri: WebUrl = Field(default="", description="Where `Return to the app` leads")
    initiate_login_uri: WebUrl = Field(default="", description="Starts a login at the app (OIDC Core 4); https")
    post_logout_redirect_uris: tuple[RedirectUri, ...] = Field(
        default=(), description="Where people may be sent after logging out; compared byte for byte"
    )
    backchannel_logout_uri: ToldUri = Field(
        default="", description="Told by a logout token when somebody logs out (OIDC Back-Channel Logout)"
    )
    backchannel_logout_session_required: bool = Field(
        default=False, description="Logout tokens must name the session; ours always do"
    )
    frontchannel_logout_uri: WebUrl = Field(
        default="", description="Loaded in a frame when somebody logs out (OIDC Front-Channel Logout)"
    )
    frontchannel_logout_session_required: bool = Field(
        default=False, description="That address must be given iss and sid; ours always are"
    )
    account_linking: bool = Field(
        default=False, description="May send people to /link, where they add a way in, and get them back"
    )
    lookup_identities: bool = Field(
        default=False, description="May ask at /identities/lookup whose an upstream's id is, of everybody who signs in"
    )
    email_fallback: str = Field(
        default="", description='Address sent, unverified, for people without one: "{sub}@users.noreply.example.com"'
    )

    @model_validator(mode="before")
    @classmethod
    def _follow_profile(cls, data: Any) -> Any:
        """What a profile demands need not be written out."""
        if isinstance(data, dict) and data.get("profile") == Profile.FAPI2:
            return {**IMPLIED, **data}
        return data
