"""Every built-in type, in every variant of its fixture, keeps the rules all providers keep."""

from __future__ import annotations

import pytest
from contract.bench import load_cases
from contract.provider import ProviderRules

from providers import BUILTIN

pytestmark = pytest.mark.anyio

CASES = [case for kind in sorted(BUILTIN) for case in load_cases(kind)]


@pytest.mark.parametrize("case", CASES, ids=str)
class TestProviders(ProviderRules):
    """The rules, over all of them."""
