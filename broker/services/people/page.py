"""The account page: what it shows its person, and all that is kept of them as one document.

What they may do there is `broker.services.people.changes`.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from msgspec import json

from broker.core.clients.client import Client
from broker.core.errors import AccountBlocked, AccountClosing, ForeignPost
from broker.core.events import Event
from broker.core.people.history import AccountEvent, SignIn
from broker.core.people.identity import Account, Link, Person
from broker.core.records import FormTicket
from broker.services.clients.directory import Clients
from broker.services.context import Context
from broker.services.people.forms import Action, Forms
from broker.services.people.standing import Refusal, Standing
from broker.services.sessions.single_sign_on import Session, Sessions
from broker.services.upstream_tokens.withdrawing import InUse, Withdrawing
from broker.store.base import Durable
from broker.store.consents import Access
from broker.store.transient import Kind, Transient

SHOWN = 50  # entries of the history on the page
_ALL = 10_000  # entries of it in a document
_NEEDS_FRESH = frozenset({Action.LINK, Action.UNLINK, Action.SIGN_OUT, Action.EXPORT, Action.DELETE})
_WHILE_CLOSING = frozenset({Action.KEEP, Action.EXPORT})


@dataclass(frozen=True, slots=True)
class Visit:
    """Somebody at their own account: by which session, and who they are by the link they came through."""

    session: Session
    person: Person

    @property
    def account(self) -> Account:
        """Whose page it is."""
        return self.person.account


@dataclass(frozen=True, slots=True)
class Overview:
    """All that the page shows. `clients` are the apps that are named anywhere in it, those that still exist."""

    visit: Visit
    links: tuple[Link, ...]
    living: tuple[SignIn, ...]
    accesses: tuple[Access, ...]
    sign_ins: tuple[SignIn, ...]
    events: tuple[AccountEvent, ...]
    elsewhere: tuple[InUse, ...]
    clients: Mapping[str, Client]


class AccountPage:
    """Who is there, and what they are shown."""

    def __init__(
        self,
        context: Context,
        durable: Durable,
        transient: Transient,
        clients: Clients,
        *,
        sessions: Sessions,
        standing: Standing,
        forms: Forms,
        elsewhere: Withdrawing,
    ) -> None:
        """`elsewhere` knows which apps may use an account of theirs at a provider."""
        self._context = context
        self._durable = durable
        self._transient = transient
        self._clients = clients
        self._sessions = sessions
        self._standing = standing
        self.forms = forms
        self.elsewhere = elsewhere

    async def visit(self, cookie: str) -> Visit | None:
        """Who is signed in here, None for nobody; raises AccountBlocked. One who is to be deleted may look, too."""
        session = await self._sessions.find(cookie)
        if session is None:
            return None
        login = session.login
        person = await self._durable.people.person(login.provider_key, login.subject)
        refusal = self._standing.refusal(login, person, None)
        if refusal is Refusal.BLOCKED:
            raise AccountBlocked(f"account {login.sub} is blocked")
        return None if person is None or refusal is not None else Visit(session, person)

    async def prove(self, cookie: str, action: Action, sealed: str, *, about: str = "") -> tuple[Visit, FormTicket]:
        """Who posts this form of theirs, and its ticket; raises as `visit`, `check` and `Forms.open_`."""
        visit = await self.visit(cookie)
        if visit is None:
            raise ForeignPost("a form of the account page without a session")
        ticket = self.forms.open_(sealed, action, visit.session, about=about)
        self.check(visit, action, about=about)
        return visit, ticket

    def check(self, visit: Visit, action: Action, *, about: str = "") -> None:
        """Raise LoginTooOld where this needs a login of the last minutes (threats D7), AccountClosing where it is late.

        `about`: what it is done to.
        """
        closes_at = visit.account.closes_at
        if closes_at is not None and action not in _WHILE_CLOSING:
            raise AccountClosing(f"{action} at account {visit.account.sub}", closes_at=closes_at)
        if action in _NEEDS_FRESH:
            self._sessions.check_fresh(visit.session, action, then=f"{action}/{about}" if about else action.value)

    async def find_link(self, sub: str, handle: str) -> Link | None:
        """The way into the account that goes by this handle."""
        links = await self._durable.people.links(sub)
        return next((link for link in links if link.handle == handle), None)

    async def export(self, cookie: str, sealed: str) -> bytes:
        """All that is kept of whoever posts this form, as JSON; raises as `prove`."""
        visit, _ = await self.prove(cookie, Action.EXPORT, sealed)
        document = await self.collect(visit.account)
        self._context.recorder.record(Event.ACCOUNT_EXPORTED, sub=visit.account.sub)
        return json.encode(document, order="deterministic")

    async def collect(self, account: Account) -> dict[str, object]:
        """All that is kept of a person, whoever may have it."""
        return {
            "account": account,
            "ways_in": await self._durable.people.links(account.sub),
            **await self._kept_of(account.sub),
            "former": [{"sub": sub, **await self._kept_of(sub)} for sub in account.former],
        }

    async def _kept_of(self, sub: str) -> dict[str, object]:
        """What hangs on this very account: one that was taken in keeps its own."""
        history = self._durable.history
        return {
            "accounts_used_by_apps": [_told_of(one) for one in await self.elsewhere.show(sub)],
            "apps": await self._durable.consents.accesses(sub, now=self._context.now(), limit=_ALL),
            "sign_ins": [_told(one) for one in await history.sign_ins(sub, limit=_ALL)],
            "events": await history.events(sub, limit=_ALL),
            "claims": await self._durable.extra_claims.of_account(sub),
            "messages": await history.messages(sub, limit=_ALL),
            "names_at_apps": await history.names(sub),
        }

    async def living(self, sub: str) -> tuple[SignIn, ...]:
        """The sessions by which somebody is signed in: those that their store still has, not idle for too long."""
        known = await self._durable.history.living(sub, now=self._context.now())
        return tuple([one for one in known if await self._is_kept(one)])

    async def _is_kept(self, one: SignIn) -> bool:
        """Of a session whose cookie was not written down nobody knows better: it counts until its absolute limit."""
        return not one.key or await self._transient.get(Kind.SESSION, one.key) is not None

    async def show(self, visit: Visit) -> Overview:
        """What there is to see; of the history the newest entries."""
        sub, now, durable = visit.account.sub, self._context.now(), self._durable
        accesses = await durable.consents.accesses(sub, now=now)
        sign_ins = await durable.history.sign_ins(sub, limit=SHOWN)
        living = await self.living(sub)
        events = await durable.history.events(sub, limit=SHOWN)
        named = {one.client_id for part in (accesses, sign_ins, living, events) for one in part if one.client_id}
        found = {client_id: await self._clients.known(client_id) for client_id in sorted(named)}
        return Overview(
            visit,
            links=await durable.people.links(sub),
            living=living,
            accesses=accesses,
            sign_ins=sign_ins,
            events=events,
            elsewhere=await self.elsewhere.show(sub),
            clients={client_id: client for client_id, client in found.items() if client is not None},
        )


def _told(one: SignIn) -> dict[str, object]:
    """By what its cookie is known says something about the session, and nothing about its person."""
    return {name: value for name, value in asdict(one).items() if name != "key"}


def _told_of(one: InUse) -> dict[str, object]:
    """That there are tokens; they themselves are no business of a file on somebody's desk."""
    apps = [client.id for client in one.clients]
    return {"provider": one.link.provider, "subject": one.link.subject, "kept_at": one.kept.kept_at, "apps": apps}
