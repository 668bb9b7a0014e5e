"""A broker without its web: every service over real stores in memory, a clock that stands still, upstreams of our own.

The upstreams are doubles of what is outside; nothing of the broker itself is replaced.
"""

from __future__ import annotations

import os
import time
from dataclasses import dataclass, field, replace
from typing import Any

from broker.core.clients.client import Client
from broker.core.errors import InvalidToken
from broker.core.events import Event
from broker.core.people.identity import Identity, Person
from broker.core.records import AuthorizationRequest, Authorize, Device
from broker.core.seal import Seal, derive
from broker.core.terms import Algorithm, AuthMethod, GrantType
from broker.core.wire.parameters import Parameters
from broker.services.authorize.consent import Consents
from broker.services.authorize.decide import Answer, Ask, Authorization
from broker.services.authorize.pushed import PushedRequests
from broker.services.authorize.questions import Questions
from broker.services.authorize.request_objects import RequestObjects
from broker.services.authorize.requests import Requests
from broker.services.clients.assertions import ClientAssertions
from broker.services.clients.directory import Clients
from broker.services.clients.keys import ClientKeys
from broker.services.context import Context
from broker.services.devices import Devices
from broker.services.grants.authorization_code import AuthorizationCode
from broker.services.grants.client_credentials import ClientCredentials
from broker.services.grants.device_code import DeviceCode
from broker.services.grants.endpoint import TokenRequests
from broker.services.grants.giving import Giving
from broker.services.grants.refresh_token import RefreshTokenGrant
from broker.services.keys.ring import KeyRing, RotationRules
from broker.services.keys.signing import SealedKeys
from broker.services.login.attempts import Logins
from broker.services.login.complete import Completion
from broker.services.login.outcomes import Begun, Callback, Identified
from broker.services.login.states import States
from broker.services.login.unasked import UnaskedLogins
from broker.services.logout.deliveries import Deliveries
from broker.services.logout.rp_initiated import Logout
from broker.services.logout.upstream import UpstreamLogouts
from broker.services.people.accounts import Accounts
from broker.services.people.names import People
from broker.services.people.standing import Standing
from broker.services.people.subjects import Subjects
from broker.services.providers import ProviderInstance, Providers
from broker.services.sessions.confirmations import Confirmations
from broker.services.sessions.endings import Endings
from broker.services.sessions.single_sign_on import Session, SessionLimits, Sessions
from broker.services.sessions.upstream import UpstreamSessions
from broker.services.tokens.held import HeldGrants
from broker.services.tokens.introspection import Introspection
from broker.services.tokens.minting import Lifetimes, Tokens
from broker.services.tokens.proofs import Nonces, Proofs
from broker.services.tokens.revocation import Revocation
from broker.store.sqlite.store import SqliteStore
from broker.upstream.abilities import abilities_of
from broker.upstream.model import Channel, Flow
from tests.services.apps import Apps
from tests.services.client_app import Web
from tests.services.upstreams import SigningUpstream, Upstream

NOW = 1_800_000_000
ISSUER = "https://id.test"
REDIRECT = "https://app.test/cb"
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
CHALLENGE = "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM"
MASTER = b"m" * 32
SALT = b"salt" * 8
RULES = RotationRules(rotate_every=90 * 86400, publish_before=2 * 86400, keep_after=30 * 86400)
LIFETIMES = Lifetimes(
    code=60, id_token=600, access_token=900, refresh_idle=30 * 86400, refresh_absolute=180 * 86400, reuse_grace=10
)
SCOPES = frozenset({"openid", "profile", "email", "offline_access"})


def app(client_id: str = "app", **changed: Any) -> Client:
    """A public first-party client with PKCE; change what matters."""
    plain = Client(
        id=client_id,
        name={"en": "App"},
        redirect_uris=(REDIRECT,),
        auth_method=AuthMethod.NONE,
        scopes=SCOPES,
        first_party=True,
        id_token_alg=Algorithm.ES256,
    )
    return replace(plain, **changed)


