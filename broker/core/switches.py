"""What an operator has switched off while the broker runs: a provider or a client, since when, why, and who did."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

MAX_WHY = 200  # characters


class Switchable(StrEnum):
    """What can be switched off, by the name it has in the configuration or in the store."""

    PROVIDER = "provider"
    CLIENT = "client"


@dataclass(frozen=True, slots=True)
class Switch:
    """One that is off. `since` in epoch seconds. `why` and `by` are the operator's words, for operators alone."""

    kind: Switchable
    name: str
    since: int
    why: str
    by: str


def parse_why(text: str) -> str:
    """A reason worth keeping: one line of 1 to 200 characters; raises ValueError."""
    why = text.strip()
    if not why or len(why) > MAX_WHY or not why.isprintable():
        raise ValueError(f"why it is done has to be said, in one line of {MAX_WHY} characters at most")
    return why
