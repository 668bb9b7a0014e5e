"""The account page as values for its templates."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from broker.core.clients.client import Client
from broker.core.people.history import AccountEvent, SignIn
from broker.core.people.identity import Link
from broker.core.terms import Scope
from broker.core.tokens.claims import describe
from broker.services.people.accounts import pick_name
from broker.services.people.changes import is_through
from broker.services.people.page import SHOWN, Overview, Visit
from broker.services.providers import Providers
from broker.services.upstream_tokens.withdrawing import InUse
from broker.web.pages.account_parts import Activity, Mark, SignedIn, Way
from broker.web.pages.elsewhere import UsedElsewhere
from broker.web.pages.frontend import Frontend, day_of, minute_of
from broker.web.pages.persons import Persons
from broker.web.pages.views import AccountView, AppAccess, ClientView, PersonView


class Shown:
    """Turns what is known into what is seen."""

    def __init__(self, frontend: Frontend, providers: Providers, persons: Persons) -> None:
        self._frontend = frontend
        self._persons = persons
        self._providers = providers

    @property
    def names(self) -> tuple[str, ...]:
        """The providers that people may sign in with here."""
        return tuple(name for name, _ in self._providers.enabled)

    @property
    def in_place(self) -> tuple[str, ...]:
        """The same, and between them those that an operator has switched off."""
        return self._providers.in_place(self.names, None)

    def title(self, name: str) -> Mapping[str, str]:
        """The plain name of a provider, per language; raises ProviderNotOffered."""
        return self._providers.find(name).title

    def page(self, seen: Overview, *, tickets: Mapping[str, str], notice: str) -> AccountView:
        """The whole page."""
        closes_at = seen.visit.account.closes_at
        return AccountView(
            sub=seen.visit.account.sub,
            person=self.person(seen.visit),
            another_href=self._frontend.href("/account", {"another": "1"}),
            ways=tuple(self.way(seen.visit, link) for link in seen.links),
            addable=tuple(map(self._mark, self.names)),
            sessions=tuple(self._sessions(seen)),
            apps=tuple(self._apps(seen)),
            activity=self._activity(seen),
            tickets=tickets,
            language_hrefs=self._frontend.language_hrefs("/account", {}),
            closes_on="" if closes_at is None else day_of(closes_at),
            notice=notice,
            elsewhere=tuple(self._used(seen.visit, one) for one in seen.elsewhere),
        )

    def person(self, visit: Visit) -> PersonView:
        """Who is signed in here."""
        return self._persons.of_claims(visit.person.link.claims, visit.session.login.provider)

    def way(self, visit: Visit, link: Link) -> Way:
        """A way into the account."""
        address = link.claims.get("email") or link.claims.get("phone_number") or ""
        return Way(
            handle=link.handle,
            mark=self._mark(link.provider),
            person_name=pick_name(link.claims),
            address=address if isinstance(address, str) else "",
            linked_on=day_of(link.linked_at) if link.linked_at else "",
            used_on=day_of(link.seen_at),
            here=is_through(visit, link),
            has_home=bool(link.home),
        )

    def _used(self, visit: Visit, one: InUse) -> UsedElsewhere:
        way, names = self.way(visit, one.link), tuple([client.name for client in one.clients])
        since = day_of(one.kept.kept_at)
        return UsedElsewhere(way.handle, way.mark.kind, way.mark.title, way.person_name, way.address, names, since)

    def _mark(self, name: str) -> Mark:
        instance = self._providers.known(name)
        return Mark(name, instance.icon, instance.title) if instance else Mark(name, "", {"": name})

    def _sessions(self, seen: Overview) -> Iterator[SignedIn]:
        here = seen.visit.session.login.sid
        for one in sorted(seen.living, key=lambda one: one.sid != here):
            mark, app = self._mark(one.provider), _name(seen.clients, one.client_id)
            at = minute_of(one.at)
            yield SignedIn(one.sid, one.place, one.agent, at, mark, app, here=one.sid == here)

    def _apps(self, seen: Overview) -> Iterator[AppAccess]:
        for one in seen.accesses:
            client = seen.clients.get(one.client_id)
            since = one.agreed_at or one.granted_at
            yield AppAccess(
                client_id=one.client_id,
                client=self._frontend.client_view(client) if client else ClientView({"": one.client_id}),
                scopes=(Scope.OPENID, *describe(one.scope)),
                resources=tuple(sorted(one.scope - frozenset(Scope))),
                since=day_of(since) if since else "",
                offline=one.offline,
            )

    def _activity(self, seen: Overview) -> tuple[Activity, ...]:
        both: list[tuple[int, Activity]] = [(one.at, self._signed_in(seen.clients, one)) for one in seen.sign_ins]
        both += [(one.at, self._happened(seen.clients, one)) for one in seen.events]
        newest = sorted(both, key=lambda pair: -pair[0])
        return tuple(activity for _, activity in newest[:SHOWN])

    def _signed_in(self, clients: Mapping[str, Client], one: SignIn) -> Activity:
        mark, app = self._mark(one.provider), _name(clients, one.client_id)
        return Activity("signed_in", minute_of(one.at), mark, app, one.place, one.agent)

    def _happened(self, clients: Mapping[str, Client], one: AccountEvent) -> Activity:
        mark = self._mark(one.provider) if one.provider else None
        return Activity(one.what, minute_of(one.at), mark, _name(clients, one.client_id))


def _name(clients: Mapping[str, Client], client_id: str) -> Mapping[str, str]:
    """What the app is called; one that is gone goes by its id."""
    client = clients.get(client_id)
    return client.name if client else {"": client_id} if client_id else {}
