"""What services answer in other projects' own tests: read from their source releases as text, and never run.

The releases are pinned by hash in `.ci/recorded.txt` and lie in `.tools/recorded`; nothing of them is kept here.
"""

from __future__ import annotations

import ast
import json
import tarfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, Final

import pytest

RELEASES: Final = Path(__file__).parents[2] / ".tools" / "recorded"
PLACES: Final = {
    "allauth": ("django_allauth", "tests/apps/socialaccount/providers/{}/tests.py"),
    "social": ("social_auth_core", "social_core/tests/backends/test_{}.py"),
}
"""Project -> its release, and where in it the tests of one service are."""


@cache
def answers_of(project: str, service: str) -> dict[str, tuple[Any, ...]]:
    """By class of their tests: the JSON objects and lists that it has or makes, in the order of its text."""
    release, place = PLACES[project]
    archive = next(RELEASES.glob(f"{release}-*.tar.gz"), None)
    if archive is None:
        pytest.fail("missing: make .tools/recorded/.complete", pytrace=False)
    with tarfile.open(archive) as inside:
        file = inside.extractfile(f"{archive.name.removesuffix('.tar.gz')}/{place.format(service)}")
        assert file is not None
        tree = ast.parse(file.read())
    return {one.name: tuple(_of_class(one)) for one in tree.body if isinstance(one, ast.ClassDef)}


def _of_class(one: ast.ClassDef) -> Iterator[Any]:
    for node in one.body:
        if _holds(node):
            yield from _documents(node)


def _holds(node: ast.stmt) -> bool:
    """Whether it is for the whole class: single tests change it in ways of their own."""
    if isinstance(node, ast.FunctionDef):
        return node.name.startswith("get_")
    return isinstance(node, (ast.Assign, ast.AnnAssign))


def _documents(node: ast.AST) -> Iterator[Any]:
    value = _value(node)
    if value:
        yield value
        return
    for child in ast.iter_child_nodes(node):
        yield from _documents(child)


def _value(node: ast.AST) -> Any:
    """An object or list that stands there as Python or as JSON; None for anything else."""
    try:
        if isinstance(node, ast.Dict):
            return ast.literal_eval(node)
        text = node.value if isinstance(node, ast.Constant) else None
        value = json.loads(text) if isinstance(text, str) else None
    except ValueError:
        return None
    return value if isinstance(value, (dict, list)) else None
