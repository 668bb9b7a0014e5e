"""Providers as they were before the configuration changed: kept for logins under way, and for nothing else."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest

from broker.core.errors import FlowGone
from broker.services.login.earlier import KEPT, Earlier
from broker.services.providers import ProviderInstance
from tests.services.bare_broker import Clock
from tests.services.upstreams import Upstream


def instance(mark: str, *, name: str = "alpha", key: str = "k1", gone: list[str] | None = None) -> ProviderInstance:
    """One of these settings; `gone` notes when it is let go."""
    made = ProviderInstance.of(name, "upstream", key, Upstream(None, None))
    return replace(made, mark=mark, let_go=lambda: (gone if gone is not None else []).append(mark))


def test_whoever_left_by_the_settings_before_comes_back_to_them_as_long_as_a_login_may_take() -> None:
    clock, gone = Clock(), list[str]()
    earlier, before, after = Earlier(clock), instance("m1", gone=gone), instance("m2")
    earlier.turn([before], [after], ttl=600)
    assert earlier.as_it_was(after, "m1") is before
    assert earlier.as_it_was(after, "m2") is earlier.as_it_was(after, "") is earlier.as_it_was(after, "m0") is after
    clock.now += 600
    assert earlier.as_it_was(after, "m1") is after
    assert gone == []
    earlier.turn([after], [after], ttl=600)
    assert gone == ["m1"]


def test_settings_that_come_back_are_those_in_force() -> None:
    earlier, one, two = Earlier(Clock()), instance("m1"), instance("m2")
    earlier.turn([one], [two], ttl=600)
    again = instance("m1")
    earlier.turn([two], [again], ttl=600)
    assert earlier.as_it_was(again, "m1") is again
    assert earlier.as_it_was(again, "m2") is two


def test_b9_one_that_was_taken_out_is_kept_for_nobody() -> None:
    gone = list[str]()
    earlier, before, after = Earlier(Clock()), instance("m1", gone=gone), instance("m2")
    earlier.turn([before], [after], ttl=600)
    earlier.turn([after], [instance("b1", name="beta")], ttl=600)
    assert gone == ["m1"]
    assert earlier.as_it_was(back := instance("m3"), "m1") is back


def test_only_the_newest_settings_of_a_provider_are_kept() -> None:
    gone = list[str]()
    earlier, made = Earlier(Clock()), [instance(f"m{number}", gone=gone) for number in range(KEPT + 3)]
    other, changed = instance("b1", name="beta"), instance("b2", name="beta")
    earlier.turn([made[0], other], [made[1], changed], ttl=600)
    for before, after in pairwise(made[1:]):
        earlier.turn([before, changed], [after, changed], ttl=600)
    assert gone == ["m0", "m1"]
    assert earlier.as_it_was(made[-1], "m2") is made[2]
    assert earlier.as_it_was(changed, "b1") is other


def test_nobody_comes_back_as_somebody_of_another_service() -> None:
    earlier, after = Earlier(Clock()), instance("m2", key="k2")
    earlier.turn([instance("m1", key="k1")], [after], ttl=600)
    with pytest.raises(FlowGone):
        earlier.as_it_was(after, "m1")
