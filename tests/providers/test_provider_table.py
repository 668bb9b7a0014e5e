"""docs/reference/providers.md is what the code says today."""

from __future__ import annotations

import pytest

from providers import BUILTIN
from tests.providers.provider_table import PAGE, build_page


def test_the_table_of_types_is_that_of_the_code() -> None:
    assert PAGE.read_text(encoding="utf-8") == build_page(), "run `python -m tests.providers.provider_table`"


@pytest.mark.parametrize("kind", sorted(BUILTIN))
def test_every_type_has_a_row_and_a_page(kind: str) -> None:
    assert f"| [`{kind}`](" in build_page()
