"""config.yaml to `Config`, or every problem at once.

Two phases: the text becomes values with places (`source`), then values become models (`model`, each provider's own
settings) and are checked against each other (`check`). Nothing else reads the file, the environment is read only
through `${...}`, and what `load` returns can be served.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from broker.config.check import check_everything
from broker.config.demo_values import is_demo_secret
from broker.config.model import Config, Sqlite
from broker.config.report import Report
from broker.config.shape import Shape
from broker.config.source import Document, KeyPath, Raw, parse, read_text
from broker.config.substitute import Origin, SourceKind, Substitution
from broker.config.validate import Resolve, find_disabled, resolve_settings, validate

__all__ = ["Loaded", "Resolve", "load", "load_database_path", "load_text", "load_with_origins"]


@dataclass(frozen=True, slots=True)
class Loaded:
    """A configuration together with where each of its values came from, and what is unwise about it."""

    config: Config
    document: Document
    origins: Mapping[KeyPath, tuple[Origin, ...]]
    shape: Shape
    warnings: tuple[str, ...]


def load(path: str | Path, resolve: Resolve) -> Config:
    """The configuration in the file; raises ConfigError with every problem found.

    `resolve` gives the settings class of a provider type and raises LookupError, with a sentence for the operator, for
    a type that is not installed.
    """
    return load_with_origins(path, resolve).config


def load_with_origins(path: str | Path, resolve: Resolve, *, environ: Mapping[str, str] = os.environ) -> Loaded:
    """As `load`, with the warnings and the origin of every value."""
    file = Path(path)
    return load_text(read_text(file), str(path), resolve, environ=environ, base=file.absolute().parent)


def load_text(text: str, name: str, resolve: Resolve, *, environ: Mapping[str, str], base: Path) -> Loaded:
    """As `load_with_origins`, from text; `name` stands in messages, relative paths begin at `base`."""
    document = parse(text, name)
    report = Report(document)
    filling = _Filling(Substitution(environ, base))
    data = {key: filling.fill((key,), value) for key, value in document.data.items()}
    disabled: frozenset[KeyPath] = frozenset(("providers", name) for name in find_disabled(data))
    _report_unfilled(filling, report, lambda path: path[:2] not in disabled)
    # A value that could not be had is no wrong value: one mistake, one line.
    heard, report = report, report.without([path for path, _ in filling.problems])
    shape = Shape(resolve_settings(data, resolve, report))
    report.is_public = shape.is_public
    _guard_secrets(data, filling.origins, shape, report.without(disabled))
    validated = validate(data, shape, report, base)
    if validated is not None:
        check_everything(validated.config, report.without(validated.stand_ins))
    # What is switched off may wait for its secrets, but not for what makes it a provider at all.
    unusable = validated.stand_ins if validated is not None else disabled
    unusable -= {finding.path[:2] for finding in heard.problems}
    _report_unfilled(filling, heard, lambda path: path[:2] in disabled and path[:2] in unusable)
    report.raise_problems()
    if validated is None or validated.stand_ins:
        raise AssertionError("a part was replaced although no problem was reported")
    return Loaded(validated.config, document, filling.origins, shape, tuple(report.lines(report.warnings)))


def load_database_path(path: str | Path, *, environ: Mapping[str, str] = os.environ) -> str:
    """Where the file says that the database is, whatever is wrong with the rest; raises ConfigError for no YAML.

    For commands that ask the running server about a file which may be no good.
    """
    file = Path(path)
    document = parse(read_text(file), str(path))
    storage = document.data.get("storage")
    inner = storage.get("sqlite") if isinstance(storage, dict) else None
    value = inner.get("path") if isinstance(inner, dict) else None
    base = file.absolute().parent
    text = Substitution(environ, base).fill(value).text if isinstance(value, str) else ""
    chosen: str = Sqlite.model_validate(
        {"path": text or Sqlite.model_fields["path"].default}, context={"base": base}
    ).path
    return chosen


def _report_unfilled(filling: _Filling, report: Report, concerns: Callable[[KeyPath], bool]) -> None:
    for path, problem in filling.problems:
        if concerns(path):
            report.problem(path, problem)


@dataclass(frozen=True, slots=True)
class _Filling:
    """Substitutes in every text below a value, noting where each came from."""

    substitution: Substitution
    problems: list[tuple[KeyPath, str]] = field(default_factory=list)
    origins: dict[KeyPath, tuple[Origin, ...]] = field(default_factory=dict)

    def fill(self, path: KeyPath, value: Raw) -> Raw:
        if isinstance(value, dict):
            return {key: self.fill((*path, key), inner) for key, inner in value.items()}
        if isinstance(value, list):
            return [self.fill((*path, index), inner) for index, inner in enumerate(value)]
        return value if value is None else self._text(path, value)

    def _text(self, path: KeyPath, value: str) -> str:
        filled = self.substitution.fill(value)
        self.problems.extend((path, problem) for problem in filled.problems)
        if filled.origins:
            self.origins[path] = filled.origins
        return filled.text


def _guard_secrets(
    data: Mapping[str, Raw], origins: Mapping[KeyPath, tuple[Origin, ...]], shape: Shape, report: Report
) -> None:
    """Keep secrets out of messages; refuse files that everybody reads; warn of secrets in the file itself."""
    for path, value in _texts((), dict(data)):
        sources = origins.get(path, ())
        if shape.is_secret(path):
            report.keep_secret(value)
            _guard_secret(path, value, sources, report)
        elif any(origin.kind in {SourceKind.FILE, SourceKind.CREDENTIAL} for origin in sources):
            report.keep_secret(value)


def _guard_secret(path: KeyPath, value: str, sources: tuple[Origin, ...], report: Report) -> None:
    for origin in sources:
        if origin.exposed:
            text = f"every user of this machine can read {origin.name}: chmod 0400 it (Kubernetes: defaultMode: 0400)"
            report.problem(path, text)
    if not is_demo_secret(value) and all(origin.kind is SourceKind.LITERAL for origin in sources):
        report.warn(path, "a secret stands in the file itself: use ${env:NAME}, ${file:/path} or ${credential:name}")


def _texts(path: KeyPath, value: Raw) -> list[tuple[KeyPath, str]]:
    if isinstance(value, str):
        return [(path, value)]
    inner: list[tuple[str | int, Raw]] = []
    if isinstance(value, dict):
        inner = list(value.items())
    elif isinstance(value, list):
        inner = list(enumerate(value))
    return [found for step, item in inner for found in _texts((*path, step), item)]
