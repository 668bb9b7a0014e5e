"""Snippets that our documentation tells people to copy, filled in as they do."""

from __future__ import annotations

from collections.abc import Mapping

from broker.cli.snippets import blocks_of


def documented(heading: str, *, number: int = 0, own: Mapping[str, str]) -> str:
    """The code block `number` under a heading, with one's `own` values in place of the examples."""
    snippet = blocks_of(heading)[number]
    for example, real in own.items():
        assert example in snippet, f"{heading}: no {example}"
        snippet = snippet.replace(example, real)
    return snippet
