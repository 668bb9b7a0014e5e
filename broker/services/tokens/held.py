"""What a client has of a grant today: the one door through which a grant is read for the client it was given to.

What was granted stands in the store for months. Meanwhile the operator, or a client that registered itself, may have
changed what the client may have; a grant never gives more than that.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeVar

from broker.core.clients.client import Client
from broker.core.errors import InvalidGrant, InvalidScope
from broker.core.people.extra_claims import extra_of
from broker.core.people.identity import Link, Person
from broker.core.records import AccessToken, ClientToken, Grant
from broker.core.terms import GrantType
from broker.services.clients.directory import Clients
from broker.services.context import Context
from broker.services.people.standing import Refusal, Standing
from broker.services.people.subjects import Subjects
from broker.services.providers import Providers
from broker.services.switches import tell_app
from broker.store.grants import GrantStore, LiveGrant

T = TypeVar("T", AccessToken, ClientToken)


@dataclass(frozen=True, slots=True)
class Held:
    """A living grant as its client may use it now; made by `HeldGrants` alone.

    `grant` has the scope and the APIs that the client may still have, and the names that it knows person and session
    by; so has `person`. `account` and `session` are our own names of them, `granted` the scope of the login.
    """

    client: Client
    grant: Grant
    person: Person
    account: str
    session: str
    granted: frozenset[str]

    def narrow(self, asked: tuple[str, ...]) -> tuple[str, ...]:
        """What there is to be had, or less of it (RFC 6749 section 6); raises InvalidScope for what never was.

        What was taken from the client since is left out, as at the authorization endpoint: it goes on with the rest.
        """
        if not set(asked) <= self.granted:
            raise InvalidScope("scope may only narrow what was granted")
        return tuple(word for word in self.grant.scope if word in asked) if asked else self.grant.scope


class HeldGrants:
    """Finds grants for their clients: alive, of somebody who is still welcome there, and cut."""

    def __init__(
        self,
        context: Context,
        grants: GrantStore,
        *,
        clients: Clients,
        standing: Standing,
        subjects: Subjects,
        providers: Providers,
    ) -> None:
        """`standing` says who may still log in, `subjects` how a client knows them, `providers` whose word counts."""
        self._context = context
        self._grants = grants
        self._clients = clients
        self._standing = standing
        self._subjects = subjects
        self._providers = providers

    async def find_named(self, grant_id: str, client_id: str) -> Held | None:
        """As `find`, for the client of this id; None where there is none."""
        client = await self._clients.find(client_id)
        return await self.find(grant_id, client) if client is not None else None

    async def find(self, grant_id: str, client: Client) -> Held | None:
        """The grant, None where it is dead, another client's, or of a login that is no longer accepted."""
        return self.accepted(await self._grants.find(grant_id, now=self._context.now()), client)

    def accepted(self, live: LiveGrant | None, client: Client) -> Held | None:
        """As `open_`, but None also where the login is no longer accepted."""
        try:
            return self.open_(live, client)
        except InvalidGrant:
            return None

    def open_(self, live: LiveGrant | None, client: Client) -> Held | None:
        """What a grant that was read comes to, None where it is dead or another client's; raises as `cut` does."""
        return self.cut(live, client) if live is not None and live.grant.client_id == client.id else None

    def cut(self, live: LiveGrant, client: Client) -> Held:
        """What this client has of its grant; raises InvalidGrant where the login is no longer accepted."""
        stored, person = live.grant, live.person
        login = stored.login
        if (refusal := self._standing.refusal(login, person, client)) is not None:
            switch = self._providers.switched_off(login.provider_key) if refusal is Refusal.OFF else None
            about = tell_app(switch) if switch is not None else "log in again"
            detail = self._standing.barring(person.link, client) if refusal is Refusal.BARRED else ""
            raise InvalidGrant(f"the login behind this token is no longer accepted; {about}", detail=detail)
        account = self._subjects.account_of(person.account, client)
        acr, amr = self._providers.still_counted(login.provider_key, login.acr, login.amr)
        grant = stored.replace(
            login=login.replace(sub=account.sub, acr=acr, amr=amr, sid=self._subjects.sid_of(login.sid, client)),
            scope=tuple([word for word in stored.scope if word in client.scopes]),
            resource=tuple([uri for uri in stored.resource if uri in client.requests.resources]),
        )
        known = replace(person, account=account, link=self._still_told(person.link))
        return Held(client, grant, known, login.sub, login.sid, frozenset(stored.scope))

    def _still_told(self, link: Link) -> Link:
        """The link without what its upstream said for an extra claim that no operator wants of it any more."""
        more = extra_of(link.claims)
        found = map(self._providers.named, self._providers.names_of(link.provider_key) if more else ())
        gone = more.keys() - {name for one in found if one is not None for name in one.extra}
        if not gone:
            return link
        return replace(link, claims={name: value for name, value in link.claims.items() if name not in gone})

    async def find_own(self, token: ClientToken) -> tuple[Client, ClientToken] | None:
        """Whose token it is and what is left of it today; None where it was given back, or nothing is left."""
        owner = await self._clients.find(token.client_id)
        if owner is None or GrantType.CLIENT_CREDENTIALS not in owner.grants:
            return None
        if await self._grants.is_revoked(token.jti):
            return None
        cut = self.cut_token(token, owner.service_scopes, owner.requests.resources)
        return (owner, cut) if cut is not None else None

    def cut_token(self, token: T, scope: tuple[str, ...], resource: tuple[str, ...]) -> T | None:
        """An access token as far as its client may still have what it says; None where nobody is left to take it.

        An audience that has become empty is not ours: it was for APIs alone.
        """
        audience = tuple([uri for uri in token.audience if uri in {*resource, self._context.issuer}])
        if token.audience and not audience:
            return None
        return token.replace(scope=tuple([word for word in token.scope if word in scope]), audience=audience)