@dataclass(frozen=True)
class Finished:
    """A person, and what they logged in for."""

    who: Identified
    person: Person

    @property
    def request(self) -> AuthorizationRequest:
        """What the app asked for."""
        return self.who.purpose.request

    @property
    def client(self) -> Client:
        """Whose request it was."""
        return self.who.client

    @property
    def identity(self) -> Identity:
        """Who they are upstream."""
        return self.who.identity

    @property
    def provider(self) -> str:
        """Where they logged in."""
        return self.who.instance.name

    @property
    def started_at(self) -> int:
        """When they set out, in epoch seconds."""
        return self.who.started_at


@dataclass
class Clock:
    """Stands still until told otherwise. Epoch seconds."""

    now: float = NOW

    def __call__(self) -> float:
        return self.now


@dataclass
class Notes:
    """Keeps what it hears."""

    heard: list[tuple[Event, dict[str, Any]]] = field(default_factory=list)

    def record(self, event: Event, /, **fields: str | int | float | bool | None) -> None:
        """As the operator's log would."""
        self.heard.append((event, fields))

    def count(self, event: Event) -> int:
        """How often this happened."""
        return [heard for heard, _ in self.heard].count(event)


async def proven(clients: Clients, authorization: str, params: Parameters) -> Client:
    """The client that this header and form prove."""
    return await clients.verify(await clients.read(authorization, params))


