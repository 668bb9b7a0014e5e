"""A broker without its web: every service over real stores in memory, a clock that stands still, upstreams of our own.

The upstreams are doubles of what is outside; nothing of the broker itself is replaced.
"""

from __future__ import annotations

import os
import time
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from broker.assembly import Parts, Services, Settings
from broker.cli.common import resolve
from broker.config.kept_clients import Rulebook
from broker.config.load import load_text
from broker.config.model import Config
from broker.core.access import NO_POLICY, AccessPolicy
from broker.core.clients.client import Client
from broker.core.clients.registered import RegistrationRules
from broker.core.errors import BrokerError, InvalidToken
from broker.core.events import Event
from broker.core.notify import Pace
from broker.core.people.history import Whence
from broker.core.people.identity import Identity, Person
from broker.core.people.linking import ASKS_NOBODY, LinkingRule
from broker.core.records import AuthorizationRequest, Authorize, Device, ForClient, Purpose
from broker.core.seal import Seal, derive
from broker.core.terms import Algorithm, AuthMethod, PostedKind
from broker.core.webhooks import Webhook
from broker.core.wire.parameters import Parameters
from broker.services.authorize.codes import Answer
from broker.services.authorize.decide import Ask
from broker.services.clients.directory import Clients
from broker.services.clients.kept import Kept
from broker.services.clients.registrations import RegistrationPolicy
from broker.services.context import Context
from broker.services.keys.ring import KeyRing, RotationRules
from broker.services.keys.signing import SealedKeys
from broker.services.login.complete import Completed
from broker.services.login.outcomes import Begun, Callback, Identified, Visitor
from broker.services.notify.orders import NotifyRules
from broker.services.people.changes import AccountRules
from broker.services.people.subjects import Subjects
from broker.services.providers import ProviderInstance, Providers
from broker.services.sessions.single_sign_on import Session, SessionLimits
from broker.services.switches import Off
from broker.services.tokens.minting import Lifetimes
from broker.store.sqlite.store import SqliteStore
from broker.upstream.model import Channel, Flow, Reply
from tests.services.apps import Apps
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
HERE = Whence("203.0.113.x", "Firefox, Android")
RULES_OF_ACCOUNTS = AccountRules(deletion_wait=14 * 86400, history_kept=180 * 86400)
RULES_OF_MESSAGES = NotifyRules(Pace(gap=1.0, count=30, window=1.0), expires_after=86400, kept=7 * 86400)
NOBODY_REGISTERS = RegistrationPolicy((), 0, RegistrationRules((), ()))
NOBODY = Visitor()
CONFIG = f"""\
version: 1
issuer: {ISSUER}
keys:
  algorithms: [ES256, EdDSA]
providers:
  alpha: {{type: google, client_id: a, client_secret: fUk0tN3vVq1yqv4mJg0qO7cC2o9n1bXz}}
  beta: {{type: google, client_id: b, client_secret: fUk0tN3vVq1yqv4mJg0qO7cC2o9n1bXz}}
clients:
  app:
    name: App
    redirect_uris: [{REDIRECT}]
    auth_method: none
    id_token_alg: ES256
"""
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
        return self.who.shown.identity

    @property
    def provider(self) -> str:
        """Where they logged in."""
        return self.who.shown.instance.name

    @property
    def started_at(self) -> int:
        """When they set out, in epoch seconds."""
        return self.who.shown.started_at


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
    crashes: list[Exception] = field(default_factory=list)

    def record(self, event: Event, /, **fields: str | int | float | bool | None) -> None:
        """As the operator's log would."""
        self.heard.append((event, fields))

    def observe_request(self, route: str, status: int, seconds: float) -> None:
        """Of no interest."""

    def on_crash(self, error: Exception) -> None:
        """A bug."""
        self.crashes.append(error)

    def count(self, event: Event) -> int:
        """How often this happened."""
        return [heard for heard, _ in self.heard].count(event)


async def proven(clients: Clients, authorization: str, params: Parameters) -> Client:
    """The client that this header and form prove."""
    return await clients.verify(await clients.read(authorization, params))


