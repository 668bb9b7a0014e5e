"""docs/reference/emulators.md says what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from broker.demo.faults import FAULTS, TRANSPORT
from broker.demo.people import PEOPLE
from broker.demo.run import PORTS
from broker.demo.upstreams import EMULATORS

PAGE = (Path(__file__).parents[2] / "docs/reference/emulators.md").read_text()


def where(fault: str) -> str:
    knowing = [kind for kind, emulator in EMULATORS.items() if fault in (*emulator.faults_known, *TRANSPORT)]
    return "all" if len(knowing) == len(EMULATORS) else ", ".join(knowing)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_described_and_some_upstream_knows_it(fault: str) -> None:
    assert where(fault)
    assert f"| `{fault}` | {FAULTS[fault][0]} | {where(fault)} |" in PAGE


def test_no_fault_is_described_that_does_not_exist() -> None:
    described = re.findall(r"^\| `(\w+)` \|", PAGE.partition("## Faults")[2], re.MULTILINE)
    assert sorted(described) == sorted(FAULTS)


def test_every_person_port_and_order_is_described() -> None:
    assert all(f"| `{person.key}` |" in PAGE for person in PEOPLE)
    assert all(f"http://127.0.0.1:{port}" in PAGE for kind, port in PORTS.items())
    for order in ("people", "choose", "faults", "answers", "log", "clear", "logout", "login_url", "public_key"):
        assert f" /_emulator/{order}`" in PAGE
