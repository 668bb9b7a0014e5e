"""What answers operators: the use cases of each kind behind one door."""

from __future__ import annotations

from broker.services.context import Context
from broker.services.operators.door import Operators
from broker.services.operators.people import PeopleCases
from broker.services.people.deeds import Deeds
from broker.services.people.page import AccountPage
from broker.services.people.unlinking import Unlinking
from broker.store.base import Durable


def build_operators(
    context: Context, durable: Durable, page: AccountPage, *, deeds: Deeds, unlinking: Unlinking
) -> Operators:
    """The door, with somebody for every use case of the catalogue."""
    people = PeopleCases(context, durable, page, deeds=deeds, unlinking=unlinking)
    return Operators(context, {**people.handlers})
