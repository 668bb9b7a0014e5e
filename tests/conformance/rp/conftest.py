"""What every module for relying parties starts from."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.conformance.rp.upstream_op import RelyingBroker, relying_broker


@pytest.fixture
def response_mode() -> str:
    """How authorization responses come back; a plan of another mode overrides it."""
    return "query"


@pytest.fixture
def settings() -> dict[str, object]:
    """What else the provider is configured with; a plan that needs more overrides it."""
    return {}


@pytest.fixture
def rp(response_mode: str, settings: dict[str, object]) -> Iterator[RelyingBroker]:
    """The broker under test."""
    with relying_broker(response_mode, settings) as started:
        yield started
