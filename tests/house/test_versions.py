"""Dependencies are at or above the versions in which known holes were closed, in the lock and where the tests run."""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from importlib.metadata import packages_distributions, version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT = Path(__file__).parents[2]
FLOORS = {
    "aiohttp": "3.14",
    "authlib": "1.9.0",
    "cryptography": "48",
    "h11": "0.16.0",  # CVE-2025-43859
    "jinja2": "3.1.6",
    "pyjwt": "2.15",
    "python-multipart": "0.0.20",
    "redis": "8.0",
    "starlette": "1.3.1",
}


def locked() -> dict[str, Version]:
    """Every locked package with the lowest version the lock holds of it."""
    found: dict[str, Version] = {}
    for package in tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]:
        if "version" in package:
            one = Version(package["version"])
            found[package["name"]] = min(one, found.get(package["name"], one))
    return found


def declared(*extras: str) -> list[Requirement]:
    """What an installation with these extras asks for."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    optional = [text for extra in extras for text in project["optional-dependencies"][extra]]
    return [*map(Requirement, [*project["dependencies"], *optional])]


def for_tests() -> list[Requirement]:
    """What the tests are run with besides."""
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]
    return [Requirement(text) for group in groups.values() for text in group if isinstance(text, str)]


def needed(path: Path) -> set[str]:
    """The top-level modules of others that a file imports."""
    tree = ast.parse(path.read_text(encoding="utf-8"))
    named = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    named |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    return {name.partition(".")[0] for name in named} - sys.stdlib_module_names - {"broker", "providers", "tests"}


@pytest.mark.parametrize(("name", "floor"), FLOORS.items())
def test_j10_the_lock_holds_no_version_below_its_floor(name: str, floor: str) -> None:
    assert locked()[name] >= Version(floor)


@pytest.mark.parametrize(("name", "floor"), FLOORS.items())
def test_j10_the_tests_run_on_no_version_below_its_floor(name: str, floor: str) -> None:
    assert Version(version(name)) >= Version(floor)


def test_j10_no_installation_is_allowed_below_a_floor() -> None:
    for requirement in declared("demo"):
        if floor := FLOORS.get(requirement.name):
            lowest = min(Version(s.version) for s in requirement.specifier if s.operator in {">=", "==", "~="})
            assert lowest >= Version(floor), f"{requirement} admits versions below {floor}"


def test_what_is_imported_is_declared_where_it_is_needed() -> None:
    homes, unpaid = packages_distributions(), []
    always, with_demo = ({canonicalize_name(one.name) for one in declared(*extras)} for extras in ((), ("demo",)))
    for path in [*(ROOT / "broker").rglob("*.py"), *(ROOT / "providers").rglob("*.py")]:
        name = path.relative_to(ROOT).as_posix()
        paid = with_demo if name.startswith("broker/demo/") else always
        brought = (
            {"pydantic_core", "pytest"} if name.startswith("broker/testing/") else {"pydantic_core"}
        )  # pydantic pins it
        for module in needed(path) - brought:
            if not {canonicalize_name(home) for home in homes.get(module, ())} & paid:
                unpaid.append(f"{name}: {module}")
    assert unpaid == []


def test_what_the_tests_import_is_declared() -> None:
    homes = packages_distributions()
    paid = {canonicalize_name(one.name) for one in [*declared("demo"), *for_tests()]}
    unpaid = {
        module
        for path in (ROOT / "tests").rglob("*.py")
        if "node_modules" not in path.parts
        for module in needed(path)
        if not {canonicalize_name(home) for home in homes.get(module, ())} & paid
    }
    assert unpaid == set()


def test_j10_deprecated_jose_of_authlib_is_never_imported() -> None:
    code = [path for folder in ("broker", "providers") for path in (ROOT / folder).rglob("*.py")]
    assert [path for path in code if re.search(r"authlib\.jose", path.read_text(encoding="utf-8"))] == []


def test_one_version_of_the_installer_everywhere() -> None:
    pinned = (ROOT / ".ci/uv.txt").read_text(encoding="utf-8")
    assert re.search(r"^uv==\d+\.\d+\.\d+ \\$", pinned, re.MULTILINE)
    assert pinned.count("--hash=sha256:") > 1
    for consumer in ("Makefile", "Dockerfile"):
        assert "--require-hashes -r .ci/uv.txt" in (ROOT / consumer).read_text(encoding="utf-8")
