"""config.yaml as frozen models, one per section. Every key has a description; the reference page is made from them.

A provider's own settings are checked by its type's `Settings`, so they are held here as they come out of that check.
"""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, SecretStr

from broker.core.client import check_redirect_uri
from broker.core.terms import Algorithm, AuthMethod, GrantType, Scope, TokenFormat

_DURATION = re.compile(r"(\d+)(s|m|h|d)")
_SIZE = re.compile(r"(\d+)(B|KiB|MiB)")
_RATE = re.compile(r"(\d+)/(s|min|h)")
_SECONDS = {"s": 1, "m": 60, "min": 60, "h": 3600, "d": 86400}
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024 * 1024}


def parse_duration(value: object) -> int:
    """Seconds from `90s`, `15m`, `12h` or `30d`; a bare number hides its unit and is refused."""
    found = _DURATION.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("write a duration with its unit: 90s, 15m, 12h or 30d")
    return int(found[1]) * _SECONDS[found[2]]


def parse_size(value: object) -> int:
    """Bytes from `64KiB`, `1MiB` or `512B`."""
    found = _SIZE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        raise ValueError("write a size with its unit: 512B, 64KiB or 1MiB")
    return int(found[1]) * _BYTES[found[2]]


def parse_rate(value: object) -> tuple[int, int]:
    """(number, seconds) from `30/min`, `5/s` or `100/h`."""
    found = _RATE.fullmatch(value) if isinstance(value, str) else None
    if found is None or int(found[1]) == 0:
        raise ValueError("write a rate as 5/s, 30/min or 100/h")
    return int(found[1]), _SECONDS[found[2]]


def _redirect_uri(value: str) -> str:
    check_redirect_uri(value)
    return value


Duration = Annotated[int, BeforeValidator(parse_duration)]
Size = Annotated[int, BeforeValidator(parse_size)]
Rate = Annotated[tuple[int, int], BeforeValidator(parse_rate)]
RedirectUri = Annotated[str, AfterValidator(_redirect_uri)]
Localised = str | dict[str, str]
Secret = Annotated[SecretStr, Field(min_length=1)]


