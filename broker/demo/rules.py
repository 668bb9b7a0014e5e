"""What a rule of an emulated upstream rests on: it is a claim about a service, and this says how good."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import partial
from typing import Final


class Basis(StrEnum):
    """How we know."""

    DOCUMENTED = "documented"
    MEASURED = "measured"
    GUESSED = "guessed"


BASES: Final[Mapping[Basis, str]] = {
    Basis.DOCUMENTED: "its documentation or SDK says so",
    Basis.MEASURED: "seen at the live service, by us or by a project that wrote it down",
    Basis.GUESSED: "nobody says so, and the emulator has to do something; do not rely on it",
}


@dataclass(frozen=True, slots=True)
class Rule:
    """One thing that an emulator does as its service does, in a phrase of Markdown."""

    basis: Basis
    text: str


documented = partial(Rule, Basis.DOCUMENTED)
measured = partial(Rule, Basis.MEASURED)
guessed = partial(Rule, Basis.GUESSED)
