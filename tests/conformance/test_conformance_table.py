"""The list of modules, the tests and the tables in the documentation are one and the same."""

from __future__ import annotations

import ast
import re

import pytest

from tests.conformance.plans import Plan, function_of
from tests.conformance.table import HERE, PAGE, all_plans, renewed, run_by


@pytest.mark.parametrize("plan", all_plans(), ids=lambda plan: plan.file)
def test_a_plan_runs_exactly_its_modules(plan: Plan) -> None:
    assert set(run_by(plan)) == {function_of(module) for module in plan.modules}
    assert len(set(plan.modules)) == len(plan.modules) == plan.size, "as many as the suite has"
    assert set(plan.warnings) | set(plan.failures) | plan.marked <= set(plan.modules)


def test_the_only_failure_of_a_plan_is_the_documented_one() -> None:
    failures = [(plan.name, module) for plan in all_plans() for module in plan.failures]
    assert failures == [("oidcc-dynamic", "oidcc-discovery-endpoint-verification")]


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
