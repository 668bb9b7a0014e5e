"""What answers operators: the use cases of each kind behind one door."""

from __future__ import annotations

from typing import Protocol

from broker.assembly.parts import Parts, Settings
from broker.services.clients.kept import KeptClients
from broker.services.operators.clients import ClientCases
from broker.services.operators.door import Operators
from broker.services.operators.extra_claims import ExtraClaimCases
from broker.services.operators.invitations import InvitationCases
from broker.services.operators.people import PeopleCases
from broker.services.operators.switches import SwitchCases
from broker.services.operators.webhooks import WebhookCases
from broker.services.people.deeds import Deeds
from broker.services.people.invitations import Invitations
from broker.services.people.merging import Merging
from broker.services.people.page import AccountPage
from broker.services.people.unlinking import Unlinking
from broker.services.switches import Switches
from broker.services.webhooks import Webhooks


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
    cases = (people, claims, clients, switched, told, InvitationCases(tied.invitations))
    return Operators(context, {name: one for part in cases for name, one in part.handlers.items()})
