"""An identity nobody asked for: a signed link opened from a messenger, a Mini App, or what a script of an upstream
posted from a page of an app. It counts once confirmed.

The link is a bearer string and may have been sent by anybody, so it never logs in by itself: a page names the person
and asks. The answer starts a session and sends the browser to the client, which begins an ordinary login. So it is with
the data of a Mini App, which may be put behind the `#` of a link as well.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, replace

from broker.core.clients.client import Client
from broker.core.errors import FlowGone, ForeignPost, NothingAsked, SealBroken, UnknownClient, UpstreamError
from broker.core.events import Event
from broker.core.people.history import Whence
from broker.core.people.identity import Identity, Person
from broker.core.posted import Brought
from broker.core.records import EntryTicket
from broker.core.seal import Seal
from broker.core.terms import PostedKind
from broker.core.wire.addresses import build_response_url
from broker.services.clients.directory import Clients
from broker.services.context import Context
from broker.services.login.attempts import Logins
from broker.services.people.accounts import Accounts
from broker.services.posted import PostedCredentials
from broker.services.providers import ProviderInstance, Providers
from broker.services.sessions.single_sign_on import Sessions
from broker.upstream.abilities import AcceptsUnasked, PagePost, SignedIdentity
from broker.upstream.posted import AcceptsPosted, Posted

_TICKET_TTL = 300  # seconds


@dataclass(frozen=True, slots=True)
class Entered:
    """The browser keeps `cookie`, the value of its session, and goes to `href`, where the client begins a login.

    `person`: who logged in, and by which way.
    """

    cookie: str
    person: Person
    client: Client
    href: str


class UnaskedLogins:
    """Holds an unasked identity, sealed and bound to one browser, until it is confirmed."""

    def __init__(
        self,
        context: Context,
        *,
        clients: Clients,
        providers: Providers,
        accounts: Accounts,
        logins: Logins,
        sessions: Sessions,
        seal: Seal,
        posted: PostedCredentials,
    ) -> None:
        """`seal` has the purpose "entry"."""
        self._posted = posted
        self._context = context
        self._clients = clients
        self._providers = providers
        self._accounts = accounts
        self._logins = logins
        self._sessions = sessions
        self._seal = seal

    async def hold(
        self, name: str, client_id: str, params: Mapping[str, str], *, browser: str
    ) -> tuple[str, EntryTicket, Client]:
        """Verify the signed parameters; the sealed ticket, bound to `browser`. Raises PageError."""
        client, instance = await self._find(name, client_id)
        provider = instance.provider
        if not isinstance(provider, AcceptsUnasked):
            raise NothingAsked(f"{name} sends nothing unasked")
        return await self._hold(client, instance, provider.verify_unasked(params), browser)

    async def hold_opener(
        self, name: str, client_id: str, init_data: str, *, browser: str
    ) -> tuple[str, EntryTicket, Client]:
        """As `hold`, for the init data of a Mini App that is our page for this client."""
        client, instance, provider = await self.find_mini_app(name, client_id)
        verifying = provider.verify_posted(Posted.unchallenged(PostedKind.INIT_DATA, init_data))
        return await self._hold(client, instance, verifying, browser)

    async def find_posting(self, name: str, client_id: str) -> tuple[Client, PagePost]:
        """Whose page the script of this provider may post from, and how; raises PageError where no app has one."""
        client, instance = await self._find(name, client_id)
        posts = instance.abilities.posts
        if posts is None or name not in client.accept_posted:
            raise UnknownClient(
                f"{client.id} takes no credentials of {instance.name}",
                public="nothing is posted here for this app: name the provider in its accept_posted, and credential in"
                " that of the provider",
            )
        return client, posts

    async def take(self, client: Client, name: str, credential: str, challenge: str) -> str:
        """Spend what a script posted; whose it was, sealed, bound to no browser yet.

        Its upstream may have given it without asking anybody anything, so it has an `auth_time` of 0, which is not
        known, unless the upstream signs one. Raises RequestError and UpstreamUnavailable.
        """
        proven = await self._posted.prove(client, Brought(PostedKind.CREDENTIAL, credential, name, challenge))
        identity = proven.identity
        identity = identity if identity.auth_time is not None else replace(identity, auth_time=0)
        async with self._posted.spending(proven):
            until = self._context.now() + _TICKET_TTL
            signed = SignedIdentity(identity, self._context.mint(), until)
        return self._seal.seal(self._ticket(client, proven.instance, signed).to_bytes())

    async def hold_taken(self, client_id: str, taken: str, *, browser: str) -> tuple[str, EntryTicket, Client]:
        """What was taken, bound to `browser` from now on; raises PageError."""
        ticket = self._open(taken, "")
        client, _ = await self._find(ticket.provider, ticket.client_id)
        if client.id != client_id:
            raise ForeignPost("a credential of another app's page")
        return self._seal.seal(ticket.to_bytes(), bound_to=browser.encode()), ticket, client

    async def find_mini_app(self, name: str, client_id: str) -> tuple[Client, ProviderInstance, AcceptsPosted]:
        """Whose page it is; raises PageError where the client has none of this provider."""
        client, instance = await self._find(name, client_id)
        provider = instance.provider
        accepted = name in client.mini_apps and PostedKind.INIT_DATA in instance.accepts
        if accepted and isinstance(provider, AcceptsPosted):
            return client, instance, provider
        raise UnknownClient(
            f"{client.id} has no Mini App at {instance.name}",
            public="this app has no Mini App here; name the provider in its mini_apps",
        )

    async def is_here(self, ticket: EntryTicket, cookie: str) -> bool:
        """Whether whom the ticket is about is signed on in this browser, by the same way: then nothing is asked."""
        session, instance = await self._sessions.find(cookie), self._providers.find(ticket.provider)
        if session is None:
            return False
        return (session.login.provider_key, session.login.subject) == (instance.key, ticket.subject)

    async def _hold(
        self, client: Client, instance: ProviderInstance, verifying: Awaitable[SignedIdentity], browser: str
    ) -> tuple[str, EntryTicket, Client]:
        try:
            signed = await verifying
        except UpstreamError as error:
            # The visitor brought it, no upstream failed: a link that is too old, or made up.
            raise NothingAsked(error.detail) from None
        ticket = self._ticket(client, instance, signed)
        return self._seal.seal(ticket.to_bytes(), bound_to=browser.encode()), ticket, client

    def _ticket(self, client: Client, instance: ProviderInstance, signed: SignedIdentity) -> EntryTicket:
        return EntryTicket(
            provider=instance.name,
            client_id=client.id,
            subject=signed.identity.subject,
            claims=dict(signed.identity.claims),
            raw_ids=dict(signed.identity.raw_ids),
            amr=signed.identity.amr,
            replay_key=signed.replay_key,
            signed_until=signed.expires_at,
            expires_at=min(signed.expires_at, self._context.now() + _TICKET_TTL),
            start_param=signed.start_param,
            auth_time=signed.identity.auth_time,
        )

    async def enter(self, sealed: str, cookie: str, *, browser: str, whence: Whence) -> Entered:
        """Log in whom the ticket is about, in a browser whose session has this cookie; raises as `confirm`."""
        before, ticket = await self._sessions.find(cookie), self._open(sealed, browser)
        async with self.confirm(sealed, browser=browser) as (person, identity, instance, client):
            value, _ = await self._sessions.start(
                person, identity, instance, replacing=before, client_id=client.id, whence=whence
            )
        return Entered(value, person, client, self.initiate_href(client, ticket.start_param))

    @asynccontextmanager
    async def confirm(
        self, sealed: str, *, browser: str
    ) -> AsyncIterator[tuple[Person, Identity, ProviderInstance, Client]]:
        """Spend the ticket of exactly this browser; the body starts the session of whom it is about.

        Raises ForeignPost, FlowGone or FlowFinished. Where a store is away before the body is through, the ticket is
        as good as before (see `once`).
        """
        ticket = self._open(sealed, browser)
        if ticket.expires_at <= self._context.now():
            raise FlowGone("the signed link is too old")
        client, instance = await self._find(ticket.provider, ticket.client_id)
        async with self._logins.replying(instance.key, ticket.replay_key, valid_until=ticket.signed_until):
            identity = Identity(
                ticket.subject, ticket.claims, ticket.raw_ids, amr=ticket.amr, auth_time=ticket.auth_time
            )
            person = await self._accounts.resolve(instance.key, instance.name, identity, client)
            yield person, identity, instance, client
        self._context.recorder.record(
            Event.LOGIN_SUCCEEDED, provider=instance.name, client_id=client.id, sub=person.account.sub, unasked=True
        )

    def initiate_href(self, client: Client, start_param: str = "") -> str:
        """Where the client begins a login of ours (OIDC Core 4).

        It is told what a Mini App was opened by, which says no more than any link to that address could.
        """
        more = {"start_param": start_param} if start_param else {}
        return build_response_url(client.initiate_login_uri, {"iss": self._context.issuer, **more})

    def _open(self, sealed: str, browser: str) -> EntryTicket:
        try:
            return EntryTicket.from_bytes(self._seal.open_(sealed, bound_to=browser.encode()))
        except SealBroken as error:
            raise ForeignPost(error.detail) from None

    async def _find(self, name: str, client_id: str) -> tuple[Client, ProviderInstance]:
        client = await self._clients.find_on(client_id)
        if client is None or not client.initiate_login_uri:
            raise UnknownClient(
                "entry for a client that is unknown or has no initiate_login_uri",
                public="this app cannot be entered from a link; set its initiate_login_uri",
            )
        return client, self._providers.find_offered(name, client)
