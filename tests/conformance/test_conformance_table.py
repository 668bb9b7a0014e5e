"""The list of modules, the tests and the tables in the documentation are one and the same."""

from __future__ import annotations

import ast
import re

import pytest

from tests.conformance.plans import Plan, function_of
from tests.conformance.rp.rp_plans import CLIENT_BASIC, CLIENT_CONFIG
from tests.conformance.suite_verdicts import VERDICTS
from tests.conformance.table import HERE, PAGE, all_plans, renewed, run_by, verdict_of


@pytest.mark.parametrize("plan", all_plans(), ids=lambda plan: plan.file)
def test_a_plan_runs_exactly_its_modules(plan: Plan) -> None:
    assert set(run_by(plan)) == {function_of(module) for module in plan.modules}
    assert len(set(plan.modules)) == len(plan.modules) == plan.size, "as many as the suite has"
    assert set(plan.verdicts) | plan.marked <= set(plan.modules)


def test_what_the_suite_failed_is_known_and_told_whose_it_is() -> None:
    verdicts = {(plan.name, module): verdict_of(plan, module) for plan in all_plans() for module in plan.modules}
    rotation = ("oidcc-server-rotate-keys", "FAILED (suite)")
    assert sorted(
        (name, module, word.partition(":")[0]) for (name, module), word in verdicts.items() if word.startswith("FAILED")
    ) == [
        ("fapi2-security-profile-final", "fapi2-security-profile-final-refresh-token", "FAILED (suite)"),
        ("oidcc-dynamic", "oidcc-discovery-endpoint-verification", "FAILED (broker, on purpose)"),
        ("oidcc-dynamic", *rotation),
        ("oidcc-test-plan", *rotation),
    ]
    known = {module for plan in all_plans() for module in plan.modules} | {*CLIENT_BASIC, *CLIENT_CONFIG}
    assert set(VERDICTS) <= known, "a verdict about a module that no plan has"
    words = {verdict.partition(":")[0].partition(" ")[0] for verdict in VERDICTS.values()}
    assert words <= {"PASSED", "WARNING", "REVIEW", "SKIPPED", "FAILED"}


def test_every_definition_of_a_module_is_run_by_a_plan() -> None:
    run = {(test.__module__, name) for plan in all_plans() for name, test in run_by(plan).items()}
    defined = {
        (f"tests.conformance.modules.{path.stem}", node.name)
        for path in (HERE / "modules").glob("*.py")
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.AsyncFunctionDef) and node.name.startswith("test_")
    }
    assert defined <= run


def test_no_module_is_skipped_or_expected_to_fail() -> None:
    escape = re.compile(r"pytest\.(mark\.)?(skip|skipif|xfail|importorskip)\b")
    files = [path for path in HERE.rglob("*.py") if path.name != "test_conformance_table.py"]
    excused = [path.name for path in files if escape.search(path.read_text(encoding="utf-8"))]
    assert excused == []


def test_the_documented_tables_are_those_of_today() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert renewed(page) == page, "run: python -m tests.conformance.table"
