"""The wheel, built and installed as an operator would: complete, without tests, and it runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import zipfile
from importlib.metadata import version
from pathlib import Path

import pytest

from tests.config.minimal import MINIMAL, SECRET

ROOT = Path(__file__).parents[2]
UV = ".tools/bin/uv"
TEMPLATES = "templates/"


def run(*command: str, cwd: Path = ROOT, env: dict[str, str] | None = None) -> str:
    """The output of a command that must succeed."""
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, f"{command}\n{done.stdout}\n{done.stderr}"
    return done.stdout


def bare() -> dict[str, str]:
    """The environment without what belongs to the environment the tests run in."""
    return {name: value for name, value in os.environ.items() if name not in {"VIRTUAL_ENV", "PYTHONPATH"}}


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A wheel made from the source distribution, so both are complete."""
    out = tmp_path_factory.mktemp("dist")
    run("make", "--no-print-directory", UV)
    run(UV, "build", "--quiet", "--out-dir", str(out), env=bare())
    (made,) = out.glob("*.whl")
    assert list(out.glob("*.tar.gz"))
    return made


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clean environment with the wheel and the locked versions of what it needs."""
    home = tmp_path_factory.mktemp("clean")
    locked = home / "locked.txt"
    locked.write_text(run(UV, "export", "--quiet", "--locked", "--no-dev", "--no-emit-project", env=bare()))
    run(UV, "venv", "--quiet", "--python", sys.executable, str(home / "venv"), env=bare())
    python = str(home / "venv/bin/python")
    run(UV, "pip", "install", "--quiet", "--python", python, "--require-hashes", "-r", str(locked), env=bare())
    run(UV, "pip", "install", "--quiet", "--python", python, "--no-deps", str(wheel), env=bare())
    return home / "venv/bin"


def names(wheel: Path) -> set[str]:
    """Every file in the wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return set(archive.namelist())


def listed(folder: str, suffix: str = "") -> set[str]:
    """Files of a folder of the tree that belong to the product."""
    files = [path for path in (ROOT / folder).rglob(f"*{suffix}") if path.is_file() and "__pycache__" not in path.parts]
    return {str(path.relative_to(ROOT)) for path in files}


def test_the_wheel_holds_every_module_of_broker_and_providers(wheel: Path) -> None:
    assert listed("broker", ".py") | listed("providers", ".py") <= names(wheel)


def test_the_wheel_holds_every_template_inside_the_broker(wheel: Path) -> None:
    templates = {name.removeprefix(TEMPLATES) for name in listed("templates") if not name.endswith((".po", ".pot"))}
    assert templates
    assert {f"broker/_templates/{name}" for name in templates} <= names(wheel)


def test_the_wheel_holds_the_code_that_client_add_prints(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        assert archive.read("broker/_integrate.md") == (ROOT / "docs/how-to/integrate.md").read_bytes()


def test_the_wheel_holds_nothing_else(wheel: Path) -> None:
    tops = {name.partition("/")[0] for name in names(wheel)}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"broker", "providers"}
    assert [name for name in names(wheel) if "test_" in name or name.endswith((".pyc", ".db", ".key", ".pem"))] == []


def test_the_installed_command_answers(installed: Path, tmp_path: Path) -> None:
    assert "serve" in run(str(installed / "broker"), "--help", cwd=tmp_path, env=bare())


def test_the_installed_modules_come_from_the_wheel_and_not_from_the_tree(installed: Path, tmp_path: Path) -> None:
    where = "import broker, providers; print(broker.__file__, providers.__file__)"
    assert str(ROOT / "broker") not in run(str(installed / "python"), "-c", where, cwd=tmp_path, env=bare())


def test_no_tool_of_the_tests_is_needed_to_run(installed: Path, tmp_path: Path) -> None:
    have = run(str(installed / "python"), "-c", "import sys, broker.app; print(*sys.modules)", cwd=tmp_path, env=bare())
    assert {"pytest", "hypothesis", "playwright", "httpx2", "babel"} & set(have.split()) == set()


