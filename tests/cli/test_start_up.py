"""The command line answers at once, because it imports late."""

from __future__ import annotations

import resource
import subprocess
import sys
from pathlib import Path

import click
import pytest

from broker.cli import main
from broker.cli.docs import REFERENCE, build_pages
from broker.cli.healthcheck import find_listener

ROOT = Path(__file__).parents[2]
HEAVY = ("aiohttp", "cryptography", "jinja2", "orjson", "prometheus_client", "pydantic", "redis", "ruamel", "starlette")
LATE = (*HEAVY, "structlog", "uvicorn", "asyncio", "sqlite3")


def cpu(*command: str) -> float:
    """Seconds of processor a command costs, the best of five."""

    def once() -> float:
        before = resource.getrusage(resource.RUSAGE_CHILDREN)
        subprocess.run([sys.executable, *command], check=False, capture_output=True)
        after = resource.getrusage(resource.RUSAGE_CHILDREN)
        return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime

    return min(once() for _ in range(5))


@pytest.mark.parametrize("words", [["--help"], ["serve", "--help"], ["healthcheck", "--address", "127.0.0.1:1"]])
def test_help_and_healthcheck_import_nothing_heavy(words: list[str]) -> None:
    program = (
        "import sys\nfrom broker.cli import main\n"
        f"try: main({words!r})\nexcept SystemExit: pass\n"
        f"print('LOADED', [name for name in {LATE!r} if name in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "LOADED []"


def test_help_costs_little_more_than_starting_python_with_the_command_line_library() -> None:
    assert cpu("-m", "broker", "--help") < 2.5 * cpu("-c", "import click.testing") + 0.05


def commands(command: click.Command, path: str) -> list[str]:
    found = [path]
    if isinstance(command, click.Group):
        found += [one for name, inner in command.commands.items() for one in commands(inner, f"{path} {name}")]
    return found


def test_the_commands_are_these() -> None:
    assert set(commands(main, "broker")) == {
        "broker",
        "broker serve",
        "broker demo",
        "broker demo phone",
        "broker emulate",
        "broker check",
        "broker config",
        "broker config schema",
        "broker config show",
        "broker config diff",
        "broker reload",
        "broker client",
        "broker client token",
        "broker client add",
        "broker client off",
        "broker client on",
        "broker client list",
        "broker client show",
        "broker client create",
        "broker client change",
        "broker client rotate-secret",
        "broker client delete",
        "broker client export",
        "broker import",
        *(f"broker import {name}" for name in ("allauth", "social-auth", "drf-social-oauth2", "keycloak", "dex")),
        "broker account",
        "broker account find",
        "broker account show",
        "broker account block",
        "broker account unblock",
        "broker account end",
        "broker account unlink",
        "broker account merge",
        "broker account delete",
        "broker account keep",
        "broker account export",
        "broker session",
        "broker session list",
        "broker session end",
        "broker consent",
        "broker consent list",
        "broker consent revoke",
        "broker claim",
        "broker claim list",
        "broker claim set",
        "broker claim remove",
        "broker webhook",
        "broker webhook list",
        "broker webhook test",
        "broker invite",
        "broker invite add",
        "broker invite list",
        "broker invite remove",
        "broker admin",
        "broker admin token",
        "broker admin token new",
        "broker admin token list",
        "broker admin token revoke",
        "broker keys",
        "broker keys list",
        "broker keys rotate",
        "broker policy",
        "broker policy explain",
        "broker provider",
        "broker provider test",
        "broker provider new",
        "broker provider off",
        "broker provider on",
        "broker provider list",
        "broker icons",
        "broker icons check",
        "broker backup",
        "broker restore",
        "broker healthcheck",
    }


@pytest.mark.parametrize("name", sorted(build_pages()))
def test_the_generated_reference_is_current(name: str) -> None:
    page = (ROOT / REFERENCE / name).read_text("utf-8")
    assert page == build_pages()[name], "run: python -m broker.cli.docs"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", ("127.0.0.1:9400", "/livez")),
        ("server:\n  management: 127.0.0.1:9999 # x\n", ("127.0.0.1:9999", "/livez")),
        ('server: {listen: "0.0.0.0:80", management: "[::1]:9999"}\n', ("[::1]:9999", "/livez")),
        (
            "server:\n  # management: 1.2.3.4:1\n  listen: unix:/run/x\n  management: null\n",
            ("unix:/run/x", "/healthz"),
        ),
        ("server:\n  management: ${X}\n", ("127.0.0.1:9400", "/livez")),
    ],
)
def test_the_healthcheck_finds_the_listener(tmp_path: Path, text: str, found: tuple[str, str]) -> None:
    (tmp_path / "config.yaml").write_text(text)
    assert find_listener(str(tmp_path / "config.yaml")) == found
    assert find_listener(str(tmp_path / "absent.yaml")) == ("127.0.0.1:9400", "/livez")