@dataclass
class World(Services):
    """Every service, and the stores. What they stand on may be changed, then `restart`."""

    store: SqliteStore
    clock: Clock
    notes: Notes
    clients: dict[str, Client]
    upstreams: dict[str, Upstream]
    keys: KeyRing
    context: Context
    on: set[str] = field(default_factory=set)
    autoselect_single: bool = False
    account_rules: AccountRules = RULES_OF_ACCOUNTS
    notify_rules: NotifyRules = RULES_OF_MESSAGES
    nonce_required: bool = False
    access: AccessPolicy = NO_POLICY
    deadline: float = 9.0
    apps: Apps = field(default_factory=Apps)
    webhook_rules: dict[str, Webhook] = field(default_factory=dict)
    linking_rules: dict[str, LinkingRule] = field(default_factory=dict)
    wanted: frozenset[str] = frozenset({"groups"})
    config: Config = field(default_factory=lambda: _load(CONFIG))

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
        instances = []
        for name, upstream in self.upstreams.items():
            key = await self.store.durable.people.namespace_key(name, f"upstream:{name}")
            rule = self.linking_rules.get(name, ASKS_NOBODY)
            accepts: frozenset[PostedKind] = getattr(upstream, "posted", frozenset())
            instance = ProviderInstance.of(name, "upstream", key, upstream, linking=rule, accepts=accepts)
            instances.append(replace(instance, extra=self.wanted))
        live = tuple(instance for instance in instances if instance.name in self.on)
        self.off, self.kept = Off(self.clock), Kept()
        self.providers = Providers(live, autoselect_single=self.autoselect_single, flow_ttl=600, off=self.off)
        parts = Parts(
            context=self.context,
            durable=self.store.durable,
            transient=self.store.transient,
            keys=self.keys,
            providers=self.providers,
            outbound=self.apps,
            subjects=Subjects(SALT),
            seal=seal,
            derive=lambda purpose: (derive(MASTER, purpose),),
            observer=self.notes,
            off=self.off,
            kept=self.kept,
        )
        limits = SessionLimits(idle=3600, absolute=86400)
        settings = Settings(
            self.clients,
            LIFETIMES,
            limits,
            NOBODY_REGISTERS,
            self.account_rules,
            self.notify_rules,
            Rulebook(self._config_now()),
            self.nonce_required,
            self.access,
            self.deadline,
            {name: name in self.on for name in self.upstreams},
            webhooks=self.webhook_rules,
        )
        super().__init__(parts, settings)
        self.subscribe()
        await self.look()

    def _config_now(self) -> Config:
        """Its file has the clients of today, by name."""
        return self.config.model_copy(update={"clients": dict.fromkeys(self.clients, self.config.clients["app"])})

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

    def callback(self, name: str, params: Mapping[str, str], sealed: str) -> Callback:
        """These parameters came to the callback of this provider, from a browser that keeps this record."""
        state = params["state"]
        reply = Reply(Channel.QUERY, params)
        return Callback(self.providers.find(name), state, self.states.tag(state), reply, sealed)

    async def arrive(self, purpose: Purpose, name: str = "alpha", visitor: Visitor = NOBODY) -> Completed:
        """What comes of a login at this provider, for this purpose, in the browser of this visitor."""
        client = self.clients[purpose.request.client_id] if isinstance(purpose, ForClient) else None
        begun = await self.logins.begin(purpose, client, name, locale="en")
        state = self.upstreams[name].flows[-1].state
        params = {"state": state, "code": "u", "hash": state}
        async with self.completion.complete(self.callback(name, params, begun.sealed), visitor) as done:
            return done

    async def finish(self, callback: Callback) -> Finished:
        """Who logged in."""
        who = await self.logins.finish(callback)
        assert isinstance(who, Identified)
        try:
            return Finished(who, await self.completion.find(who) or await self.completion.make(who))
        except BrokerError as error:
            raise self.logins.fail(error, who.purpose, who.client, who.shown.instance) from error

    async def log_in(
        self, request: AuthorizationRequest | None = None, name: str = "alpha", *, replacing: Session | None = None
    ) -> tuple[Finished, str, Session]:
        """A whole login: what finished, the session's cookie and the session."""
        begun, flow = await self.begin(request or await self.request(), name)
        params = {"state": flow.state, "code": "u", "hash": flow.state}
        finished = await self.finish(self.callback(name, params, begun.sealed))
        shown = finished.who.shown
        value, session = self.sessions.build(
            finished.person, finished.identity, shown.instance, asked_at=shown.asked_at, replacing=replacing
        )
        await self.sessions.keep(session, replacing=replacing, client_id=finished.client.id, whence=HERE)
        return finished, value, session

    async def code(self, client_id: str = "app", name: str = "alpha", /, **changed: str | None) -> str:
        """An authorization code after a login, with consent where it is asked for."""
        request = await self.request(client_id, **changed)
        finished, _, session = await self.log_in(request, name)
        since, client = finished.started_at, self.clients[client_id]
        step = await self.authorization.after_login(request, client, session, fresh_since=since)
        if isinstance(step, Ask):
            ticket = self.consents.open_ticket(step.ticket, session)
            async with self.consents.answer(ticket, session.login.sub, ticket.request):
                pass
            step = await self.codes.issue(ticket.request, session, agreed_at=self.clock())
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
        return await self.token_requests.answer(self.clients[client_id], Parameters(sent.items()), proof=proof)

    async def refresh(
        self, refresh_token: str, client_id: str = "app", proof: str = "", /, **more: str
    ) -> dict[str, Any]:
        """The token response for a refresh token."""
        sent = {"grant_type": "refresh_token", "refresh_token": refresh_token} | more
        return await self.token_requests.answer(self.clients[client_id], Parameters(sent.items()), proof=proof)

    async def own_token(self, client_id: str = "robot", proof: str = "", /, **more: str) -> dict[str, Any]:
        """The token response for a client that asks for itself."""
        sent = {"grant_type": "client_credentials"} | more
        return await self.token_requests.answer(self.clients[client_id], Parameters(sent.items()), proof=proof)

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


def _load(text: str) -> Config:
    return load_text(text, "config.yaml", resolve, environ={}, base=Path()).config


def seal(purpose: str) -> Seal:
    """A seal of the master key of these tests."""
    return Seal((MASTER,), purpose, randomness=os.urandom, clock=time.time)
