"""Providers as they were before the configuration changed, for the logins that set out by them (ADR 74).

What an upstream gave to one client id and secret it does not exchange for another, so whoever was there while an
operator changed them comes back to the settings they left by. Everything else about their login is asked of today's
configuration: whether the provider and the client are there at all, where answers may go, what anybody may do.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable

from broker.core.errors import FlowGone
from broker.services.providers import ProviderInstance

KEPT = 8  # settings of one provider; more changes than that within a login attempt's lifetime are somebody's loop


class Earlier:
    """Instances by name and mark, each for as long as a login attempt may take."""

    def __init__(self, clock: Callable[[], float]) -> None:
        """`clock` gives epoch seconds."""
        self._clock = clock
        self._kept: dict[tuple[str, str], tuple[float, ProviderInstance]] = {}

    def as_it_was(self, instance: ProviderInstance, mark: str) -> ProviderInstance:
        """The instance with the settings of this mark; today's when nobody here knows them, as after a restart.

        Raises FlowGone when its name stands for other people since: theirs is not the account that would be found.
        """
        until, earlier = self._kept.get((instance.name, mark), (0.0, instance))
        if mark in {"", instance.mark} or until <= self._clock():
            return instance
        if earlier.key != instance.key:
            raise FlowGone(f"{instance.name} is another service since this login set out")
        return earlier

    def turn(self, before: Iterable[ProviderInstance], after: Iterable[ProviderInstance], *, ttl: int) -> None:
        """`after` are in force now. What `before` had otherwise is kept for `ttl` seconds, unless its name is gone.

        A provider that was taken out or disabled may have been so because it is not to be trusted: it is kept for
        nobody.
        """
        now, living = self._clock(), {(one.name, one.mark) for one in after}
        names = {name for name, _ in living}
        for one in before:
            if (one.name, one.mark) not in living:
                self._kept.pop((one.name, one.mark), None)  # the newest change last
                self._kept[one.name, one.mark] = now + ttl, one
        for key, (until, one) in list(self._kept.items()):
            crowded = sum(name == one.name for name, _ in self._kept) > KEPT
            if crowded or until <= now or key in living or one.name not in names:
                del self._kept[key]
                one.let_go()
