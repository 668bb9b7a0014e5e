"""Application-initiated linking: an app sends somebody to us to add a way in, and is told what came of it (ADR 50)."""

from __future__ import annotations

from dataclasses import dataclass, replace

from broker.core.authorize.target import MAX_STATE, VerifiedRedirect, parse_client_id, verify_target
from broker.core.clients.client import Client
from broker.core.errors import InvalidRequest, LoginRequired, ProviderNotAllowed
from broker.core.records import Account, Link, LinkReturn, Login
from broker.core.terms import ResponseMode
from broker.core.wire.parameters import Parameters
from broker.core.wire.query import encode_query
from broker.services.clients.directory import Clients
from broker.services.people.linking import Linking
from broker.services.people.returns import check_may_ask
from broker.services.people.standing import Standing
from broker.services.people.subjects import Subjects
from broker.services.providers import Providers
from broker.services.sessions.single_sign_on import Session, Sessions
from broker.services.tokens.minting import Tokens
from broker.store.people import PeopleStore

PATH = "/link"
_AGAIN = "signed_in_again"  # a parameter of our own: they were sent to sign in once, and not in circles
_NOBODY = "nobody is signed in here whom id_token_hint names; send them to /authorize with prompt=login first"


@dataclass(frozen=True, slots=True)
class Leave:
    """A login begins at this provider."""

    purpose: Link | Account
    provider: str


class LinkRequests:
    """Checks what an app asks for, and who is at the browser."""

    def __init__(
        self,
        clients: Clients,
        tokens: Tokens,
        people: PeopleStore,
        *,
        providers: Providers,
        standing: Standing,
        subjects: Subjects,
        sessions: Sessions,
        linking: Linking,
    ) -> None:
        self._clients = clients
        self._tokens = tokens
        self._people = people
        self._providers = providers
        self._standing = standing
        self._subjects = subjects
        self._sessions = sessions
        self._linking = linking

    async def verify(self, params: Parameters) -> VerifiedRedirect:
        """Where the answer goes; raises UnknownClient or BadRedirectUri, which are pages (threats A5)."""
        client = await self._clients.find_on(parse_client_id(params))
        place = verify_target(params, client, outside=True)
        return replace(place, response_mode=ResponseMode.QUERY, linking=True)

    async def begin(self, params: Parameters, target: VerifiedRedirect, session: Session | None) -> Leave:
        """What comes first in this browser: proving the new way in, or signing in again where that is too long ago.

        Raises RequestError; LoginRequired where another person is here than the app speaks of, or nobody.
        """
        client, provider = target.client, params.get("provider", "")
        check_may_ask(client)
        params.check_single(params.repeated)
        if len(params.get("state", "")) > MAX_STATE:
            raise InvalidRequest(f"state is longer than {MAX_STATE} characters")
        self._providers.check_on(provider, client)
        if provider not in self._providers.offered_to(client):
            raise ProviderNotAllowed("provider is not one that this client offers")
        if "id_token_hint" not in params:
            raise InvalidRequest("id_token_hint is missing: the ID token of whoever wants another way in")
        hinted = self._tokens.verify_hinted_sub(params["id_token_hint"], client)
        if session is None or not await self._is_named(hinted, session.login, client):
            raise LoginRequired(_NOBODY)
        back = LinkReturn(client.id, target.redirect_uri, target.state)
        if not self._sessions.is_fresh(session):
            return self._sign_in_again(params, session.login, back)
        return Leave(self._linking.begin(session, provider, back=back), provider)

    async def _is_named(self, hinted: str, login: Login, client: Client) -> bool:
        """Whether the app speaks of who is logged in, and they are welcome there."""
        person = await self._people.person(login.provider_key, login.subject)
        if person is None or self._standing.refusal(login, person, client) is not None:
            return False
        return self._subjects.is_name_of(hinted, person.account, client)

    def _sign_in_again(self, params: Parameters, login: Login, back: LinkReturn) -> Leave:
        """At the provider they came by, and back to this very request."""
        instance = self._providers.still(login.provider, login.provider_key)
        if _AGAIN in params or instance is None:
            raise LoginRequired("the provider did not ask the user to sign in again")
        page = f"{PATH}?{encode_query({**params.again(), _AGAIN: '1'})}"
        return Leave(Account(login.sub, page, back), instance.name)