class Section(BaseModel):
    """Frozen, and no key nobody knows."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class Server(Section):
    """Where the broker listens and whom it believes."""

    listen: str = Field(default="127.0.0.1:8080", description="host:port or unix:/path of the public listener")
    management: str | None = Field(
        default="127.0.0.1:9400", description="host:port of /livez, /readyz and /metrics; null switches it off"
    )
    trusted_proxies: tuple[str, ...] = Field(
        default=(), description="Networks whose X-Forwarded-For counts, for example 10.0.0.0/8"
    )
    shutdown_grace: Duration = Field(default=20, description="How long requests in flight may take after SIGTERM")
    tls: Tls | None = Field(default=None, description="Serve TLS ourselves; a proxy in front usually does")


class Tls(Section):
    """A certificate and its key."""

    cert: str = Field(description="Path of the certificate chain, PEM")
    key: str = Field(description="Path of the private key, PEM")


class Sqlite(Section):
    """The embedded default."""

    path: str = Field(default="broker.db", description="The database file; `:memory:` forgets everything at exit")


class Redis(Section):
    """Redis 7.0 or newer, or Valkey, for what expires: codes, sessions, counters."""

    url: SecretStr = Field(description="redis://user:password@host:6379/0, rediss:// for TLS, unix:///path")
    prefix: str = Field(default="broker:", description="In front of every key")


class Storage(Section):
    """Durable state is in SQLite; transient state there too, or in Redis."""

    durable: Literal["sqlite"] = Field(default="sqlite", description="Accounts, links, consents, grants, keys")
    transient: Literal["sqlite", "redis"] = Field(default="sqlite", description="Codes, sessions, counters")
    sqlite: Sqlite = Field(default_factory=Sqlite)
    redis: Redis | None = None


class Keys(Section):
    """Signing keys are made and rotated by the broker and kept sealed with the master key."""

    master: tuple[SecretStr, ...] = Field(
        default=(),
        description="32 bytes each, base64 (`openssl rand -base64 32`); the first seals, the others still open. "
        "None: one is made beside the database on first start",
    )
    algorithms: tuple[Algorithm, ...] = Field(
        default=(Algorithm.RS256, Algorithm.ES256, Algorithm.EDDSA), min_length=1, description="Keys to hold"
    )
    rotate_every: Duration = Field(default=90 * 86400, description="Age at which a new key takes over")
    publish_before: Duration = Field(default=2 * 86400, description="In the JWKS this long before first use")
    keep_after: Duration = Field(default=30 * 86400, description="In the JWKS this long after last use")


class RefreshTokens(Section):
    """Rotated at every use; a spent one that comes back ends the whole family."""

    idle_ttl: Duration = Field(default=30 * 86400, description="An unused one dies after this")
    absolute_ttl: Duration = Field(default=180 * 86400, description="The family dies after this, used or not")
    reuse_grace: Duration = Field(default=10, description="The same child is returned again this long after rotation")


class Tokens(Section):
    """Lifetimes."""

    code_ttl: Duration = Field(default=60, le=600, description="An authorization code (RFC 6749: at most 10 minutes)")
    id_token_ttl: Duration = Field(default=600, description="An ID token")
    access_token_ttl: Duration = Field(default=900, description="An access token")
    refresh_token: RefreshTokens = Field(default_factory=RefreshTokens)


class Session(Section):
    """The single sign-on session of a browser."""

    idle_ttl: Duration = Field(default=12 * 3600, description="Ends when unused this long")
    absolute_ttl: Duration = Field(default=30 * 86400, description="Ends this long after the login")
    remember_last_provider: Duration = Field(default=180 * 86400, description="The `last used` badge on the login page")


class Login(Section):
    """The login page and what comes before and after it."""

    order: tuple[str, ...] = Field(default=(), description="Providers in this order; the rest follow")
    show_last_used: bool = Field(default=True, description="Mark and move up the provider used last")
    autoselect_single: bool = Field(default=True, description="With one provider offered go straight there")
    flow_ttl: Duration = Field(default=600, le=3600, description="How long a login attempt at a provider may take")


class Links(Section):
    """Shown at the foot of every page."""

    privacy: str = ""
    terms: str = ""
    support: str = ""


class Ui(Section):
    """What people see."""

    product_name: Localised = Field(default="Sign-in", description="Text, or one per language")
    logo: str | None = Field(default=None, description="Path of an SVG or PNG file")
    accent: str = Field(default="#2563eb", pattern=r"#[0-9a-fA-F]{6}", description="Colour of links and main buttons")
    theme: Literal["auto", "light", "dark"] = "auto"
    button_style: Literal["neutral", "brand"] = Field(
        default="neutral", description="Outlined, or filled in brand colours"
    )
    languages: tuple[Literal["ru", "en"], ...] = Field(default=("en", "ru"), min_length=1)
    default_language: Literal["ru", "en"] = "en"
    templates: str | None = Field(default=None, description="Directory whose files win over the built-in templates")
    links: Links = Field(default_factory=Links)


class ClientSettings(Section):
    """One app. Its key in the `clients` map is the client_id."""

    name: Localised = Field(description="Shown to people; text, or one per language")
    redirect_uris: tuple[RedirectUri, ...] = Field(min_length=1, description="Compared byte for byte")
    auth_method: AuthMethod = Field(default=AuthMethod.BASIC, description="How it proves itself at the token endpoint")
    secret_hashes: tuple[Annotated[str, Field(pattern=r"sha256:[0-9a-f]{64}")], ...] = Field(
        default=(), max_length=2, description="Made by `broker client add`; two may be live during rotation"
    )
    secret: Secret | None = Field(default=None, description="The secret itself, at least 32 characters; prefer hashes")
    scopes: tuple[Scope, ...] = Field(default=(Scope.OPENID, Scope.PROFILE, Scope.EMAIL))
    grants: tuple[GrantType, ...] = Field(default=(GrantType.AUTHORIZATION_CODE, GrantType.REFRESH_TOKEN))
    providers: tuple[str, ...] | None = Field(default=None, min_length=1, description="Allow-list, in display order")
    first_party: bool = Field(default=False, description="Ours: no consent page")
    pkce: Literal["required", "optional"] = Field(
        default="required", description="`optional` only for a confidential client that sends nonce"
    )
    id_token_alg: Algorithm = Field(default=Algorithm.RS256, description="Signature of its ID tokens")
    access_token_format: TokenFormat = Field(default=TokenFormat.OPAQUE, description="jwt: RFC 9068")
    origins: tuple[str, ...] = Field(default=(), description="Web origins a public client calls us from (CORS)")
    logo: str | None = Field(default=None, description="Path of an SVG or PNG file")
    languages: tuple[Literal["ru", "en"], ...] = Field(default=(), description="Languages its users are offered")
    home_uri: str = Field(default="", description="Where `Return to the app` leads")
    initiate_login_uri: str = Field(default="", description="Starts a login at the app (OIDC Core 4); https")
    email_fallback: str = Field(
        default="", description='Address sent, unverified, for people without one: "{sub}@users.noreply.example.com"'
    )


class Limits(Section):
    """Per source address and per client; 429 with Retry-After beyond."""

    login_start: Rate = Field(default=(60, 60), description="Login attempts begun, per source")
    callback: Rate = Field(default=(120, 60), description="Answers from providers, per source")
    token: Rate = Field(default=(6000, 60), description="Token requests, per client")
    client_auth_failure: Rate = Field(default=(30, 60), description="Failed client authentications, per source")
    request_body: Size = Field(default=64 * 1024, description="Largest request body")


class Network(Section):
    """How the broker reaches upstreams."""

    upstreams: Literal["real", "emulated"] = Field(
        default="real", description="emulated: the demo's own services on this machine; nothing leaves it"
    )
    trust_env: bool = Field(default=False, description="Use HTTP_PROXY and its kin")
    ca_file: str | None = Field(default=None, description="Certificate authorities besides the system's, PEM")


class Logging(Section):
    """One line per event."""

    level: Literal["debug", "info", "warning", "error"] = "info"
    format: Literal["auto", "json", "text"] = Field(default="auto", description="auto: text on a terminal, else JSON")
    audit: str = Field(default="stdout", description="stdout, or a file to append to")


class Config(Section):
    """The whole file."""

    version: Literal[1]
    issuer: str = Field(description="Exact text of `iss`; may carry a path, has no trailing slash")
    server: Server = Field(default_factory=Server)
    storage: Storage = Field(default_factory=Storage)
    keys: Keys = Field(default_factory=Keys)
    tokens: Tokens = Field(default_factory=Tokens)
    session: Session = Field(default_factory=Session)
    login: Login = Field(default_factory=Login)
    ui: Ui = Field(default_factory=Ui)
    providers: dict[str, Any] = Field(min_length=1, description="Upstreams by name; each type has keys of its own")
    clients: dict[str, ClientSettings] = Field(min_length=1, description="Apps by client_id")
    limits: Limits = Field(default_factory=Limits)
    network: Network = Field(default_factory=Network)
    logging: Logging = Field(default_factory=Logging)


Server.model_rebuild()
