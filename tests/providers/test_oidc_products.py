"""The products that we say `type: oidc` works with: each by a token of its own shape, none by its name alone."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from broker.testing.bench import Case
from tests.providers.cases import FIXTURES

pytestmark = pytest.mark.anyio

ROOT = Path(__file__).parents[2]
PRODUCTS: dict[str, Any] = json.loads((FIXTURES / "oidc_products.json").read_text(encoding="utf-8"))


def case_of(product: str) -> Case:
    """Its settings, answers and token."""
    return Case("oidc", product, PRODUCTS[product])


@pytest.mark.parametrize("product", PRODUCTS)
async def test_a_person_of_this_product_signs_in(product: str) -> None:
    expected = PRODUCTS[product]["expected"]
    async with case_of(product).on_bench() as bench:
        identity = await bench.finish()
    assert identity.subject == expected["subject"]
    assert dict(identity.claims) == expected["claims"]
    assert (list(identity.amr), identity.acr) == (expected["amr"], expected["acr"])


@pytest.mark.parametrize(
    ("page", "line"),
    [
        ("README.md", r"^\| \[Any OpenID Provider\].*\| ([^|]*) by issuer URL \|$"),
        ("README.ru.md", r"^\| \[Любой OpenID Provider\].*\| ([^|]*) по адресу издателя \|$"),
        ("docs/providers/oidc.md", r"^OpenID Connect by discovery: (.*)\.$"),
        ("config.yaml", r"# Any OpenID Provider with a discovery document: (.*)\.$"),
        ("CHANGELOG.md", r"with a discovery document \(`type: oidc`\): (.*)\.$"),
    ],
)
def test_no_product_is_named_without_a_token_of_its_own(page: str, line: str) -> None:
    found = re.search(line, (ROOT / page).read_text(encoding="utf-8"), re.MULTILINE)
    assert found, f"{page} has no such line any more"
    named = re.findall(r"\b[A-Za-z]+\b", found[1])
    words = {"and", "another", "broker", "others"}
    assert set(named) - words <= PRODUCTS.keys()
    assert named
