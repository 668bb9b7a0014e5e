"""Dependencies are at or above the versions in which known holes were closed, in the lock and where the tests run."""

from __future__ import annotations

import re
import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from packaging.requirements import Requirement
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


@pytest.mark.parametrize(("name", "floor"), FLOORS.items())
def test_j10_the_lock_holds_no_version_below_its_floor(name: str, floor: str) -> None:
    assert locked()[name] >= Version(floor)


@pytest.mark.parametrize(("name", "floor"), FLOORS.items())
def test_j10_the_tests_run_on_no_version_below_its_floor(name: str, floor: str) -> None:
    assert Version(version(name)) >= Version(floor)


def test_j10_no_installation_is_allowed_below_a_floor() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
    for requirement in map(Requirement, project["dependencies"]):
        if floor := FLOORS.get(requirement.name):
            lowest = min(Version(s.version) for s in requirement.specifier if s.operator in {">=", "==", "~="})
            assert lowest >= Version(floor), f"{requirement} admits versions below {floor}"


def test_j10_deprecated_jose_of_authlib_is_never_imported() -> None:
    code = [path for folder in ("broker", "providers") for path in (ROOT / folder).rglob("*.py")]
    assert [path for path in code if re.search(r"authlib\.jose", path.read_text(encoding="utf-8"))] == []


def test_one_version_of_the_installer_everywhere() -> None:
    pinned = (ROOT / ".ci/uv.txt").read_text(encoding="utf-8")
    assert re.search(r"^uv==\d+\.\d+\.\d+ \\$", pinned, re.MULTILINE)
    assert pinned.count("--hash=sha256:") > 1
    for consumer in ("Makefile", "Dockerfile"):
        assert "--require-hashes -r .ci/uv.txt" in (ROOT / consumer).read_text(encoding="utf-8")
