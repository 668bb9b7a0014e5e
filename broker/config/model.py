"""config.yaml as frozen models, one per section. Every key has a description; the reference page is made from them.

A provider's own settings are checked by its type's `Settings`, so they are held here as they come out of that check.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from broker.config.access_model import AccessSettings
from broker.config.client_model import ClientSettings
from broker.config.values import (
    Colour,
    Duration,
    HostText,
    Issuer,
    Lifetime,
    Listen,
    Localised,
    MasterKeys,
    NetworkText,
    PathText,
    Rate,
    Secret,
    SecretHash,
    Section,
    Size,
    SupportUrl,
    ToldUri,
    WebUrl,
    WholeNumber,
    parse_master_key,
)
from broker.core.terms import Algorithm, IdTokenClaims, Pkce, Scope
from broker.core.webhooks import Told


class Server(Section):
    """Where the broker listens and whom it believes."""

    listen: Listen = Field(default="127.0.0.1:8080", description="host:port or unix:/path of the public listener")
    management: Listen | None = Field(
        default="127.0.0.1:9400", description="host:port of /livez, /readyz and /metrics; null switches it off"
    )
    admin_api: bool = Field(
        default=False, description="/admin/v1 on the management listener, for tokens of `broker admin token new`"
    )
    admin_hosts: tuple[HostText, ...] = Field(
        default=(), description="Names the admin API is called by, besides that address: admin.internal:9400"
    )
    trusted_proxies: tuple[NetworkText, ...] = Field(
        default=(), description="Networks whose X-Forwarded-For counts, for example 10.0.0.0/8"
    )
    shutdown_grace: Duration = Field(default=20, description="How long requests in flight may take after SIGTERM")
    tls: Tls | None = Field(default=None, description="Serve TLS ourselves; a proxy in front usually does")


class Tls(Section):
    """A certificate and its key."""

    cert: PathText = Field(description="Path of the certificate chain, PEM")
    key: PathText = Field(description="Path of the private key, PEM")


class Sqlite(Section):
    """The embedded default."""

    path: PathText = Field(default="broker.db", description="The database file; `:memory:` forgets all at exit")


class Redis(Section):
    """Redis 7.0 or newer, or Valkey, for what expires: codes, sessions, counters."""

    url: Secret = Field(description="redis://user:password@host:6379/0, rediss:// for TLS, unix:///path")
    prefix: str = Field(default="broker:", description="In front of every key")


class Storage(Section):
    """Durable state is in SQLite; transient state there too, or in Redis."""

    durable: Literal["sqlite"] = Field(default="sqlite", description="Accounts, links, consents, grants, keys")
    transient: Literal["sqlite", "redis"] = Field(default="sqlite", description="Codes, sessions, counters")
    sqlite: Sqlite = Field(default_factory=Sqlite, description="Where the database is")
    redis: Redis | None = Field(default=None, description="Where Redis is, when `transient` is redis")


class Keys(Section):
    """Signing keys are made and rotated by the broker and kept sealed with the master key."""

    master: MasterKeys = Field(
        default=(),
        description="32 bytes each, base64 (`openssl rand -base64 32`); the first seals, the others still open. "
        "None: one is made beside the database on first start",
    )
    algorithms: tuple[Algorithm, ...] = Field(
        default=(Algorithm.RS256, Algorithm.ES256, Algorithm.EDDSA), min_length=1, description="A key is held for each"
    )
    rotate_every: Lifetime = Field(default=90 * 86400, description="Age at which a new key takes over")
    publish_before: Lifetime = Field(default=2 * 86400, description="In the JWKS this long before first use")
    keep_after: Lifetime = Field(default=30 * 86400, description="In the JWKS this long after last use")


class RefreshTokens(Section):
    """Rotated at every use, but not with `profile: fapi2`; a spent one that comes back ends the whole family."""

    idle_ttl: Lifetime = Field(default=30 * 86400, description="An unused one dies after this")
    absolute_ttl: Lifetime = Field(default=180 * 86400, description="The family dies after this, used or not")
    reuse_grace: Duration = Field(
        default=10,
        description="The same child is returned again this long after rotation; downtime does not count",
    )


class Tokens(Section):
    """Lifetimes."""

    code_ttl: Lifetime = Field(default=60, le=600, description="An authorization code (RFC 6749: at most 10 minutes)")
    id_token_ttl: Lifetime = Field(default=600, description="An ID token")
    access_token_ttl: Lifetime = Field(default=900, description="An access token")
    refresh_token: RefreshTokens = Field(default_factory=RefreshTokens, description="Refresh tokens")
    dpop_nonce: Literal["optional", "required"] = Field(
        default="optional", description="Whether DPoP proofs must hold a nonce of ours; one is handed out in any case"
    )


class Session(Section):
    """The single sign-on session of a browser."""

    idle_ttl: Lifetime = Field(default=12 * 3600, description="Ends when unused this long")
    absolute_ttl: Lifetime = Field(default=30 * 86400, description="Ends this long after the login")
    remember_last_provider: Duration = Field(
        default=180 * 86400, description="Who used a browser last is offered first"
    )


KeptUnused = Annotated[Duration, Field(ge=30 * 86400)]


class Accounts(Section):
    """What people see and do on their account page."""

    deletion_wait: Duration = Field(
        default=14 * 86400,
        description="From asking for deletion to it; who signs in to `/account` may call it off. 0s: at once",
    )
    history_kept: Lifetime = Field(default=180 * 86400, description="How long people see when and where they signed in")
    events_kept: Lifetime | None = Field(
        default=None, description="How long it is known what was done to an account; null: as long as the account"
    )
    unused_kept: KeptUnused | None = Field(
        default=None,
        description="An account that nobody used for so long is to be deleted, after `deletion_wait`; at least 30d,"
        " null: never",
    )


class Login(Section):
    """The login page and what comes before and after it."""

    order: tuple[str, ...] = Field(default=(), description="Providers in this order; the rest follow")
    show_last_used: bool = Field(default=True, description="Offer who used a browser last, or their provider, first")
    autoselect_single: bool = Field(default=True, description="With one provider offered go straight there")
    flow_ttl: Lifetime = Field(default=600, le=3600, description="How long a login attempt at a provider may take")
    other_browser: bool = Field(
        default=True,
        description="Inside another app, where a provider refuses: sign in in another browser, by a code and a number",
    )


class Links(Section):
    """Shown at the foot of every page."""

    privacy: WebUrl = Field(default="", description="Privacy policy")
    terms: WebUrl = Field(default="", description="Terms of use")
    support: SupportUrl = Field(default="", description="Help: a URL, or mailto:help@example.com")


class Ui(Section):
    """What people see."""

    product_name: Localised = Field(default="Sign-in", description="Text, or one per language")
    logo: PathText | None = Field(default=None, description="Path of an SVG or PNG file")
    accent: Colour = Field(default="#2563eb", description="Colour of links and main buttons")
    theme: Literal["auto", "light", "dark"] = Field(default="auto", description="auto: as the visitor's system")
    button_style: Literal["neutral", "brand"] = Field(
        default="neutral", description="Outlined, or filled as the owners' guidelines say"
    )
    languages: tuple[Literal["ru", "en"], ...] = Field(
        default=("en", "ru"), min_length=1, description="Languages offered"
    )
    default_language: Literal["ru", "en"] = Field(
        default="en", description="For visitors whose browser asks for none of them"
    )
    templates: PathText | None = Field(default=None, description="Directory whose files win over ours")
    links: Links = Field(default_factory=Links, description="At the foot of every page")


class Registration(Section):
    """Apps that register themselves (RFC 7591). Off without a token."""

    token_hashes: tuple[SecretHash, ...] = Field(
        default=(), max_length=20, description="Initial access tokens; `broker client token` makes one"
    )
    max_clients: int = Field(default=1000, ge=1, le=100_000, description="More are refused")
    scopes: tuple[Scope, ...] = Field(
        default=(Scope.OPENID, Scope.PROFILE, Scope.EMAIL, Scope.OFFLINE_ACCESS),
        min_length=1,
        description="What they may ask for about people",
    )
    pkce: Pkce = Field(
        default=Pkce.REQUIRED,
        description="auto: with a secret, `nonce` will do; optional: neither. Public and native clients always use it",
    )
    id_token_claims: IdTokenClaims = Field(
        default=IdTokenClaims.SCOPE,
        description="scope: claims of scopes are in ID tokens, too; requested: those that `claims` names alone",
    )
    assertion_audience: Literal["issuer", "legacy"] = Field(
        default="issuer", description="`legacy`: client assertions may name an endpoint, which RFC 10070 forbids"
    )


class Notify(Section):
    """Messages of apps to their users, for clients that have `notify` among their `service_scopes`."""

    per_person: Rate = Field(default=(1, 1), description="Messages of one bot to one person, evenly spread")
    per_bot: Rate = Field(default=(30, 1), description="Messages of one bot to all people together")
    expires_after: Lifetime = Field(default=86400, description="How long sending is tried")
    kept: Lifetime = Field(default=7 * 86400, description="How long after that the app is told what became of it")


class WebhookSettings(Section):
    """Somebody who is told what happens to accounts and sessions, by signed events (RFC 8417, RFC 8935)."""

    url: ToldUri = Field(min_length=1, description="Where events are POSTed; https")
    events: tuple[Told, ...] = Field(min_length=1, description="What it hears of")
    client: str | None = Field(
        default=None, description="Accounts and sessions are named as this client knows them; null: as commands do"
    )
    audience: str = Field(default="", max_length=255, description="`aud` of events; empty: the client, else the url")
    token: Secret | None = Field(default=None, description="Sent along as a Bearer token, if it wants one")
    keep_trying: Lifetime = Field(
        default=3 * 86400, le=30 * 86400, description="How long an event is tried that is not taken"
    )


class Limits(Section):
    """Per source address and per client; 429 with Retry-After beyond."""

    login_start: Rate = Field(
        default=(120, 60),
        description="Login attempts begun, per browser that was here before, and per source by those that were not",
    )
    callback: Rate = Field(default=(120, 60), description="Answers from providers, per source")
    account: Rate = Field(
        default=(120, 60), description="Pages and forms of /account, /link, and answers at /join, per source"
    )
    token: Rate = Field(
        default=(6000, 60),
        description="Calls of /token, /challenge, /revoke and /introspect, per client; public: and source",
    )
    identity_lookup: Rate = Field(default=(600, 60), description="Calls of /identities/lookup, per client")
    notify: Rate = Field(default=(1800, 60), description="Messages ordered at /notify, per client")
    client_auth_failure: Rate = Field(
        default=(30, 60), description="Failed client authentications, per source and client"
    )
    device_code_entry: Rate = Field(
        default=(10, 600), description="Codes of devices typed at /device, right or wrong, per source; and per account"
    )
    device_code_wrong: Rate = Field(
        default=(300, 60), description="Wrong codes of devices, of everybody together; beyond, codes wait for a turn"
    )
    bot_start: Rate = Field(default=(60, 60), description="Sign-ins by a bot begun, per source")
    bot_wait: Rate = Field(default=(1200, 60), description="Looks of browsers that wait for a bot, per source")
    bot_update: Rate = Field(default=(6000, 60), description="Calls of /updates, per source")
    upstream_logout: Rate = Field(default=(6000, 60), description="Logout tokens and events from providers, per source")
    registration: Rate = Field(default=(20, 60), description="Calls of /register, per source")
    admin: Rate = Field(default=(600, 60), description="Calls of the admin API, per token")
    admin_failure: Rate = Field(default=(30, 60), description="Calls of the admin API without a good token, per source")
    request_body: Size = Field(default=64 * 1024, description="Largest request body")


class Network(Section):
    """How the broker reaches upstreams."""

    upstreams: Literal["real", "emulated"] = Field(
        default="real", description="emulated: the demo's own services on this machine; nothing leaves it"
    )
    trust_env: bool = Field(default=False, description="Use HTTP_PROXY and its kin")
    ca_file: PathText | None = Field(default=None, description="Certificate authorities besides the system's, PEM")
    client_networks: tuple[NetworkText, ...] = Field(
        default=(),
        description="Networks of yours that URLs of apps (keys, logout) and webhooks may lead to, besides public ones",
    )
    forbidden_networks: tuple[NetworkText, ...] = Field(
        default=("168.63.129.16/32", "192.88.99.0/24", "3fff::/20"),
        description="Networks that URLs of apps and webhooks never lead to, besides all that are not public",
    )


class Logging(Section):
    """One line per event."""

    level: Literal["debug", "info", "warning", "error"] = Field(
        default="info", description="The least that is logged; BROKER_LOG_LEVEL overrides it"
    )
    format: Literal["auto", "json", "text"] = Field(
        default="auto", description="auto: text on a terminal, else JSON; BROKER_LOG_FORMAT overrides it"
    )
    audit: PathText = Field(default="stdout", description="stdout, or a file to append to")


class Config(Section):
    """The whole file."""

    version: Annotated[Literal[1], WholeNumber] = Field(description="Version of this file's layout")
    issuer: Issuer = Field(description="Exact text of `iss`; may carry a path, has no trailing slash")
    server: Server = Field(default_factory=Server, description="Listeners")
    storage: Storage = Field(default_factory=Storage, description="State")
    keys: Keys = Field(default_factory=Keys, description="Signing keys")
    tokens: Tokens = Field(default_factory=Tokens, description="Lifetimes of tokens")
    session: Session = Field(default_factory=Session, description="Single sign-on")
    accounts: Accounts = Field(default_factory=Accounts, description="The account page")
    access: AccessSettings = Field(default_factory=AccessSettings, description="Who may come in")
    login: Login = Field(default_factory=Login, description="The login page")
    ui: Ui = Field(default_factory=Ui, description="What people see")
    providers: dict[str, Any] = Field(min_length=1, description="Upstreams by name; each type has keys of its own")
    clients: dict[str, ClientSettings] = Field(min_length=1, description="Apps by client_id")
    registration: Registration = Field(default_factory=Registration, description="Apps that register themselves")
    notify: Notify = Field(default_factory=Notify, description="Messages to people")
    webhooks: dict[str, WebhookSettings] = Field(default_factory=dict, description="Who is told, by a name of yours")
    limits: Limits = Field(default_factory=Limits, description="Rates and sizes")
    network: Network = Field(default_factory=Network, description="Calls to upstreams")
    logging: Logging = Field(default_factory=Logging, description="Log and audit stream")

    @property
    def master_keys(self) -> tuple[bytes, ...]:
        """The master keys as bytes; empty when one is to be made on first start."""
        return tuple(parse_master_key(key) for key in self.keys.master)


Server.model_rebuild()
