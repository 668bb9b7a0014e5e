"""docs/reference/emulators.md says what there is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from broker.demo.emulation import PORTS
from broker.demo.faults import FAULTS, TRANSPORT
from broker.demo.people import PEOPLE
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
    faults = PAGE.partition("## Faults")[2].partition("\n## ")[0]
    described = re.findall(r"^\| `(\w+)` \|", faults, re.MULTILINE)
    assert sorted(described) == sorted(FAULTS)


def test_every_person_port_and_order_is_described() -> None:
    assert all(f"| `{person.key}` |" in PAGE for person in PEOPLE)
    assert all(f"http://127.0.0.1:{port}" in PAGE for kind, port in PORTS.items())
    further = ("claims", "kit", "logout", "login_url", "messages", "block", "say", "public_key")
    for order in ("people", "choose", "faults", "answers", "log", "clear", *further):
        assert f" /_emulator/{order}`" in PAGE


def test_every_emulator_says_what_its_rules_rest_on() -> None:
    told = PAGE.partition("## What the rules rest on")[2].partition("\n## ")[0]
    table = [row for row in told.splitlines() if row.startswith("| ")][1:]
    rows = [re.fullmatch(r"\| (\w+) \| (documented|measured|guessed) \| (.+) \|", row) for row in table]
    assert all(rows), table
    assert {row[1] for row in rows if row} == EMULATORS.keys()
