"""The benchmark still drives the product; what it measures is not looked at here."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parents[2]


def test_a_tiny_burst_of_every_operation_runs_against_the_whole_product() -> None:
    command = [sys.executable, "-m", "benchmarks.run", "--quick", "--only", "ours"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for operation in ("login", "code against tokens", "refresh", "introspection", "userinfo", "discovery"):
        assert operation in done.stdout
    for operation in ("token: client credentials", "bound by DPoP", "pushed authorization request"):
        assert operation in done.stdout


def test_the_walk_counts_the_calls_of_every_request_of_a_login() -> None:
    command = [sys.executable, "-m", "benchmarks.walk"]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    for request in ("GET /authorize", "GET /callback", "POST /token code", "POST /token refresh", "POST /introspect"):
        assert f"\n{request}" in done.stdout
