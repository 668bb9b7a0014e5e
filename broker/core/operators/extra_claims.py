"""What operators ask and set of what apps are told of people, beside what upstreams say."""

from __future__ import annotations

from typing import Final

from broker.core.operators.people import ACCOUNT
from broker.core.operators.question import Parameter, UseCase
from broker.core.people.extra_claims import SIZE_LIMIT

_NAME = Parameter("name", "What it is kept under, as in the clients' `extra_claims`.", required=True, named=False)

EXTRA_CLAIMS: Final = (
    UseCase(
        "claim.list",
        "List the claims of a person beside the standard ones: those that are set, and what each way in told last.",
        writes=False,
        own=(ACCOUNT,),
    ),
    UseCase(
        "claim.set",
        "Set a claim of a person, in place of one of that name that is set. Apps whose scopes bring it are told from"
        " now on, and at the next refresh. Of two lists, this and an upstream's, they are told one with both.",
        writes=True,
        own=(
            ACCOUNT,
            _NAME,
            Parameter(
                "value",
                "JSON: a list of texts, a text, a whole number, true or false, for example '[\"staff\"]'.",
                required=True,
                named=False,
                longest=SIZE_LIMIT,
            ),
        ),
    ),
    UseCase(
        "claim.remove",
        "Take away a claim that is set. What an upstream tells under the same name stays.",
        writes=True,
        own=(ACCOUNT, _NAME),
    ),
)
