"""Snippets that our documentation tells people to copy, filled in as they do."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Final

_PAGE: Final = Path(__file__).parents[2] / "docs" / "how-to" / "integrate.md"


def documented(heading: str, *, number: int = 0, own: Mapping[str, str]) -> str:
    """The code block `number` under a heading, with one's `own` values in place of the examples."""
    text = _PAGE.read_text(encoding="utf-8").partition(f"\n{heading}\n")[2]
    section = text.partition("\n## ")[0].partition("\n### ")[0]
    snippet = section.split("```")[2 * number + 1].partition("\n")[2]
    for example, real in own.items():
        assert example in snippet, f"{heading}: no {example}"
        snippet = snippet.replace(example, real)
    return snippet
