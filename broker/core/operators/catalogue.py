"""What operators may ask for and change: one catalogue of use cases, as data that every skin is made from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from broker.core.errors import InvalidRequest
from broker.core.operators.clients import CLIENTS
from broker.core.operators.extra_claims import EXTRA_CLAIMS
from broker.core.operators.invitations import INVITATIONS
from broker.core.operators.people import PEOPLE
from broker.core.operators.question import UseCase
from broker.core.operators.switches import SWITCHES
from broker.core.operators.tokens import TOKENS
from broker.core.operators.webhooks import WEBHOOKS

_ALL: Final = (*PEOPLE, *EXTRA_CLAIMS, *CLIENTS, *SWITCHES, *WEBHOOKS, *INVITATIONS, *TOKENS)
USE_CASES: Final[Mapping[str, UseCase]] = {case.name: case for case in _ALL}


def find_use_case(name: str) -> UseCase:
    """By its name; raises InvalidRequest."""
    case = USE_CASES.get(name)
    if case is None:
        raise InvalidRequest(f"there is no such use case; there are {', '.join(USE_CASES)}")
    return case
