"""Figures of the source tree, without running it: sizes, lonely modules, wide protocols, and how far features reach."""

from __future__ import annotations

import ast
import io
import re
import tokenize
from collections.abc import Iterator, Mapping
from pathlib import Path
from statistics import median

_FEATURES = {
    "logout": re.compile(r"logout|logged_out|backchannel|frontchannel", re.IGNORECASE),
    "devices": re.compile(r"device|user_code", re.IGNORECASE),
    "upstream sessions": re.compile(r"upstream_?(sid|session|logout|refresh|id_token)|kept_?login", re.IGNORECASE),
}
"""A file speaks of a feature when one of its identifiers, or its path, does; texts and comments do not count."""


def print_house(root: Path) -> None:
    """Print the figures of `broker/` and `providers/` under `root`."""
    texts = {str(path.relative_to(root)): path.read_text() for path in sorted(_sources(root))}
    trees = {path: ast.parse(text) for path, text in texts.items()}
    lines = [text.count("\n") for text in texts.values()]
    print(f"\n{sum(lines)} lines in {len(lines)} files, median {median(lines):g}; {_small(lines)} under 32 lines")
    print(f"{_lonely(trees)} modules with one importer")
    for width, name in sorted(_protocols(trees), reverse=True)[:3]:
        print(f"protocol with {width} methods: {name}")
    for feature, words in _FEATURES.items():
        found = {path for path, text in texts.items() if words.search(path) or any(map(words.search, _names(text)))}
        print(f"{feature}: {len({path.rpartition('/')[0] for path in found})} folders, {len(found)} files")


def _sources(root: Path) -> Iterator[Path]:
    for folder in ("broker", "providers"):
        yield from (root / folder).rglob("*.py")


def _small(lines: list[int]) -> int:
    return sum(number < 32 for number in lines)


def _lonely(trees: Mapping[str, ast.Module]) -> int:
    """Modules that one other module of the product imports; packages' `__init__` do not count."""
    modules = {path[:-3].replace("/", "."): path for path in trees if not path.endswith("__init__.py")}
    importers: dict[str, set[str]] = {name: set() for name in modules}
    for path, tree in trees.items():
        for node in ast.walk(tree):
            for name in _imported(node):
                if name in importers and modules[name] != path:
                    importers[name].add(path)
    return sum(len(found) == 1 for found in importers.values())


def _imported(node: ast.AST) -> Iterator[str]:
    if isinstance(node, ast.Import):
        yield from (alias.name for alias in node.names)
    elif isinstance(node, ast.ImportFrom):
        yield node.module or ""
        yield from (f"{node.module}.{alias.name}" for alias in node.names)


def _protocols(trees: Mapping[str, ast.Module]) -> Iterator[tuple[int, str]]:
    """Every protocol with the number of its methods, inherited ones too."""
    classes = {node.name: node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)}
    for name, node in classes.items():
        if "Protocol" in set(map(_base, node.bases)):
            yield len(_methods(node, classes)), name


def _base(node: ast.expr) -> str:
    return ast.unparse(node).partition("[")[0].rpartition(".")[2]


def _methods(node: ast.ClassDef, classes: Mapping[str, ast.ClassDef]) -> set[str]:
    own = {one.name for one in node.body if isinstance(one, ast.FunctionDef | ast.AsyncFunctionDef)}
    bases = [classes[name] for name in map(_base, node.bases) if name in classes]
    return own.union(*(_methods(base, classes) for base in bases))


def _names(text: str) -> Iterator[str]:
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type == tokenize.NAME:
            yield token.string
