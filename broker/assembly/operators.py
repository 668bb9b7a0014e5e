"""What answers operators: the use cases of each kind behind one door."""

from __future__ import annotations

from broker.assembly.parts import Parts, Settings
from broker.services.operators.door import Operators
from broker.services.operators.extra_claims import ExtraClaimCases
from broker.services.operators.people import PeopleCases
from broker.services.operators.switches import SwitchCases
from broker.services.operators.webhooks import WebhookCases
from broker.services.people.deeds import Deeds
from broker.services.people.merging import Merging
from broker.services.people.page import AccountPage
from broker.services.people.unlinking import Unlinking
from broker.services.switches import Switches
from broker.services.webhooks import Webhooks


def build_operators(
    parts: Parts,
    settings: Settings,
    page: AccountPage,
    switches: Switches,
    *,
    deeds: Deeds,
    unlinking: Unlinking,
    merging: Merging,
    webhooks: Webhooks,
) -> Operators:
    """The door, with somebody for every use case of the catalogue."""
    people = PeopleCases(parts.context, parts.durable, page, deeds=deeds, unlinking=unlinking, merging=merging)
    claims = ExtraClaimCases(parts.context, parts.durable)
    switched = SwitchCases(switches, settings.configured)
    told = WebhookCases(webhooks)
    cases = (people, claims, switched, told)
    return Operators(parts.context, {name: one for part in cases for name, one in part.handlers.items()})
