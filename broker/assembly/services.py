"""Every service, tied to the others it needs."""

from __future__ import annotations

from broker.assembly.clients import build_clients
from broker.assembly.parts import Parts, Services
from broker.config.model import Config
from broker.services.accounts import Accounts
from broker.services.authorize import Authorization
from broker.services.clients import Clients
from broker.services.consent import Consents
from broker.services.entry import Entries
from broker.services.login import Logins
from broker.services.people import People
from broker.services.sessions import SessionLimits, Sessions
from broker.services.states import States
from broker.services.tokens import Lifetimes, Tokens


def build_services(parts: Parts) -> Services:
    """Every service, tied to the others it needs."""
    config, context, durable, transient = parts.config, parts.context, parts.durable, parts.transient
    clients = Clients(context, build_clients(config))
    tokens = Tokens(
        context,
        parts.keys,
        durable,
        seal=parts.seal("access token"),
        refresh_key=parts.derive("refresh token")[0],
        lifetimes=_lifetimes(config),
        subjects=parts.subjects,
    )
    limits = SessionLimits(config.session.idle_ttl, config.session.absolute_ttl)
    consents = Consents(context, durable, transient, parts.seal("consent"))
    accounts = Accounts(context, durable)
    states = States(parts.derive("state"), context.randomness)
    logins = Logins(context, parts.providers, accounts, parts.gate, transient, states=states, seal=parts.seal("flow"))
    entries = Entries(
        context,
        clients=clients,
        providers=parts.providers,
        accounts=accounts,
        logins=logins,
        gate=parts.gate,
        seal=parts.seal("entry"),
    )
    authorization = Authorization(
        context,
        clients=clients,
        providers=parts.providers,
        consents=consents,
        tokens=tokens,
        gate=parts.gate,
        stores=(durable, transient),
    )
    sessions = Sessions(context, transient, limits)
    return Services(clients, tokens, sessions, consents, logins, entries, authorization, People(durable))


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
