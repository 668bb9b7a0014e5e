"""Every service, tied to the others it needs."""

from __future__ import annotations

from broker.assembly.parts import Parts, Services
from broker.config.clients import build_clients, localised
from broker.config.model import Config
from broker.core.clients.display_name import fold_name
from broker.core.clients.registered import RegistrationRules
from broker.services.authorize.consent import TICKET_TTL, Consents
from broker.services.authorize.decide import Authorization
from broker.services.authorize.pushed import PushedRequests
from broker.services.authorize.questions import Questions
from broker.services.authorize.request_objects import RequestObjects
from broker.services.authorize.requests import Requests
from broker.services.clients.assertions import ClientAssertions
from broker.services.clients.directory import Clients
from broker.services.clients.keys import ClientKeys
from broker.services.clients.registrations import RegistrationPolicy, Registrations
from broker.services.devices import Devices
from broker.services.login.attempts import Logins
from broker.services.login.complete import Completion
from broker.services.login.states import States
from broker.services.login.unasked import UnaskedLogins
from broker.services.logout.deliveries import Deliveries
from broker.services.people.accounts import Accounts
from broker.services.people.names import People
from broker.services.sessions.endings import Endings
from broker.services.sessions.single_sign_on import SessionLimits, Sessions
from broker.services.sessions.upstream import UpstreamSessions
from broker.services.tokens.held import HeldGrants
from broker.services.tokens.minting import Lifetimes, Tokens
from broker.services.tokens.proofs import Nonces, Proofs


def build_services(parts: Parts) -> Services:
    """Every service, tied to the others it needs."""
    context, people, transient = parts.context, parts.durable.people, parts.transient
    registrations, keys = _build_registrations(parts), ClientKeys(context, parts.outbound)
    clients = Clients(context, build_clients(parts.config), ClientAssertions(context, transient, keys), registrations)
    tokens, consents = _build_tokens(parts, clients), Consents(context, people, transient, parts.seal("consent"))
    accounts = Accounts(context, people, parts.standing)
    logins, unasked = _build_logins(parts, clients, accounts)
    # A person may look at the login page, at an upstream and at the question for as long as each of them stands.
    pushed = PushedRequests(context, transient, kept_for=2 * parts.providers.flow_ttl + TICKET_TTL)
    authorization = _build_authorization(parts, clients, tokens, consents, pushed)
    devices = Devices(context, clients, transient, parts.seal("device"))
    objects, proofs = RequestObjects(context, keys, parts.outbound), _build_proofs(parts)
    upstream = _build_upstream(parts)
    deliveries, endings = _build_endings(parts, clients)
    sessions = _build_sessions(parts, upstream, endings)
    return Services(
        clients=clients,
        registrations=registrations,
        proofs=proofs,
        tokens=tokens,
        sessions=sessions,
        consents=consents,
        logins=logins,
        unasked=unasked,
        requests=Requests(context, clients, tokens, proofs=proofs, pushed=pushed, objects=objects),
        authorization=authorization,
        pushed=pushed,
        devices=devices,
        completion=Completion(context, logins, accounts, sessions=sessions, authorization=authorization, pushed=pushed),
        questions=Questions(authorization, consents, sessions=sessions, devices=devices, pushed=pushed),
        people=People(people),
        upstream=upstream,
        endings=endings,
        deliveries=deliveries,
    )


def _build_authorization(
    parts: Parts, clients: Clients, tokens: Tokens, consents: Consents, pushed: PushedRequests
) -> Authorization:
    return Authorization(
        parts.context,
        clients=clients,
        providers=parts.providers,
        consents=consents,
        tokens=tokens,
        standing=parts.standing,
        pushed=pushed,
        stores=(parts.durable.people, parts.transient),
    )


def _build_proofs(parts: Parts) -> Proofs:
    nonces = Nonces(parts.derive("dpop nonce"), parts.context.now)
    nonce_required = parts.config.tokens.dpop_nonce == "required"
    return Proofs(parts.context, parts.transient, nonces, nonce_required=nonce_required)


