"""What next: log in, ask, or answer? The one dispatcher; login and consent both come back here."""

from __future__ import annotations

from dataclasses import dataclass

from broker.core.authorize.account_choice import ANOTHER_PERSON, as_chosen
from broker.core.authorize.step_up import is_weak
from broker.core.authorize.target import VerifiedRedirect
from broker.core.authorize.whereabouts import Whereabouts, located
from broker.core.clients.client import Client
from broker.core.errors import (
    NOT_ADMITTED,
    AccessBarred,
    AccessDenied,
    AccountBlocked,
    ConsentRequired,
    InteractionRequired,
    LoginRequired,
    ProviderNotOffered,
    RequestError,
    UnmetAuthenticationRequirements,
)
from broker.core.records import AuthorizationRequest, Login
from broker.core.terms import Prompt, Scope
from broker.services.authorize.codes import Answer, Codes, check_level
from broker.services.authorize.consent import About, Consents
from broker.services.context import Context
from broker.services.people.standing import Refusal, Standing
from broker.services.people.subjects import Subjects
from broker.services.providers import Providers
from broker.services.sessions.single_sign_on import Session
from broker.store.people import PeopleStore

_ASKS = frozenset({Prompt.LOGIN, Prompt.SELECT_ACCOUNT, Prompt.CREATE})  # what no session answers
_SKEW = 60  # seconds an upstream's clock may be off


