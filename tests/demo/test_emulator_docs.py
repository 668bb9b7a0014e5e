"""What is emulated is written by the code; docs/how-to/test-your-sign-in.md says how to use it."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from broker.demo.emulation import PORTS
from broker.demo.faults import FAULTS, TRANSPORT
from broker.demo.people import PEOPLE
from broker.demo.rules import Basis
from broker.demo.upstreams import EMULATORS

DOCS = Path(__file__).parents[2] / "docs"
PAGE = (DOCS / "reference/emulators.md").read_text()
USE = (DOCS / "how-to/test-your-sign-in.md").read_text()


def test_the_reference_says_what_each_rule_rests_on() -> None:
    rules = [(kind, rule) for kind, one in EMULATORS.items() for rule in one.rules]
    assert all(f"| {kind} | {rule.basis} | {rule.text} |" in PAGE for kind, rule in rules)
    assert all(f"`{basis}`: " in PAGE for basis in Basis)


@pytest.mark.parametrize("fault", FAULTS)
def test_every_fault_is_known_to_some_upstream(fault: str) -> None:
    assert any(fault in (*emulator.faults_known, *TRANSPORT) for emulator in EMULATORS.values())


def test_every_person_port_and_order_is_described() -> None:
    assert all(f"| `{person.key}` |" in USE for person in PEOPLE)
    assert all(f"http://127.0.0.1:{port}" in PAGE for kind, port in PORTS.items())
    further = ("claims", "kit", "logout", "login_url", "messages", "block", "say", "public_key", "rules")
    for order in ("people", "choose", "faults", "answers", "log", "clear", *further):
        assert f" /_emulator/{order}`" in USE


def test_every_kit_is_described() -> None:
    table = USE.partition("| Type | What its kit hands out |")[2].partition("\n\n")[0]
    first = "".join(row.split("|")[1] for row in table.splitlines() if row.startswith("| `"))
    routes = {kind: [path for path, _, _ in emulator([]).routes()] for kind, emulator in EMULATORS.items()}
    assert {kind for kind, paths in routes.items() if "/_emulator/kit" in paths} == set(re.findall(r"`(\w+)`", first))
