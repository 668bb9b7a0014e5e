"""Every built-in type, in every variant of its fixture, keeps the rules all providers keep."""

from __future__ import annotations

import pytest

from broker.demo.upstreams import EMULATORS
from broker.testing.provider_contract import ProviderRules
from providers import BUILTIN
from tests.providers.cases import FIXTURES, load_cases

pytestmark = pytest.mark.anyio

FOUND = sorted(kind for kind in BUILTIN if (FIXTURES / f"{kind}.json").is_file())
CASES = [case for kind in FOUND for case in load_cases(kind)]


@pytest.mark.parametrize("kind", sorted(BUILTIN))
def test_every_built_in_type_has_a_fixture_and_an_emulator(kind: str) -> None:
    assert kind in FOUND, f"write tests/fixtures/{kind}.json; tests/fixtures/README.md says what it holds"
    assert kind in EMULATORS, f"write broker/demo/upstreams/{kind}.py"


@pytest.mark.parametrize("case", CASES, ids=str)
class TestProviders(ProviderRules):
    """The rules, over all of them."""
