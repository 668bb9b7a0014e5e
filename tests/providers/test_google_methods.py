"""How Google says somebody proved who they are: passed on where it is a list of words, and otherwise not looked at."""

from __future__ import annotations

from typing import Any

import pytest

from tests.contract.bench import load_cases
from tests.contract.raw_server import json_of

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
