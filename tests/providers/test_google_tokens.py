"""What of Google's ID tokens is believed: how somebody proved who they are, and how far clocks may be apart."""

from __future__ import annotations

from typing import Any

import pytest

from broker.core.errors import UpstreamInvalid
from broker.testing.bench import NOW
from broker.testing.raw_server import json_of
from tests.providers.cases import load_cases

pytestmark = pytest.mark.anyio


@pytest.mark.parametrize(
    ("said", "amr"),
    [
        (None, ("fed",)),
        (["pwd", "mfa"], ("fed", "pwd", "mfa")),
        (["pwd", 1, []], ("fed", "pwd")),
        ("mfa", ("fed",)),
        (5, ("fed",)),
    ],
)
async def test_what_is_no_list_of_methods_is_left_out(said: Any, amr: tuple[str, ...]) -> None:
    (case,) = load_cases("google")
    async with case.on_bench() as bench:
        tokens = case.filled(case.data["answers"]["/token"]) | {"id_token": case.id_token(amr=said)}
        bench.server.answers["/token"] = json_of(tokens)
        assert (await bench.finish()).amr == amr


@pytest.mark.parametrize(("ahead", "accepted"), [(60, True), (61, False), (-60, True), (-61, False)])
async def test_e12_clocks_may_be_a_minute_apart(ahead: int, accepted: bool) -> None:
    (case,) = load_cases("google")
    async with case.on_bench() as bench:
        times = {"iat": NOW + ahead} if ahead > 0 else {"exp": NOW + ahead + 1, "iat": NOW}
        tokens = case.filled(case.data["answers"]["/token"]) | {"id_token": case.id_token(**times)}
        bench.server.answers["/token"] = json_of(tokens)
        if accepted:
            assert await bench.finish()
        else:
            with pytest.raises(UpstreamInvalid):
                await bench.finish()
