"""Every service, tied to the others it needs."""

from __future__ import annotations

from functools import partial

from broker.assembly.by_bot import build_by_bot
from broker.assembly.clients import build_directory, build_kept_clients, build_registrations
from broker.assembly.deliveries import build_telling
from broker.assembly.grants import build_token_requests
from broker.assembly.linking import build_identities, build_joins, build_lookup
from broker.assembly.notify import build_notify
from broker.assembly.operators import build_invitations, build_operators
from broker.assembly.parts import Parts, Settings
from broker.assembly.people import build_deeds, build_deletions, build_merging, build_unlinking, build_upstream_events
from broker.assembly.switches import build_switches
from broker.assembly.upstream_tokens import build_upstream_tokens
from broker.core.terms import GrantType
from broker.services.authorize.codes import Codes
from broker.services.authorize.consent import TICKET_TTL, Consents
from broker.services.authorize.decide import Authorization
from broker.services.authorize.pushed import PushedRequests
from broker.services.authorize.questions import Questions
from broker.services.authorize.request_objects import RequestObjects
from broker.services.authorize.requests import Requests
from broker.services.carried import Carried
from broker.services.clients.keys import ClientKeys
from broker.services.devices import Devices
from broker.services.drf import BackendTokens, DrfCalls
from broker.services.grants.endpoint import TokenRequests
from broker.services.grants.giving import Giving
from broker.services.grants.token_exchange import Exchanges, PostedExchange
from broker.services.login.attempts import MAX_COOKIE, Logins
from broker.services.login.complete import Completion
from broker.services.login.elsewhere import Elsewhere
from broker.services.login.joining import Joining
from broker.services.login.link_requests import LinkRequests
from broker.services.login.states import States
from broker.services.login.unasked import UnaskedLogins
from broker.services.logout.rp_initiated import Logout
from broker.services.logout.upstream import UpstreamLogouts
from broker.services.people.accounts import Accounts, People
from broker.services.people.changes import AccountChanges
from broker.services.people.forms import Forms
from broker.services.people.page import AccountPage
from broker.services.people.standing import Standing
from broker.services.posted import PostedCredentials
from broker.services.sessions.endings import Endings
from broker.services.sessions.single_sign_on import Sessions
from broker.services.sessions.upstream import UpstreamSessions
from broker.services.tokens.admission import Admission
from broker.services.tokens.held import HeldGrants
from broker.services.tokens.introspection import Introspection
from broker.services.tokens.minting import Tokens
from broker.services.tokens.proofs import Nonces, Proofs
from broker.services.tokens.revocation import Revocation
from broker.services.tokens.userinfo import Userinfo