def _build_tokens(parts: Parts, clients: Clients) -> Tokens:
    subjects = parts.subjects
    held = HeldGrants(
        parts.context,
        parts.durable.grants,
        clients=clients,
        standing=parts.standing,
        subjects=subjects,
        providers=parts.providers,
    )
    return Tokens(
        parts.context,
        parts.keys,
        parts.durable.grants,
        seal=parts.seal("access token"),
        refresh_key=parts.derive("refresh token")[0],
        lifetimes=_lifetimes(parts.config),
        subjects=subjects,
        held=held,
    )


def _build_upstream(parts: Parts) -> UpstreamSessions:
    id_tokens, logins = parts.seal("upstream id token"), parts.seal("upstream login")
    return UpstreamSessions(parts.context, parts.durable.sessions, parts.providers, id_tokens=id_tokens, logins=logins)


def _build_endings(parts: Parts, clients: Clients) -> tuple[Deliveries, Endings]:
    context, durable, remember_for = parts.context, parts.durable, parts.config.session.absolute_ttl
    deliveries = Deliveries(
        context,
        durable.deliveries,
        clients,
        parts.keys,
        parts.outbound,
        subjects=parts.subjects,
        on_crash=parts.observer.on_crash,
    )
    endings = Endings(
        context,
        durable.sessions,
        parts.transient,
        subjects=parts.subjects,
        remember_for=remember_for,
        queued=deliveries.push,
    )
    return deliveries, endings


def _build_sessions(parts: Parts, upstream: UpstreamSessions, endings: Endings) -> Sessions:
    limits = SessionLimits(parts.config.session.idle_ttl, parts.config.session.absolute_ttl)
    return Sessions(parts.context, parts.transient, limits, upstream, endings, providers=parts.providers)


def _build_logins(parts: Parts, clients: Clients, accounts: Accounts) -> tuple[Logins, UnaskedLogins]:
    context, providers = parts.context, parts.providers
    logins = Logins(
        context,
        clients,
        providers,
        transient=parts.transient,
        states=States(parts.derive("state"), context.randomness),
        seal=parts.seal("flow"),
    )
    unasked = UnaskedLogins(
        context, clients=clients, providers=providers, accounts=accounts, logins=logins, seal=parts.seal("entry")
    )
    return logins, unasked


def _build_registrations(parts: Parts) -> Registrations:
    """Always there: who registered once stays, also when nobody may register any more."""
    chosen = parts.config.registration
    rules = RegistrationRules(
        scopes=chosen.scopes,
        algorithms=parts.config.keys.algorithms,
        pkce=chosen.pkce,
        legacy_audience=chosen.assertion_audience == "legacy",
        id_token_claims=chosen.id_token_claims,
        reserved_names=_reserved_names(parts),
    )
    digests = tuple(text.removeprefix("sha256:") for text in chosen.token_hashes)
    policy = RegistrationPolicy(digests, chosen.max_clients, rules)
    seal = parts.seal("registered client")
    return Registrations(parts.context, parts.durable.clients, parts.outbound, seal=seal, policy=policy)


def _reserved_names(parts: Parts) -> frozenset[str]:
    """Names that people trust already: ours, those of the providers, and those of the operator's own apps."""
    own = (parts.config.ui.product_name, *(client.name for client in parts.config.clients.values()))
    texts = (text for name in map(localised, own) for text in name.values())
    return frozenset(map(fold_name, (*texts, *parts.providers.titles)))


def _lifetimes(config: Config) -> Lifetimes:
    tokens = config.tokens
    return Lifetimes(
        code=tokens.code_ttl,
        id_token=tokens.id_token_ttl,
        access_token=tokens.access_token_ttl,
        refresh_idle=tokens.refresh_token.idle_ttl,
        refresh_absolute=tokens.refresh_token.absolute_ttl,
        reuse_grace=tokens.refresh_token.reuse_grace,
    )
