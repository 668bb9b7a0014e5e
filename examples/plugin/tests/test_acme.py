"""Acme by the rules that every provider keeps, and what is Acme's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from broker import upstream as sdk
from broker.testing.bench import FLOW, Case
from broker.testing.provider_contract import ProviderRules, load_cases, refused

pytestmark = pytest.mark.anyio
CASES = load_cases("acme", Path(__file__).parent)


@pytest.fixture
def anyio_backend() -> str:
    """The event loop that the broker runs on."""
    return "asyncio"


@pytest.mark.parametrize("case", CASES, ids=str)
class TestAcme(ProviderRules):
    """Every rule, over every variant in acme.json."""


async def test_a_token_of_another_app_lets_nobody_in() -> None:
    async with CASES[0].with_changes({"answers /me client_id": "another-app"}).on_bench() as bench:
        assert isinstance(await refused(bench), sdk.UpstreamInvalid)


async def test_what_comes_is_explained_in_the_visitors_language() -> None:
    explained: Case = CASES[1]
    async with explained.on_bench() as bench:
        step = await bench.provider.begin(FLOW)
    assert isinstance(step, sdk.Widget)
    assert step.context["button"] == "Continue to Acme"
