"""Every built-in type, in every variant of its fixture, keeps the rules all providers keep."""

from __future__ import annotations

import pytest

from providers import BUILTIN
from tests.contract.bench import load_cases
from tests.contract.provider import ProviderRules

pytestmark = pytest.mark.anyio

CASES = [case for kind in sorted(BUILTIN) for case in load_cases(kind)]


@pytest.mark.parametrize("case", CASES, ids=str)
class TestProviders(ProviderRules):
    """The rules, over all of them."""
