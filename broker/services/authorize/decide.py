"""What next: log in, ask, or answer? The one dispatcher; login and consent both come back here."""

from __future__ import annotations

from dataclasses import dataclass

from broker.core.authorize.step_up import is_weak
from broker.core.authorize.target import VerifiedRedirect
from broker.core.authorize.whereabouts import Whereabouts, located
from broker.core.clients.client import Client
from broker.core.errors import (
    ConsentRequired,
    InteractionRequired,
    LoginRequired,
    ProviderNotOffered,
    UnknownClient,
    UnmetAuthenticationRequirements,
)
from broker.core.events import Event
from broker.core.people.identity import Person
from broker.core.records import AuthorizationRequest, CodeRecord
from broker.core.seal import digest
from broker.core.terms import Prompt
from broker.services.authorize.consent import Consents
from broker.services.authorize.pushed import PushedRequests
from broker.services.clients.directory import Clients
from broker.services.context import Context
from broker.services.people.standing import Standing
from broker.services.providers import Providers
from broker.services.sessions.single_sign_on import Session
from broker.services.tokens.minting import Tokens
from broker.store.people import PeopleStore
from broker.store.transient import Kind, Transient

_ASKS = frozenset({Prompt.LOGIN, Prompt.SELECT_ACCOUNT, Prompt.CREATE})  # what no session answers
_SKEW = 60  # seconds an upstream's clock may be off


@dataclass(frozen=True, slots=True)
class Choose:
    """Let the person choose among these provider names."""

    providers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Start:
    """Begin a login at this provider."""

    provider: str


@dataclass(frozen=True, slots=True)
class Ask:
    """Put the question behind this ticket, on the page at `path`."""

    ticket: str
    path: str = "/consent"


@dataclass(frozen=True, slots=True)
class Answer:
    """Send the browser back to the client with these response parameters."""

    params: dict[str, str]


@dataclass(frozen=True, slots=True)
class Return:
    """An `Answer` together with the place it goes to."""

    target: VerifiedRedirect
    params: dict[str, str]


Step = Choose | Start | Ask | Answer