@dataclass
class World:
    """Stores and services. `providers` and `clients` may be changed, then `restart`."""

    store: SqliteStore
    clock: Clock
    notes: Notes
    clients: dict[str, Client]
    upstreams: dict[str, Upstream]
    keys: KeyRing
    context: Context
    on: set[str] = field(default_factory=set)
    web: Web = field(default_factory=Web)
    autoselect_single: bool = False
    nonce_required: bool = False
    deadline: float = 9.0
    apps: Apps = field(default_factory=Apps)
    crashes: list[Exception] = field(default_factory=list)

    @classmethod
    async def open(cls, store_in: type[SqliteStore] = SqliteStore) -> World:
        """Two upstreams and one client over empty stores."""
        clock, notes = Clock(), Notes()
        store = await store_in.open(":memory:", clock=clock)
        context = Context(ISSUER, clock, os.urandom, notes, clock)
        keys = KeyRing(
            context,
            store.durable.keys,
            SealedKeys(seal("signing key")),
            algorithms=(Algorithm.ES256, Algorithm.EDDSA),
            rules=RULES,
        )
        await keys.refresh()
        upstreams = {"alpha": Upstream(None, None), "beta": SigningUpstream(None, None, valid_until=NOW + 300)}
        world = cls(store, clock, notes, {"app": app()}, upstreams, keys, context, set(upstreams))
        await world.restart()
        return world

    async def restart(self) -> None:
        """Build every service anew, as after a change of the configuration."""
        context, durable, transient = self.context, self.store.durable, self.store.transient
        instances = []
        for name, upstream in self.upstreams.items():
            key = await durable.people.namespace_key(name, f"upstream:{name}")
            instances.append(
                ProviderInstance(
                    name,
                    "upstream",
                    key,
                    upstream,
                    upstream.title,
                    upstream.label,
                    "#000",
                    abilities=abilities_of(upstream),
                )
            )
        live = tuple(instance for instance in instances if instance.name in self.on)
        self.providers = Providers(live, autoselect_single=self.autoselect_single, flow_ttl=600)
        self.standing = Standing((instance.name, instance.key) for instance in live)
        self.client_keys = ClientKeys(context, self.web)
        self.directory = Clients(context, self.clients, ClientAssertions(context, transient, self.client_keys))
        self.accounts = Accounts(context, durable.people, self.standing)
        self.upstream = UpstreamSessions(
            context,
            durable.sessions,
            self.providers,
            id_tokens=seal("upstream id token"),
            logins=seal("upstream login"),
        )
        self.deliveries = Deliveries(
            context,
            durable.deliveries,
            self.directory,
            self.keys,
            self.apps,
            subjects=Subjects(SALT),
            on_crash=self.crashes.append,
        )
        self.endings = Endings(
            context,
            durable.sessions,
            transient,
            subjects=Subjects(SALT),
            remember_for=86400,
            queued=self.deliveries.push,
        )
        limits = SessionLimits(idle=3600, absolute=86400)
        self.sessions = Sessions(context, transient, limits, self.upstream, self.endings, providers=self.providers)
        self.upstream_logouts = UpstreamLogouts(context, transient, self.providers, self.endings)
        self.consents = Consents(context, durable.people, transient, seal("consent"))
        self.states = States((derive(MASTER, "state"),), os.urandom)
        self.people = People(durable.people)
        self._tie_tokens()
        self._tie_logins()
        self.logout = Logout(
            context,
            transient,
            self.directory,
            self.tokens,
            seal("logout"),
            endings=self.endings,
            deliveries=self.deliveries,
            upstream=self.upstream,
        )

    def _tie_tokens(self) -> None:
        context, durable, transient = self.context, self.store.durable, self.store.transient
        self.tokens = Tokens(
            context,
            self.keys,
            durable.grants,
            seal=seal("access token"),
            refresh_key=derive(MASTER, "refresh token"),
            lifetimes=LIFETIMES,
            subjects=Subjects(SALT),
            held=HeldGrants(
                context,
                durable.grants,
                clients=self.directory,
                standing=self.standing,
                subjects=Subjects(SALT),
                providers=self.providers,
            ),
        )
        self.nonces = Nonces((derive(MASTER, "dpop nonce"),), context.now)
        self.proofs = Proofs(context, transient, self.nonces, nonce_required=self.nonce_required)
        self.devices = Devices(context, self.directory, transient, seal("device"))
        giving = Giving(context, self.tokens, self.upstream, self.endings, people=durable.people, grants=durable.grants)
        codes = AuthorizationCode(context, durable.grants, transient, giving)
        self.token_endpoint = TokenRequests(
            context,
            self.proofs,
            self.tokens,
            {
                GrantType.AUTHORIZATION_CODE: codes,
                GrantType.DEVICE_CODE: DeviceCode(self.devices, codes),
                GrantType.REFRESH_TOKEN: RefreshTokenGrant(
                    context,
                    durable.grants,
                    self.tokens,
                    Confirmations(context, durable.sessions, self.providers, seal("upstream login")),
                ),
                GrantType.CLIENT_CREDENTIALS: ClientCredentials(),
            },
        )
        self.revocation = Revocation(context, durable.grants, self.tokens)
        self.introspection = Introspection(context, self.directory, durable.grants, tokens=self.tokens)

    def _tie_logins(self) -> None:
        context, durable, transient = self.context, self.store.durable, self.store.transient
        self.logins = Logins(
            context,
            self.directory,
            self.providers,
            transient=transient,
            states=self.states,
            seal=seal("flow"),
            deadline=self.deadline,
        )
        self.unasked = UnaskedLogins(
            context,
            clients=self.directory,
            providers=self.providers,
            accounts=self.accounts,
            logins=self.logins,
            seal=seal("entry"),
        )
        self.pushed = PushedRequests(context, transient, kept_for=1200)
        objects = RequestObjects(context, self.client_keys, self.web)
        self.requests = Requests(
            context, self.directory, self.tokens, proofs=self.proofs, pushed=self.pushed, objects=objects
        )
        self.authorization = Authorization(
            context,
            clients=self.directory,
            providers=self.providers,
            consents=self.consents,
            tokens=self.tokens,
            standing=self.standing,
            pushed=self.pushed,
            stores=(durable.people, transient),
        )
        self.completion = Completion(
            context,
            self.logins,
            self.accounts,
            sessions=self.sessions,
            authorization=self.authorization,
            pushed=self.pushed,
        )
        self.questions = Questions(
            self.authorization, self.consents, sessions=self.sessions, devices=self.devices, pushed=self.pushed
        )

    async def request(self, client_id: str = "app", /, **changed: str | None) -> AuthorizationRequest:
        """A checked authorization request."""
        values: dict[str, str | None] = {
            "client_id": client_id,
            "redirect_uri": self.clients[client_id].redirect_uris[0],
            "response_type": "code",
            "scope": "openid profile",
            "state": "s-1",
            "nonce": "n-1",
            "code_challenge": CHALLENGE,
            "code_challenge_method": "S256",
        }
        sent = {name: value for name, value in (values | changed).items() if value is not None}
        params = Parameters(sent.items())
        return (await self.requests.verify(params)).request

    async def begin(self, request: AuthorizationRequest, name: str = "alpha") -> tuple[Begun, Flow]:
        """A login attempt, and what the upstream was told."""
        purpose = Device(request) if request.device else Authorize(request)
        begun = await self.logins.begin(purpose, self.clients[request.client_id], name, locale="en")
        return begun, self.upstreams[name].flows[-1]

    async def finish(self, callback: Callback) -> Finished:
        """Who logged in."""
        who = await self.logins.finish(callback)
        return Finished(who, await self.completion.resolve(who))

    async def log_in(
        self, request: AuthorizationRequest | None = None, name: str = "alpha", *, replacing: Session | None = None
    ) -> tuple[Finished, str, Session]:
        """A whole login: what finished, the session's cookie and the session."""
        begun, flow = await self.begin(request or await self.request(), name)
        params = {"state": flow.state, "code": "u", "hash": flow.state}
        finished = await self.finish(Callback(name, flow.state, Channel.QUERY, params, begun.sealed))
        value, session = await self.sessions.start(finished.person, finished.identity, name, replacing=replacing)
        return finished, value, session

    async def code(self, client_id: str = "app", name: str = "alpha", /, **changed: str | None) -> str:
        """An authorization code after a login, with consent where it is asked for."""
        request = await self.request(client_id, **changed)
        finished, _, session = await self.log_in(request, name)
        since, client = finished.started_at, self.clients[client_id]
        step = await self.authorization.after_login(request, client, session, fresh_since=since)
        if isinstance(step, Ask):
            ticket = self.consents.open_ticket(step.ticket, session)
            async with self.consents.answer(ticket, session.login.sub, allowed=True):
                pass
            step = await self.authorization.answer(ticket.request, session)
        assert isinstance(step, Answer)
        return step.params["code"]

    async def redeem(
        self, code: str, client_id: str = "app", proof: str = "", /, **changed: str | None
    ) -> dict[str, Any]:
        """The token response for a code."""
        values: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code,
            "redirect_uri": REDIRECT,
            "code_verifier": VERIFIER,
        }
        sent = {name: value for name, value in (values | changed).items() if value is not None}
        return await self.token_endpoint.answer(self.clients[client_id], Parameters(sent.items()), proof=proof)

    async def refresh(
        self, refresh_token: str, client_id: str = "app", proof: str = "", /, **more: str
    ) -> dict[str, Any]:
        """The token response for a refresh token."""
        sent = {"grant_type": "refresh_token", "refresh_token": refresh_token} | more
        return await self.token_endpoint.answer(self.clients[client_id], Parameters(sent.items()), proof=proof)

    async def own_token(self, client_id: str = "robot", proof: str = "", /, **more: str) -> dict[str, Any]:
        """The token response for a client that asks for itself."""
        sent = {"grant_type": "client_credentials"} | more
        return await self.token_endpoint.answer(self.clients[client_id], Parameters(sent.items()), proof=proof)

    async def revoke(self, token: str, client_id: str = "app", /, **more: str) -> None:
        """A client gives a token back."""
        await self.revocation.revoke(self.clients[client_id], Parameters(({"token": token} | more).items()))

    async def introspect(self, token: str, client_id: str = "app", /, **more: str) -> dict[str, Any]:
        """What a client is told about a token."""
        sent = Parameters(({"token": token} | more).items())
        return await self.introspection.answer(self.clients[client_id], sent)

    async def is_alive(self, access_token: str) -> bool:
        """Whether an access token still opens anything."""
        try:
            await self.tokens.verify_access(access_token)
        except InvalidToken:
            return False
        return True


def seal(purpose: str) -> Seal:
    """A seal of the master key of these tests."""
    return Seal((MASTER,), purpose, randomness=os.urandom, clock=time.time)