class Services:
    """Every service by one name: the names of attributes are those that other services know it by."""

    def __init__(self, parts: Parts, settings: Settings) -> None:
        """Tied in the order in which they need each other."""
        self.upstream_tokens = build_upstream_tokens(parts, settings)
        self._tie_clients(parts, settings)
        self._tie_people(parts, settings)
        self._tie_sessions(parts, settings)
        self._tie_tokens(parts, settings)
        self._tie_authorization(parts)
        self._tie_account(parts, settings)
        self._tie_logins(parts, settings)
        self._tie_grants(parts, settings)
        self.notify = build_notify(parts, settings, self.admission, self.standing)

    async def look(self) -> None:
        """Know what operators have switched off, and which clients they keep; raises StoreUnavailable."""
        try:
            await self.switches.refresh()
        finally:
            await self.entries.refresh()

    def _tie_clients(self, parts: Parts, settings: Settings) -> None:
        context, keys = parts.context, ClientKeys(parts.context, parts.outbound)
        self.objects = RequestObjects(context, keys, parts.outbound)
        self.registrations = build_registrations(parts, settings)
        self.directory = build_directory(parts, settings, keys, self.registrations)
        self.entries = build_kept_clients(parts, settings)
        nonces = Nonces(parts.derive("dpop nonce"), context.now)
        self.proofs = Proofs(context, parts.transient, nonces, nonce_required=settings.nonce_required)

    def _tie_people(self, parts: Parts, settings: Settings) -> None:
        context, providers, seal = parts.context, parts.providers, parts.seal("challenge")
        self.people = People(parts.durable.people)
        self.standing = Standing(providers, context.recorder, settings.access)
        self.invitations = build_invitations(parts)
        self.accounts = Accounts(context, parts.durable.people, self.standing, self.invitations)
        self.posted = PostedCredentials(context, providers, parts.transient, seal, deadline=settings.deadline)

    def _tie_sessions(self, parts: Parts, settings: Settings) -> None:
        context, durable, transient, providers = parts.context, parts.durable, parts.transient, parts.providers
        id_tokens, logins = parts.seal("upstream id token"), parts.seal("upstream login")
        self.upstream = UpstreamSessions(context, durable.sessions, providers, id_tokens=id_tokens, logins=logins)
        told = build_telling(parts, settings, self.directory)
        self.deliveries, self.logout_tokens, self.webhooks = told.deliveries, told.logout_tokens, told.webhooks
        self.subscribe = partial(parts.durable.subscribe, told.subscriptions)
        self.endings = Endings(
            context,
            durable.sessions,
            durable.history,
            transient,
            subjects=parts.subjects,
            remember_for=settings.session.absolute,
            history_kept=settings.accounts.history_kept,
            queued=self.deliveries.push,
        )
        self.sessions = Sessions(context, transient, settings.session, self.upstream, self.endings, providers=providers)
        self.upstream_logouts = UpstreamLogouts(context, transient, providers, self.endings)

    def _tie_tokens(self, parts: Parts, settings: Settings) -> None:
        context, grants, subjects, providers = parts.context, parts.durable.grants, parts.subjects, parts.providers
        held = HeldGrants(
            context, grants, clients=self.directory, standing=self.standing, subjects=subjects, providers=providers
        )
        self.tokens = Tokens(
            context,
            parts.keys,
            grants,
            seal=parts.seal("access token"),
            refresh_key=parts.derive("refresh token")[0],
            lifetimes=settings.lifetimes,
            subjects=subjects,
            held=held,
        )
        self.revocation = Revocation(context, grants, self.tokens)
        self.introspection = Introspection(context, self.directory, grants, tokens=self.tokens)
        self.admission = Admission(context, self.tokens, self.proofs)
        self.userinfo = Userinfo(self.tokens, self.admission)
        self.unlinking = build_unlinking(parts, settings, self.deliveries.push)
        self.identities = build_identities(parts, self.admission, self.standing, self.unlinking, self.posted)
        self.lookup = build_lookup(parts, self.standing, self.posted)
        self.logout = Logout(
            context,
            parts.transient,
            self.directory,
            self.tokens,
            parts.seal("logout"),
            endings=self.endings,
            telling=self.logout_tokens,
            upstream=self.upstream,
        )

    def _tie_authorization(self, parts: Parts) -> None:
        context, people, transient = parts.context, parts.durable.people, parts.transient
        # A person may look at the login page, at an upstream and at the question for as long as each of them stands.
        self.pushed = PushedRequests(context, transient, kept_for=2 * parts.providers.flow_ttl + TICKET_TTL)
        self.requests = Requests(
            context, self.directory, self.tokens, proofs=self.proofs, pushed=self.pushed, objects=self.objects
        )
        self.consents = Consents(context, parts.durable.consents, transient, parts.seal("consent"))
        self.codes = Codes(context, transient, pushed=self.pushed, ttl=self.tokens.lifetimes.code)
        self.authorization = Authorization(
            context,
            providers=parts.providers,
            consents=self.consents,
            codes=self.codes,
            subjects=parts.subjects,
            standing=self.standing,
            people=people,
        )
        self.devices = Devices(context, self.directory, transient, parts.seal("device"))
        self.elsewhere = Elsewhere(
            context,
            self.directory,
            transient,
            parts.seal("window"),
            devices=self.devices,
            codes=self.codes,
            pushed=self.pushed,
        )
        self.questions = Questions(
            self.directory,
            self.authorization,
            self.consents,
            self.codes,
            sessions=self.sessions,
            devices=self.devices,
            pushed=self.pushed,
        )

    def _tie_account(self, parts: Parts, settings: Settings) -> None:
        context, durable, transient = parts.context, parts.durable, parts.transient
        forms = self.forms = Forms(context, transient, parts.seal("form"))
        self.account_page = AccountPage(
            context,
            durable,
            transient,
            self.directory,
            sessions=self.sessions,
            standing=self.standing,
            forms=forms,
            elsewhere=self.upstream_tokens.build_withdrawing(parts, settings, self.directory),
        )
        self.deeds = build_deeds(parts, settings, self.deliveries.push)
        self.merging = build_merging(parts, settings, self.directory, self.deliveries.push)
        self.upstream_events = build_upstream_events(parts, settings, self.endings, self.unlinking, self.deeds)
        self.deletions = build_deletions(parts, self.upstream_events)
        self.account_changes = AccountChanges(self.account_page, self.deeds, self.unlinking)
        self.switches = build_switches(parts, self.directory)
        self.operators = build_operators(parts, settings, self)

    def _tie_logins(self, parts: Parts, settings: Settings) -> None:
        context, providers = parts.context, parts.providers
        self.states = States(parts.derive("state"), context.randomness)
        self.logins = Logins(
            context,
            self.directory,
            providers,
            transient=parts.transient,
            states=self.states,
            flows=Carried(context, parts.transient, parts.seal("flow"), limit=MAX_COOKIE),
            deadline=settings.deadline,
            earlier=parts.earlier,
        )
        self.by_bot = build_by_bot(parts, self.logins, self.directory)
        self.unasked = UnaskedLogins(
            context,
            clients=self.directory,
            providers=providers,
            accounts=self.accounts,
            logins=self.logins,
            sessions=self.sessions,
            seal=parts.seal("entry"),
            posted=self.posted,
        )
        self._tie_linking(parts)
        self.link_requests = LinkRequests(
            self.directory,
            self.tokens,
            parts.durable.people,
            providers=providers,
            standing=self.standing,
            subjects=parts.subjects,
            sessions=self.sessions,
            linking=self.linking,
        )

    def _tie_linking(self, parts: Parts) -> None:
        joins = build_joins(parts, self.directory, self.sessions, self.merging, self.standing)
        self.linking, held, offers = joins.linking, joins.held, joins.offers
        self.completion = Completion(
            parts.context,
            self.logins,
            self.accounts,
            sessions=self.sessions,
            authorization=self.authorization,
            pushed=self.pushed,
            linking=self.linking,
            keeping=self.upstream_tokens.keeping,
        )
        self.joining = Joining(
            self.completion, self.authorization, self.directory, held=held, offers=offers, linking=self.linking
        )

    def _tie_grants(self, parts: Parts, settings: Settings) -> None:
        context, people, grants = parts.context, parts.durable.people, parts.durable.grants
        endings, tokens = self.endings, self.tokens
        keeping = self.upstream_tokens.keeping
        giving = Giving(context, tokens, self.upstream, endings, people=people, grants=grants, keeping=keeping)
        self.takes_posted, self.extra_claims, posted = settings.takes_posted, settings.extra_claims, None
        self.takes_pressed = settings.takes_pressed(parts.providers)
        if self.takes_posted:
            posted = PostedExchange(context, self.posted, self.accounts, self.consents, endings=endings, giving=giving)
        handing = self.upstream_tokens.build_exchange(parts, tokens, self.consents)
        exchange = Exchanges(posted, handing) if posted or handing else None
        self.token_requests = build_token_requests(
            parts, tokens=tokens, proofs=self.proofs, giving=giving, devices=self.devices, exchange=exchange
        )
        self.drf = self._build_drf(parts, giving) if settings.drf else None

    def _build_drf(self, parts: Parts, giving: Giving) -> DrfCalls:
        context, endings, backends = parts.context, self.endings, BackendTokens(self.posted)
        exchange = PostedExchange(context, backends, self.accounts, self.consents, endings=endings, giving=giving)
        return DrfCalls(
            TokenRequests(context, self.proofs, self.tokens, {GrantType.TOKEN_EXCHANGE: exchange}),
            self.token_requests,
            clients=self.directory,
            admission=self.admission,
            revocation=self.revocation,
            identities=self.identities,
        )
