"""What operators may ask and change about invitations: who gets an account where `sign_up` is `invited`."""

from __future__ import annotations

from typing import Final

from broker.core.operators.question import AFTER, LIMIT, MOST, Kind, Parameter, UseCase

DAYS = 14  # that an invitation is good for, where nobody says how many
_WHO: Final = (
    Parameter("provider", "Who they are at this provider, by its name in the configuration; with `subject`."),
    Parameter("subject", "Their id there, exactly as the provider says it."),
    Parameter("email", "Whoever proves this address, by any provider. Case is folded, ASCII only."),
    Parameter("phone", "Whoever proves this number, by any provider: `+`, country, number."),
)

INVITATIONS: Final = (
    UseCase(
        "invite.add",
        "Invite somebody, by one thing that a provider proves of them: they get an account at their first sign-in,"
        " where `sign_up` is `invited`. Counts once. Who it was is kept as a digest alone.",
        writes=True,
        own=(
            *_WHO,
            Parameter("days", f"For how many days it is good: 1 to {MOST}, and {DAYS} if it is not said.", Kind.NUMBER),
        ),
    ),
    UseCase(
        "invite.list",
        "List the invitations that nobody used yet; of whom they are for, by what kind of name they go.",
        writes=False,
        own=(LIMIT, AFTER),
    ),
    UseCase(
        "invite.remove",
        "Take an invitation back, by its id or by who it is for.",
        writes=True,
        own=(Parameter("invite", "Its id, as `invite list` has it."), *_WHO),
    ),
)
