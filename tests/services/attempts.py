"""Answers to login attempts, and what it means that one gets nowhere."""

from __future__ import annotations

import pytest

from broker.core.errors import BrokerError
from broker.core.events import Event
from broker.services.login.outcomes import Begun, Callback
from broker.upstream.model import Flow
from tests.services.bare_broker import World


def back(world: World, begun: Begun, flow: Flow, *, name: str = "alpha", sealed: str | None = None) -> Callback:
    """The upstream's good answer, in the browser that began."""
    kept = begun.sealed if sealed is None else sealed
    return world.callback(name, {"state": flow.state, "code": "u"}, kept)


def asked(world: World) -> int:
    """How often any upstream was asked to finish."""
    return sum(len(upstream.asked) for upstream in world.upstreams.values())


async def refused(world: World, callback: Callback, failure: type[BrokerError]) -> None:
    """It fails before any upstream is asked, and nobody is logged in."""
    before = asked(world)
    with pytest.raises(failure):
        await world.finish(callback)
    assert asked(world) == before
    assert world.notes.count(Event.LOGIN_SUCCEEDED) == 0
    assert world.notes.count(Event.ACCOUNT_CREATED) == 0
