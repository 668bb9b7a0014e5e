"""What docs/how-to/whose-id.md shows, executed: the commands of the page against a broker, word by word."""

from __future__ import annotations

import asyncio
import json
import os
import re
import subprocess
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from broker.demo.background import RunningBroker
from broker.testing import running_broker
from tests.services.merged_accounts import absorb

PAGES = Path(__file__).parents[2] / "docs/how-to"
BLOCK = re.compile(r"^```(sh|json)\n(.*?)^```", re.MULTILINE | re.DOTALL)
pytestmark = pytest.mark.interop  # the commands are curl's


def shown(page: str) -> list[tuple[str, dict[str, Any]]]:
    """Each command of a page with the answer below it."""
    blocks = BLOCK.findall((PAGES / page).read_text(encoding="utf-8"))
    pairs = list(zip(blocks[::2], blocks[1::2], strict=True))
    assert all((command[0], answer[0]) == ("sh", "json") for command, answer in pairs), page
    return [(command[1], json.loads(answer[1])) for command, answer in pairs]


def run(command: str, variables: Mapping[str, str]) -> dict[str, Any]:
    """What a shell prints."""
    environ = {**os.environ, "NO_PROXY": "*", **variables}
    done = subprocess.run(["bash", "-euo", "pipefail", "-c", command], env=environ, capture_output=True, check=True)
    printed: dict[str, Any] = json.loads(done.stdout)
    return printed


@pytest.fixture(scope="module")
def broker() -> Iterator[RunningBroker]:
    with running_broker() as running:
        yield running


def test_whose_vk_id_is_this(broker: RunningBroker) -> None:
    sub = broker.login("vk", "ada").claims["sub"]
    merge = absorb(broker.durable, sub, "who-she-was")
    asyncio.run_coroutine_threadsafe(merge, broker.loop).result(timeout=30)
    client = broker.client()
    variables = {"ISSUER": broker.issuer, "CLIENT_ID": client.client_id, "CLIENT_SECRET": client.client_secret}
    (ask, _), (ask_nobody, nobody), (follow, _) = shown("whose-id.md")
    assert run(ask, variables) == {"sub": sub}
    assert run(ask_nobody, variables) == nobody
    assert run(follow, variables | {"SUB_IN_OUR_DATABASE": "who-she-was"}) == {"sub": sub}
