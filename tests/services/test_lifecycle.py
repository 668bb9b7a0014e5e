"""Whatever people, apps and operators do in whatever order: one model of a page and a half says what is alive."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis.stateful import run_state_machine_as_test

from broker.core.terms import TokenFormat
from tests.services.lifecycle_machine import Lifecycle
from tests.services.lifecycle_stage import Stage

SHARDS, EXAMPLES = 16, 625
RULES = settings(
    max_examples=EXAMPLES,
    stateful_step_count=12,
    database=None,
    phases=(Phase.generate, Phase.shrink),
    suppress_health_check=list(HealthCheck),
)

REACHED = {
    *("log in: done", "log in: refused", "answer: done", "answer: refused", "come again to nothing"),
    *("redeem good: done", "redeem good: refused", "redeem client: refused", "redeem code_verifier: refused"),
    *("redeem redirect_uri: refused", "replay: refused"),
    *("refresh good: done", "refresh good: refused", "refresh client: refused", "refresh scope: refused"),
    *("reuse: done", "reuse: refused", "revoke own", "revoke foreign"),
    *("log out", "log out of nothing", "log out upstream: done", "log out upstream: refused"),
    *("step Answer", "step Ask", "step ConsentRequired"),
}
"""What every shard must have come to; else it looked at nothing."""


@pytest.mark.parametrize("shard", range(SHARDS))
def test_in_ten_thousand_histories_the_dead_are_refused_and_the_living_work(shard: int) -> None:
    stage = Stage(TokenFormat.JWT if shard == 0 else TokenFormat.OPAQUE)

    @seed(shard)
    class History(Lifecycle):
        def __init__(self) -> None:
            super().__init__(stage)

    try:
        run_state_machine_as_test(History, settings=RULES)
    finally:
        stage.close()
    assert stage.examples >= EXAMPLES
    assert REACHED - stage.seen.keys() == set()
