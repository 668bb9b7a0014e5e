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


@pytest.mark.parametrize(
    ("kind", "kept", "logout"), [("oidc", "yes", "yes"), ("gitlab", "yes", "–"), ("slack", "–", "–")]
)
def test_what_a_preset_refuses_or_its_service_lacks_is_not_promised(kind: str, kept: str, logout: str) -> None:
    head, row = (
        next(line for line in build_page().splitlines() if line.startswith(text)) for text in ("| Type", f"| [`{kind}`")
    )
    cells = dict(zip(head.split(" | "), row.split(" | "), strict=True))
    assert (cells["Tokens"], cells["Logout"]) == (kept, logout)
