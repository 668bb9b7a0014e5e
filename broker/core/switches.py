"""What an operator has switched off while the broker runs: a provider or a client, since when, why, and who did."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


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
