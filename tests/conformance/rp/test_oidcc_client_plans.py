"""The modules for relying parties, their tests and the table in the documentation are one and the same."""

from __future__ import annotations

import importlib

import pytest

from tests.conformance.plans import function_of
from tests.conformance.rp import rp_modules, rp_modules_after_login
from tests.conformance.rp.rp_plans import BACK_CHANNEL_LOGOUT, CLIENT_BASIC, CLIENT_CONFIG, CLIENT_REFRESHTOKEN
from tests.conformance.rp.rp_table import renewed
from tests.conformance.table import PAGE


@pytest.mark.parametrize(
    ("file", "modules"),
    [
        ("test_oidcc_client_basic", CLIENT_BASIC),
        ("test_oidcc_client_formpost_basic", CLIENT_BASIC),
        ("test_oidcc_client_config", CLIENT_CONFIG),
        ("test_oidcc_client_back_channel_logout", BACK_CHANNEL_LOGOUT),
        ("test_oidcc_client_refreshtoken", CLIENT_REFRESHTOKEN),
    ],
)
def test_a_client_plan_runs_exactly_its_modules(file: str, modules: tuple[str, ...]) -> None:
    names = vars(importlib.import_module(f"tests.conformance.rp.{file}"))
    assert {name for name in names if name.startswith("test_")} == {function_of(module) for module in modules}


def test_the_client_plans_have_as_many_modules_as_the_suite_has() -> None:
    assert (len(set(CLIENT_BASIC)), len(set(CLIENT_CONFIG))) == (14, 6)
    assert (len(set(BACK_CHANNEL_LOGOUT)), len(set(CLIENT_REFRESHTOKEN))) == (8, 3)
    written = {name for name in vars(rp_modules) if name.startswith("test_")}
    assert written == {function_of(module) for module in (*CLIENT_BASIC, *CLIENT_CONFIG)}
    written = {name for name in vars(rp_modules_after_login) if name.startswith("test_")}
    assert written == {function_of(module) for module in (*BACK_CHANNEL_LOGOUT, *CLIENT_REFRESHTOKEN)}


def test_the_documented_table_of_the_relying_party_is_that_of_today() -> None:
    page = PAGE.read_text(encoding="utf-8")
    assert "tests.conformance.rp.rp_table" in page
    assert renewed(page) == page, "run: python -m tests.conformance.rp.rp_table"
