"""Account look-up: what a client calls whom an upstream's subject, a posted credential or a former `sub` names."""

from __future__ import annotations

from broker.core.clients.client import Client
from broker.core.errors import AccountError, InvalidRequest, NotFound, ProviderNotAllowed, UnauthorizedClient
from broker.core.events import Event
from broker.core.people.identity import Account, Person
from broker.core.wire.parameters import Parameters
from broker.services.context import Context
from broker.services.people.standing import Standing
from broker.services.people.subjects import Subjects
from broker.services.posted import PostedCredentials
from broker.services.providers import Providers
from broker.store.accounts import AccountStore
from broker.store.people import PeopleStore


class Lookup:
    """Answers clients that proved themselves and that the operator lets ask. It makes nobody and changes nothing."""

    def __init__(
        self,
        context: Context,
        people: PeopleStore,
        accounts: AccountStore,
        *,
        providers: Providers,
        standing: Standing,
        subjects: Subjects,
        posted: PostedCredentials,
    ) -> None:
        self._context = context
        self._people = people
        self._accounts = accounts
        self._providers = providers
        self._standing = standing
        self._subjects = subjects
        self._posted = posted

    async def answer(self, client: Client, params: Parameters) -> dict[str, str]:
        """The `sub` by which this client knows the person of `provider` and `subject`, of a `former_sub` of its own, or
        of a posted credential, which is spent by that.

        Raises UnauthorizedClient, InvalidRequest and ProviderNotAllowed before anybody is looked for, and NotFound: the
        same for nobody and for somebody who could not sign in. For a credential also as `PostedCredentials.verify`.
        """
        if not client.identities.lookup_identities:
            raise UnauthorizedClient("this client may not look up identities; the operator sets lookup_identities")
        params.check_single(params.repeated)
        asked = params.keys() & {"provider", "subject", "former_sub", "subject_token"}
        if asked == {"former_sub"}:
            found = await self._find_former(client, params["former_sub"])
        elif asked == {"provider", "subject"}:
            found = await self._find_upstream(client, params["provider"], params["subject"])
        elif asked == {"subject_token"}:
            found = await self._find_posted(client, params)
        else:
            raise InvalidRequest("send provider and subject, or former_sub alone, or a posted credential")
        account = self._welcome(found)
        self._context.recorder.record(
            Event.IDENTITY_LOOKED_UP, client_id=client.id, kind=min(asked), found=account is not None
        )
        if account is None:
            raise NotFound("nobody is known by that")
        return {"sub": self._subjects.of(account.sub, client)}

    async def _find_upstream(self, client: Client, provider: str, subject: str) -> Account | None:
        """At a provider that this client offers alone."""
        self._providers.check_on(provider, client)
        if provider not in self._providers.offered_to(client):
            raise ProviderNotAllowed("provider is not one that this client offers")
        person = await self._people.person(self._providers.find(provider).key, subject)
        return self._admitted(person, client)

    async def _find_posted(self, client: Client, params: Parameters) -> Account | None:
        """Whose credential the client brings."""
        proven = await self._posted.verify(client, params)
        async with self._posted.spending(proven):
            person = await self._people.person(proven.instance.key, proven.identity.subject)
        return self._admitted(person, client)

    def _admitted(self, person: Person | None, client: Client) -> Account | None:
        """None, too, for whom the access policy keeps out."""
        return person.account if person is not None and not self._standing.barring(person.link, client) else None

    async def _find_former(self, client: Client, sub: str) -> Account | None:
        """Who went by it before a merge, at this client: a name of another sector says nothing here (threats L6)."""
        account = await self._accounts.resolve(sub)
        if account is None or sub not in self._subjects.account_of(account, client).former:
            return None
        return account

    def _welcome(self, account: Account | None) -> Account | None:
        """None for whoever is blocked or closing, however they were asked for: they could not sign in (threats D18)."""
        try:
            if account is not None:
                self._standing.check_account(account)
        except AccountError:
            return None
        return account
