"""The list of modules, the tests and the table in the documentation are one and the same."""

from __future__ import annotations

import importlib
import re

import pytest

from tests.conformance.plans import (
    BACKCHANNEL_LOGOUT,
    BASIC,
    CONFIG,
    DYNAMIC_ONLY,
    FRONTCHANNEL_LOGOUT,
    LOGOUT,
    RP_INITIATED_LOGOUT,
    WARNINGS,
    function_of,
)
from tests.conformance.table import HERE, PAGE, mirrored, renewed


@pytest.mark.parametrize(
    ("file", "modules"),
    [
        ("test_oidcc_config", CONFIG),
        ("test_oidcc_basic", BASIC),
        ("test_oidcc_formpost_basic", BASIC),
        ("test_oidcc_rp_initiated_logout", RP_INITIATED_LOGOUT),
        ("test_oidcc_backchannel_logout", BACKCHANNEL_LOGOUT),
        ("test_oidcc_frontchannel_logout", FRONTCHANNEL_LOGOUT),
    ],
)
def test_a_plan_runs_exactly_its_modules(file: str, modules: tuple[str, ...]) -> None:
    tests = {name for name in vars(importlib.import_module(f"tests.conformance.{file}")) if name.startswith("test_")}
    assert tests == {function_of(module) for module in modules}


def test_the_plans_have_as_many_modules_as_the_suite_has() -> None:
    assert (len(CONFIG), len(set(BASIC)), len(set(BASIC) - DYNAMIC_ONLY)) == (1, 38, 35)
    assert (len(RP_INITIATED_LOGOUT), len(BACKCHANNEL_LOGOUT), len(FRONTCHANNEL_LOGOUT)) == (11, 2, 2)
    assert set(WARNINGS) <= set(BASIC)
    assert set(mirrored()) == {function_of(module) for module in (*CONFIG, *BASIC, *LOGOUT)}


def test_no_module_is_skipped_or_expected_to_fail() -> None:
    escape = re.compile(r"pytest\.(mark\.)?(skip|skipif|xfail|importorskip)\b")
    files = [path for path in HERE.rglob("*.py") if path.name != "test_conformance_table.py"]
    excused = [path.name for path in files if escape.search(path.read_text(encoding="utf-8"))]
    assert excused == []


def test_the_documented_table_is_that_of_today() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert renewed(page) == page, "run: python -m tests.conformance.table"