@dataclass(frozen=True, slots=True)
class Choose:
    """Let the person choose among these provider names.

    `known` is who is logged in already, and `ticket` asks whether they go on without another login, "" where only a
    login will do. `offers`: whoever this browser knows may be offered first. `shown`: the same names, and in their
    places those that an operator has switched off; () where there is none.
    """

    providers: tuple[str, ...]
    known: Session | None = None
    ticket: str = ""
    offers: bool = True
    shown: tuple[str, ...] = ()

    @property
    def on_page(self) -> tuple[str, ...]:
        """All that the page shows, whether it can be chosen or not."""
        return self.shown or self.providers


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
        providers: Providers,
        consents: Consents,
        codes: Codes,
        subjects: Subjects,
        standing: Standing,
        people: PeopleStore,
    ) -> None:
        """`subjects` says how a client knows somebody, `standing` with `people` who is still welcome."""
        self._context = context
        self._providers = providers
        self._consents = consents
        self._codes = codes
        self._subjects = subjects
        self._standing = standing
        self._people = people

    async def _is_trusted(self, request: AuthorizationRequest, client: Client, session: Session | None) -> bool:
        """Whether an error may take the browser there although nobody was asked (RFC 9700 section 4.11.2).

        Operators vouch for their own apps; for one that registered itself only who once agreed to it does.
        """
        if not client.origin.registered:
            return True
        return session is not None and await self._consents.is_given(request, client, session.login.sub)

    async def next_step(
        self,
        request: AuthorizationRequest,
        client: Client,
        session: Session | None,
        *,
        unfit: frozenset[str] = frozenset(),
    ) -> Step:
        """For a request that just arrived, with whatever session the browser has.

        `unfit` are providers that do not work in this browser: nobody is sent there unasked, they choose.
        What fails says whether somebody agreed to be sent there: see `Whereabouts.asked`.
        """
        silent = Prompt.NONE in request.prompt
        with located(Whereabouts(asked=silent and await self._is_trusted(request, client, session))):
            return await self._decide(request, client, session, unfit)

    async def _decide(
        self, request: AuthorizationRequest, client: Client, session: Session | None, unfit: frozenset[str]
    ) -> Step:
        if session is not None and await self._is_enough(request, client, session):
            return await self.after_login(request, client, session)
        if Prompt.NONE in request.prompt:
            raise await self._silent_refusal(request, client, session)
        return await self._choose(request, client, session, unfit)

    async def _silent_refusal(
        self, request: AuthorizationRequest, client: Client, session: Session | None
    ) -> RequestError:
        """What an app hears that asked silently: one whom a login would not let in, either, is not sent to it."""
        known = session if session and not await self._is_stranger(request, client, session.login) else None
        if known is not None and await self._refusal(client, known) is Refusal.BARRED:
            return AccessDenied(NOT_ADMITTED)
        return LoginRequired("the user is not logged in, or must log in again")

    async def after_login(
        self, request: AuthorizationRequest, client: Client, session: Session, *, fresh_since: int | None = None
    ) -> Ask | Answer:
        """For somebody known. `fresh_since` (epoch seconds): when they set out to log in for this very request."""
        login = session.login
        await self.check_login(request, client, session, fresh_since=fresh_since)
        agreed_at = self._context.clock()  # before the look: what is taken back meanwhile is taken back
        agreed = await self._consents.find_agreed(request, client, login.sub, fresh=fresh_since is not None)
        if agreed is None:
            if Prompt.NONE in request.prompt:
                if client.native:
                    raise InteractionRequired("a native app is never answered silently")
                raise ConsentRequired("the user has not agreed to this yet")
            return Ask(
                self._consents.build_ticket(request, client, session),
                "/device/confirm" if request.device else "/consent",
            )
        return await self._codes.issue(agreed, session, agreed_at=agreed_at)

    async def check_login(
        self, request: AuthorizationRequest, client: Client, session: Session, *, fresh_since: int | None
    ) -> None:
        """Raise what is wrong with this login for this request; `fresh_since` as in `after_login`."""
        login = session.login
        if not self._standing.admits(login.provider_key, client):
            self._providers.check_on(login.provider, client)
            raise ProviderNotOffered(f"{login.provider} is no longer offered to client {client.id}")
        if fresh_since is not None:
            if await self._is_stranger(request, client, login):
                raise LoginRequired("somebody else logged in than the one the request names")
            _check_fresh(request, login, fresh_since)
            check_level(request, login)

    async def go_on(self, request: AuthorizationRequest, client: Client, session: Session) -> Ask | Answer:
        """For whoever was let choose and goes on as who they are; raises LoginRequired where that is not enough now."""
        chosen = as_chosen(request)
        if not await self._is_enough(chosen, client, session):
            raise LoginRequired("the login is no longer enough for this request; log in again")
        return await self.after_login(chosen, client, session)

    async def check_still_welcome(self, client: Client, session: Session) -> None:
        """Raise when the person, or their provider, was switched off while a page was open."""
        refusal = await self._refusal(client, session)
        if refusal is Refusal.BLOCKED:
            raise AccountBlocked(f"account {session.login.sub} is blocked")
        if refusal is Refusal.BARRED:
            raise AccessBarred(f"the policy, at {client.id}")
        if refusal is not None:
            raise LoginRequired("the login is no longer accepted; log in again")

    async def _refusal(self, client: Client, session: Session) -> Refusal | None:
        login = session.login
        return self._standing.refusal(login, await self._people.person(login.provider_key, login.subject), client)

    async def _is_enough(self, request: AuthorizationRequest, client: Client, session: Session) -> bool:
        """Whether nobody need log in: the session answers this request, and its person is welcome."""
        login = session.login
        # What changes ways in is admitted by `asked_at`: answered by `auth_time`, its app would be sent in circles.
        since = login.asked_at if Scope.IDENTITIES_MANAGE in request.scope else login.auth_time
        # max_age=0 asks for a new login even in the second of the last one (OIDC Core 3.1.2.1).
        too_old = request.max_age is not None and (
            request.max_age == 0 or self._context.now() - since > request.max_age
        )
        elsewhere = bool(request.idp_hint) and request.idp_hint != login.provider
        if _ASKS & set(request.prompt) or too_old or elsewhere or self._is_weak(request, login):
            return False
        if await self._is_stranger(request, client, login):
            return False
        return await self._refusal(client, session) is None

    def _is_weak(self, request: AuthorizationRequest, login: Login) -> bool:
        """Whether the person should log in again to reach a level; silently nothing is gained but an answer."""
        wished = () if Prompt.NONE in request.prompt else request.acr_values
        shown = self._providers.levels_of(login.provider) if wished else ()
        return is_weak(login.acr, essential=request.essential_acr, wished=wished, shown=shown)

    async def _is_stranger(self, request: AuthorizationRequest, client: Client, login: Login) -> bool:
        """Whether the request names somebody else than who is logged in; a name of before a merge is theirs, too."""
        hinted = request.hinted_sub
        if not hinted or hinted == self._subjects.of(login.sub, client):
            return False
        person = await self._people.person(login.provider_key, login.subject)
        return person is None or not self._subjects.is_name_of(hinted, person.account, client)

    async def _choose(
        self, request: AuthorizationRequest, client: Client, session: Session | None, unfit: frozenset[str]
    ) -> Choose | Start:
        offered = self._providers.offered_to(client)
        shown = self._providers.in_place(offered, client) if self._providers.any_off else ()
        if not (offered or shown):
            raise ProviderNotOffered(f"client {client.id} is left without a provider")
        if request.essential_acr:
            able = {name for name in offered if set(self._providers.levels_of(name)) & set(request.essential_acr)}
            offered = tuple(name for name in offered if name in able)
            if not offered:
                raise UnmetAuthenticationRequirements("no provider of this app can reach the acr values asked for")
            shown = ()
        fit = set(offered) - unfit
        if request.idp_hint in fit:
            return Start(request.idp_hint)
        known = session if session is not None and session.login.provider in offered else None
        stranger = known is not None and await self._is_stranger(request, client, known.login)
        if stranger or request.idp_hint == ANOTHER_PERSON or Prompt.CREATE in request.prompt:
            choose = Choose(offered, offers=False, shown=shown)
        else:
            choose = Choose(offered, known, await self._ask_on(request, client, known), shown=shown)
        # Where an operator has others off, nobody is sent by a way that is not theirs: they would be new there.
        only = len(shown or offered) == len(fit) == 1 and self._providers.autoselect_single and not choose.ticket
        return Start(offered[0]) if only else choose

    async def _ask_on(self, request: AuthorizationRequest, client: Client, known: Session | None) -> str:
        """A question whether `known` goes on as who they are, "" where the request would not be answered by that."""
        if known is None or Prompt.SELECT_ACCOUNT not in request.prompt:
            return ""
        if not await self._is_enough(as_chosen(request), client, known):
            return ""
        return self._consents.build_ticket(request, client, known, about=About.PERSON)


def _check_fresh(request: AuthorizationRequest, login: Login, since: int) -> None:
    """What the client demanded of this login was met (OIDC Core 3.1.2.1, 3.1.2.3).

    An upstream that says when the person last authenticated is believed: a round trip through its old session is not
    a new login. One that says nothing is taken to have asked at the time of the round trip.
    """
    limits = [request.max_age] if request.max_age is not None else []
    limits += [0] if Prompt.LOGIN in request.prompt else []
    if limits and login.auth_time + min(limits) < since - _SKEW:
        raise LoginRequired("the provider did not ask the user to log in again")
