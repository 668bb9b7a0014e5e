"""What a rule about clients says of one that breaks it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from broker.core.clients.client import Client


@dataclass(frozen=True, slots=True)
class Broken:
    """A rule that does not hold. `setting` has the name it has in `config.yaml`; "" is the client as a whole.

    Where the setting is a list, `item` is the one that is wrong. `within` is the way to a value deeper in it.
    """

    setting: str
    text: str
    item: str = ""
    within: tuple[str | int, ...] = ()


Rule = Callable[[Client], Iterator[Broken]]
