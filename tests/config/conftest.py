"""Ways to read variations of a small configuration."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from broker.config.load import Loaded, load_text
from broker.core.errors import ConfigError
from tests.config.minimal import Read, resolve


@pytest.fixture
def read(tmp_path: Path) -> Read:
    """Reads a text as config.yaml in an empty directory, with the environment given and no other."""

    def _read(text: str, environ: Mapping[str, str] | None = None) -> Loaded:
        return load_text(text, "config.yaml", resolve, environ=environ or {}, base=tmp_path)

    return _read


@pytest.fixture
def problems(read: Read) -> Callable[..., list[str]]:
    """The problems of a text; none when it is a good configuration."""

    def _problems(text: str, environ: Mapping[str, str] | None = None) -> list[str]:
        try:
            read(text, environ)
        except ConfigError as error:
            return error.problems
        return []

    return _problems