@pytest.fixture(scope="module")
def with_plugin(installed: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same with the example of a plugin, from a wheel of its own, and with pytest."""
    out, here, python = tmp_path_factory.mktemp("plugin"), ROOT / "examples/plugin", str(installed / "python")
    shutil.copytree(here, out / "source")
    run(UV, "build", "--quiet", "--wheel", "--out-dir", str(out), str(out / "source"), env=bare())
    (made,) = out.glob("*.whl")
    assert {name for name in names(made) if "dist-info" not in name} == {
        *(f"broker_acme/{name}" for name in ("__init__.py", "assets/icon.svg", "assets/explain.html"))
    }
    pinned = f"pytest=={version('pytest')}"
    run(UV, "pip", "install", "--quiet", "--python", python, "--no-deps", str(made), env=bare())
    run(UV, "pip", "install", "--quiet", "--python", python, pinned, env=bare())
    return installed


def test_a_plugin_keeps_the_published_rules_beside_an_installed_broker(with_plugin: Path, tmp_path: Path) -> None:
    shutil.copytree(ROOT / "examples/plugin/tests", tmp_path / "tests")
    said = run(str(with_plugin / "python"), "-m", "pytest", "-q", "tests", cwd=tmp_path, env=bare())
    passed = re.search(r"(\d+) passed", said)
    assert passed
    assert int(passed[1]) > 40, said


def test_a_plugins_settings_are_checked_and_its_page_and_icon_are_found(with_plugin: Path, tmp_path: Path) -> None:
    text = MINIMAL.replace(
        "clients:\n", f"  acme: {{type: acme, client_id: x, client_secret: {SECRET}, explains: 1}}\nclients:\n"
    )
    (tmp_path / "config.yaml").write_text(text, encoding="utf-8")
    command = (str(with_plugin / "broker"), "check", "--config", "config.yaml")
    done = subprocess.run(command, cwd=tmp_path, env=bare(), capture_output=True, text=True, timeout=300, check=False)
    assert "providers.acme.explains: unknown key (did you mean explain?)" in done.stdout + done.stderr
    (tmp_path / "config.yaml").write_text(text.replace("explains: 1", "explain: true"), encoding="utf-8")
    done = subprocess.run(command, cwd=tmp_path, env=bare(), capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    assert ": google, acme; " in done.stdout
    pages = [line for line in (done.stdout + done.stderr).splitlines() if "ui.templates" in line]
    assert not any("acme" in line for line in pages), pages


def test_the_build_stage_of_the_image_works_from_what_it_copies(tmp_path: Path) -> None:
    run("make", "--no-print-directory", UV)
    dockerfile = (ROOT / "Dockerfile").read_text(encoding="utf-8")
    build = dockerfile[dockerfile.index(" AS build") : dockerfile.rindex("\nFROM ")]
    env = bare() | {"UV_PYTHON": sys.executable, "UV_PYTHON_DOWNLOADS": "never"}
    for instruction, rest in re.findall(r"^(COPY|RUN) (.+)$", build, re.MULTILINE):
        if instruction == "COPY":
            copy_into(tmp_path, rest.split())
        elif rest.startswith("uv sync"):
            run(str(ROOT / UV), *rest.split()[1:], "--quiet", cwd=tmp_path, env=env)
    shutil.rmtree(tmp_path / "broker")  # the second stage gets the environment alone
    find = "import broker, os; print(os.listdir(os.path.join(broker.__path__[0], '_templates')))"
    shutil.rmtree(tmp_path / "docs")
    assert "login.html" in run(str(tmp_path / ".venv/bin/python"), "-c", find, cwd=tmp_path, env=bare())


def copy_into(directory: Path, words: list[str]) -> None:
    """What COPY does: a folder's content into the target, files below it."""
    *sources, target = words
    for source in sources:
        if (ROOT / source).is_dir():
            shutil.copytree(ROOT / source, directory / target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            goal = directory / target if target != "./" else directory / source
            goal.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / source, goal)
