"""The two commands a reader runs, as far as they can be checked without running them inside themselves."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]
MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
ALONE = re.compile(r"\bmark\.(browser|interop)\b")


def without_servers(tmp_path: Path, user: int) -> subprocess.CompletedProcess[str]:
    """Run the installer of servers on a machine that has none, as this user id."""
    for name, script in {
        "id": f"echo {user}",
        "apt-get": "exit 1",
        "mktemp": f"echo {tmp_path}/log",
        "tail": ":",
    }.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{script}\n")
        (tmp_path / name).chmod(0o755)
    env = {"PATH": str(tmp_path), "HOME": str(tmp_path)}
    command = ["/bin/bash", str(ROOT / ".ci/servers")]
    return subprocess.run(command, env=env, capture_output=True, text=True, check=False)


def test_without_root_one_line_says_exactly_what_to_install(tmp_path: Path) -> None:
    done = without_servers(tmp_path, user=1000)
    assert done.returncode != 0
    assert done.stdout == ""
    (line,) = done.stderr.splitlines()
    assert "apt-get install --no-install-recommends redis-server chromium" in line


def test_a_failed_installation_fails_the_run(tmp_path: Path) -> None:
    assert without_servers(tmp_path, user=0).returncode != 0


def test_continuous_integration_runs_what_the_readme_tells_a_reader_to_run() -> None:
    assert os.access(ROOT / ".ci/run", os.X_OK)
    assert re.search(r"^exec make test </dev/null$", (ROOT / ".ci/run").read_text(encoding="utf-8"), re.MULTILINE)
    assert "make test" in (ROOT / "README.md").read_text(encoding="utf-8")


def test_the_environment_always_comes_from_the_lock() -> None:
    syncs = re.findall(r"\$\(UV\) sync[^\n]*", MAKEFILE)
    assert syncs
    assert all("--locked" in sync for sync in syncs)
    assert "npm ci" in MAKEFILE
    assert "npm install" not in MAKEFILE


def exported(**own: str) -> dict[str, str]:
    """What recipes find in their environment, started from an empty one with one's `own` variables."""
    env = {"PATH": os.environ["PATH"], "HOME": os.environ["HOME"], **own}
    command = ["make", "--no-print-directory", "--eval=shown: ; @env", "shown"]
    done = subprocess.run(command, cwd=ROOT, env=env, capture_output=True, text=True, check=True)
    return dict(line.split("=", 1) for line in done.stdout.splitlines() if "=" in line)


def test_what_the_system_trusts_counts_for_pip_uv_and_npm() -> None:
    bundle = "/etc/ssl/certs/ca-certificates.crt"
    found, expected = exported(), {"PIP_CERT": bundle, "NODE_EXTRA_CA_CERTS": bundle, "UV_SYSTEM_CERTS": "true"}
    assert {name: found.get(name) for name in expected} == (
        expected if Path(bundle).exists() else dict.fromkeys(expected)
    ), "without ca-certificates there is nothing to trust"
    helped = subprocess.run([ROOT / ".tools/bin/uv", "sync", "--help"], capture_output=True, text=True, check=True)
    assert "UV_SYSTEM_CERTS" in helped.stdout, "the pinned uv calls it something else"
    own = exported(PIP_CERT="/own.pem", NODE_EXTRA_CA_CERTS="/own.pem")
    assert (own["PIP_CERT"], own["NODE_EXTRA_CA_CERTS"]) == ("/own.pem", "/own.pem")


def test_recipes_name_no_absolute_path_so_any_directory_will_do() -> None:
    assert "$(CURDIR)" not in MAKEFILE
    assert "$(PWD)" not in MAKEFILE


def test_pre_commit_runs_the_fast_part_of_the_tests() -> None:
    hooks = (ROOT / ".pre-commit-config.yaml").read_text(encoding="utf-8")
    assert set(re.findall(r"repo: (\w+)", hooks)) == {"local"}
    for tool in ("ruff check", "ruff format --check", "codespell", "mypy", "lint-imports"):
        assert tool in hooks
        assert tool in MAKEFILE


def test_processes_of_tests_do_not_compile_everything_again() -> None:
    assert not sys.dont_write_bytecode
    code = "import sys, broker.core.errors as found; print(sys.dont_write_bytecode, found.__cached__)"
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    forgets, kept = done.stdout.split()
    assert forgets == "False"
    assert Path(kept).is_file()


def test_what_runs_in_one_process_with_a_browser_awaits_nothing() -> None:
    """Its driver leaves a loop running in the thread of the tests, and no other one starts there."""
    found = set()
    for path in (ROOT / "tests").rglob("test_*.py"):
        module = ast.parse(path.read_text(encoding="utf-8"))
        marks = [ast.unparse(one.value) for one in module.body if isinstance(one, ast.Assign)]
        for test in (
            one for one in module.body if isinstance(one, ast.AsyncFunctionDef) and one.name.startswith("test")
        ):
            if ALONE.search(" ".join([*marks, *map(ast.unparse, test.decorator_list)])):
                found.add(f"{path.name}: {test.name}")
    assert found == set()