class Authorization:
    """Decides the next step of an authorization request. It has no memory of its own."""

    def __init__(
        self,
        context: Context,
        *,
        clients: Clients,
        providers: Providers,
        consents: Consents,
        tokens: Tokens,
        standing: Standing,
        pushed: PushedRequests,
        stores: tuple[PeopleStore, Transient],
    ) -> None:
        """`stores`: of people, and transient for codes."""
        self._context = context
        self._clients = clients
        self._providers = providers
        self._consents = consents
        self._tokens = tokens
        self._standing = standing
        self._pushed = pushed
        self._people, self._transient = stores

    async def client_of(self, request: AuthorizationRequest) -> Client:
        """The client of a request that was checked before; raises UnknownClient when it is one no longer."""
        client = await self._clients.find(request.client_id)
        if client is None:
            raise UnknownClient("the client was removed while its user was logging in")
        return client

    async def target_of(self, request: AuthorizationRequest) -> VerifiedRedirect:
        """The verified place of a request that was checked before; raises PageError when it stands no longer."""
        return VerifiedRedirect.of(request, await self.client_of(request))

    async def _is_trusted(self, request: AuthorizationRequest, client: Client, session: Session | None) -> bool:
        """Whether an error may take the browser there although nobody was asked (RFC 9700 section 4.11.2).

        Operators vouch for their own apps; for one that registered itself only who once agreed to it does.
        """
        if not client.origin.registered:
            return True
        return session is not None and await self._consents.is_given(request, client, session.login.sub)

    async def next_step(self, request: AuthorizationRequest, client: Client, session: Session | None) -> Step:
        """For a request that just arrived, with whatever session the browser has.

        What fails says whether somebody agreed to be sent there: see `Whereabouts.asked`.
        """
        silent = Prompt.NONE in request.prompt
        with located(Whereabouts(asked=silent and await self._is_trusted(request, client, session))):
            return await self._decide(request, client, session)

    async def _decide(self, request: AuthorizationRequest, client: Client, session: Session | None) -> Step:
        person = await self._silent_person(request, client, session)
        if person is not None and session is not None:
            return await self.after_login(request, client, session)
        if Prompt.NONE in request.prompt:
            raise LoginRequired("the user is not logged in, or must log in again")
        return self._choose(request, client)

    async def after_login(
        self, request: AuthorizationRequest, client: Client, session: Session, *, fresh_since: int | None = None
    ) -> Ask | Answer:
        """For somebody known. `fresh_since` (epoch seconds): when they set out to log in for this very request."""
        login = session.login
        if not self._standing.admits(login.provider_key, client):
            raise ProviderNotOffered(f"{login.provider} is no longer offered to client {client.id}")
        if fresh_since is not None:
            if self._is_stranger(request, client, session):
                raise LoginRequired("somebody else logged in than the one the request names")
            _check_fresh(request, session, fresh_since)
            self._check_level(request, session)
        if await self._consents.is_needed(request, client, login.sub, fresh=fresh_since is not None):
            if Prompt.NONE in request.prompt:
                if client.native:
                    raise InteractionRequired("a native app is never answered silently")
                raise ConsentRequired("the user has not agreed to this yet")
            return Ask(
                self._consents.build_ticket(request, client, session),
                "/device/confirm" if request.device else "/consent",
            )
        return await self.answer(request, session)

    def build_code(self, request: AuthorizationRequest, session: Session, *, ttl: int) -> CodeRecord:
        """What the person's yes comes to, for `ttl` seconds: bound to client, redirect URI, challenge and session.

        Raises UnmetAuthenticationRequirements where the session is below an essential level.
        """
        self._check_level(request, session)
        login = session.login
        counted = self._providers.counted_methods(login.provider, login.amr)
        return CodeRecord(
            request=request.replace(state="", login_hint="", request_uri=""),
            login=login.replace(amr=counted, acr=self._level_of(session)),
            expires_at=self._context.now() + ttl,
            upstream_refresh=session.record.upstream_refresh,
        )

    async def answer(self, request: AuthorizationRequest, session: Session) -> Answer:
        """Issue the code; raises InvalidRequestUri when a pushed request has its answer already."""
        code = self._context.mint_ordered("c")
        ttl = self._tokens.lifetimes.code
        kept = self.build_code(request, session, ttl=ttl)
        await self._transient.put(Kind.CODE, digest(code), kept.to_bytes(), ttl=ttl)
        # After the code, which nobody has seen yet: what cannot be kept leaves the pushed request as it was.
        await self._pushed.spend(request.request_uri)
        self._context.recorder.record(Event.CODE_ISSUED, client_id=request.client_id, provider=session.login.provider)
        return Answer({"code": code} | self.build_common(request))

    async def check_still_welcome(self, client: Client, session: Session) -> None:
        """Raise when the person, or their provider, was switched off while a page was open."""
        login = session.login
        person = await self._people.person(login.provider_key, login.subject)
        gone = person is None or person.account.sub != login.sub
        if person is None or gone or not self._standing.admits(login.provider_key, client):
            raise LoginRequired("the login is no longer accepted; log in again")
        self._standing.check_person(person)

    def build_common(self, request: AuthorizationRequest) -> dict[str, str]:
        """`state` and `iss`, in every response, success or error (RFC 9207 section 2)."""
        return ({"state": request.state} if request.state else {}) | {"iss": self._context.issuer}

    async def _silent_person(
        self, request: AuthorizationRequest, client: Client, session: Session | None
    ) -> Person | None:
        """Who the session proves, as far as this request lets it."""
        if session is None or _ASKS & set(request.prompt):
            return None
        login = session.login
        # max_age=0 asks for a new login even in the second of the last one (OIDC Core 3.1.2.1).
        too_old = request.max_age is not None and (
            request.max_age == 0 or self._context.now() - login.auth_time > request.max_age
        )
        stranger = self._is_stranger(request, client, session)
        elsewhere = bool(request.idp_hint) and request.idp_hint != login.provider
        weak = self._is_weak(request, session)
        if too_old or stranger or elsewhere or weak or not self._standing.admits(login.provider_key, client):
            return None
        person = await self._people.person(login.provider_key, login.subject)
        if person is None or person.account.sub != login.sub or person.account.blocked:
            return None
        return person

    def _is_weak(self, request: AuthorizationRequest, session: Session) -> bool:
        """Whether the person should log in again to reach a level; silently nothing is gained but an answer."""
        wished = () if Prompt.NONE in request.prompt else request.acr_values
        shown = self._providers.levels_of(session.login.provider) if wished else ()
        return is_weak(self._level_of(session), essential=request.essential_acr, wished=wished, shown=shown)

    def _level_of(self, session: Session) -> str:
        """The level that counts today: an operator may have shortened the list while sessions live."""
        return self._providers.counted_level(session.login.provider, session.login.acr)

    def _check_level(self, request: AuthorizationRequest, session: Session) -> None:
        if request.essential_acr and self._level_of(session) not in request.essential_acr:
            raise UnmetAuthenticationRequirements("the provider did not reach any of the acr values asked for")

    def _is_stranger(self, request: AuthorizationRequest, client: Client, session: Session) -> bool:
        """Whether the request names somebody else than the session is of."""
        known = self._tokens.subjects.of(session.login.sub, client)
        return bool(request.hinted_sub) and request.hinted_sub != known

    def _choose(self, request: AuthorizationRequest, client: Client) -> Choose | Start:
        offered = self._providers.offered_to(client)
        if not offered:
            raise ProviderNotOffered(f"client {client.id} is left without a provider")
        if request.essential_acr:
            able = {name for name in offered if set(self._providers.levels_of(name)) & set(request.essential_acr)}
            offered = tuple(name for name in offered if name in able)
            if not offered:
                raise UnmetAuthenticationRequirements("no provider of this app can reach the acr values asked for")
        if request.idp_hint and request.idp_hint in offered:
            return Start(request.idp_hint)
        if len(offered) == 1 and self._providers.autoselect_single:
            return Start(offered[0])
        return Choose(offered)


def _check_fresh(request: AuthorizationRequest, session: Session, since: int) -> None:
    """What the client demanded of this login was met (OIDC Core 3.1.2.1, 3.1.2.3).

    An upstream that says when the person last authenticated is believed: a round trip through its old session is not
    a new login. One that says nothing is taken to have asked at the time of the round trip.
    """
    limits = [request.max_age] if request.max_age is not None else []
    limits += [0] if Prompt.LOGIN in request.prompt else []
    if limits and session.login.auth_time + min(limits) < since - _SKEW:
        raise LoginRequired("the provider did not ask the user to log in again")
