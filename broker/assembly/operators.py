"""What answers operators: the use cases of each kind behind one door, and the door's way to the network."""

from __future__ import annotations

from functools import partial
from typing import Protocol

from starlette.types import ASGIApp

from broker.assembly.parts import Parts, Settings
from broker.config.model import Config
from broker.core.openapi.admin import build_admin_openapi
from broker.core.switches import Switchable
from broker.services.clients.kept import KeptClients
from broker.services.operators.clients import ClientCases
from broker.services.operators.door import Operators
from broker.services.operators.extra_claims import ExtraClaimCases
from broker.services.operators.invitations import InvitationCases
from broker.services.operators.people import PeopleCases
from broker.services.operators.switches import SwitchCases
from broker.services.operators.tokens import AdminTokens, TokenCases
from broker.services.operators.webhooks import WebhookCases
from broker.services.people.arrivals import Arrivals
from broker.services.people.deeds import Deeds
from broker.services.people.invitations import Invitations
from broker.services.people.merging import Merging
from broker.services.people.page import AccountPage
from broker.services.people.unlinking import Unlinking
from broker.services.switches import Switches
from broker.services.webhooks import Webhooks
from broker.web.dispatch import Dispatcher, Site
from broker.web.errors import JsonErrors
from broker.web.limits.client_address import Sources
from broker.web.limits.rate_limits import Limits, Rate
from broker.web.operators import AdminEndpoints


class Tied(Protocol):
    """The services that do what operators ask, by the names that they have among all services."""

    account_page: AccountPage
    switches: Switches
    entries: KeptClients
    deeds: Deeds
    unlinking: Unlinking
    merging: Merging
    webhooks: Webhooks
    invitations: Invitations


def build_invitations(parts: Parts) -> Invitations:
    """By digests that the master key makes."""
    return Invitations(parts.context, parts.durable.invitations, parts.providers, parts.derive("invitation"))


def build_operators(parts: Parts, settings: Settings, tied: Tied) -> Operators:
    """The door, with somebody for every use case of the catalogue."""
    context, durable = parts.context, parts.durable
    people = PeopleCases(
        context, durable, tied.account_page, deeds=tied.deeds, unlinking=tied.unlinking, merging=tied.merging
    )
    clients = ClientCases(context, durable.clients, tied.entries, kept=parts.kept, file=settings.rules, off=parts.off)
    switched = SwitchCases(tied.switches, settings.configured)
    claims, told = ExtraClaimCases(context, durable), WebhookCases(tied.webhooks)
    tokens, invited = TokenCases(context, durable.admin_tokens), InvitationCases(tied.invitations)
    cases = (people, claims, clients, switched, told, tokens, invited)
    arrivals = Arrivals(context, durable.arrivals, parts.providers, partial(tied.switches.knows, Switchable.CLIENT))
    return Operators(context, {name: one for part in cases for name, one in part.handlers.items()}, arrivals)


def build_admin(parts: Parts, operators: Operators, config: Config) -> ASGIApp | None:
    """The admin API, for the management listener; None where it is off (ADR 71)."""
    server = config.server
    if not server.admin_api or server.management is None:
        return None
    context, observer = parts.context, parts.observer
    rates = {name: Rate(*getattr(config.limits, name)) for name in ("admin", "admin_failure")}
    endpoints = AdminEndpoints(
        operators,
        AdminTokens(context, parts.durable.admin_tokens),
        observer,
        limits=Limits(rates, observer, clock=context.clock, shared=parts.counters, counters=parts.counted),
        sources=Sources(server.trusted_proxies),
        body_limit=config.limits.request_body,
        document=build_admin_openapi(config.issuer),
    )
    host = "localhost" if server.management.startswith("unix:") else server.management
    return Dispatcher(
        endpoints.routes,
        Site.of(f"http://{host}", also=server.admin_hosts),
        JsonErrors(observer),
        mint_id=lambda: context.randomness(6).hex(),
        observe=observer.observe_request,
        on_crash=observer.on_crash,
    )
