"""`broker icons check`: whose each icon is, and what is wrong with it."""

from __future__ import annotations

import zipfile
from pathlib import Path

import pytest
from click.testing import CliRunner

from broker.cli import main
from broker.cli.common import resolve
from broker.cli.icons import look_at_icons, open_pages, read_sources
from broker.config.load import load
from tests.cli.conftest import LIVE
from tests.config.test_icon_files import svg

SECRET = "fUk0tN3vVq1yqv4mJg0qO7cC2o9n1bXz"
MORE = f"""\
  yandex: {{ type: yandex, client_id: "y1", client_secret: {SECRET} }}
  corp: {{ type: oidc, icon: corp.svg, issuer: "https://a.example.net", client_id: c1, client_secret: {SECRET} }}
  plain: {{ type: oidc, issuer: "https://b.example.net", client_id: c2, client_secret: {SECRET} }}
clients:
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    text = LIVE.format(issuer="https://id.example.com", listen="127.0.0.1:8080", management=9400)
    path.write_text(text.replace("clients:\n", MORE, 1))
    (tmp_path / "corp.svg").write_bytes(svg())
    return path


def run(*words: str) -> tuple[int, list[str], str]:
    done = CliRunner(env={"BROKER_CONFIG": None}).invoke(main, [*words])
    return done.exit_code, done.stdout.splitlines(), done.stderr


def test_it_says_whose_each_is(file: Path) -> None:
    code, lines, err = run("icons", "check", "--config", str(file))
    told = dict(line.split(": ", 1) for line in lines)
    assert (code, err) == (0, "")
    assert told["google"].startswith("google of simple-icons 16.37.0 (CC0-1.0); its owner's rules: https://")
    assert told["yandex"].startswith("PLACEHOLDER")
    assert told["corp"].startswith("yours, icons/corp.own.svg, sha256 ")
    assert told["plain"] == "none, so a neutral one"
    assert run("icons", "check", "--strict", "--config", str(file))[0] == 2


def test_an_icon_of_ones_own_replaces_a_placeholder(file: Path) -> None:
    file.write_text(file.read_text().replace("type: yandex,", "type: yandex, icon: corp.svg,"))
    code, lines, _ = run("icons", "check", "--strict", "--config", str(file))
    assert code == 0
    assert any(line.startswith("yandex: yours, icons/yandex.own.svg") for line in lines)


@pytest.mark.parametrize("kind", ["folder", "zip"])
def test_files_of_an_owners_pack_are_recognised(file: Path, tmp_path: Path, kind: str) -> None:
    pack = tmp_path / "pack"
    (pack / "web").mkdir(parents=True)
    (pack / "web" / "logo.svg").write_bytes((tmp_path / "corp.svg").read_bytes())
    where = f"{pack}/web/logo.svg"
    if kind == "zip":
        archive = tmp_path / "pack.zip"
        with zipfile.ZipFile(archive, "w") as made:
            made.write(pack / "web" / "logo.svg", "web/logo.svg")
            made.writestr("web/huge.ai", b"x" * 100_000)
        pack, where = archive, f"{archive}: web/logo.svg"
    _, lines, _ = run("icons", "check", "--config", str(file), "--pack", str(pack))
    assert f"corp: the owner's, {where}" in lines
    assert run("icons", "check", "--config", str(file), "--pack", str(file))[0] == 1


def test_what_is_no_plain_picture_is_an_error(file: Path, tmp_path: Path) -> None:
    icons = tmp_path / "pages" / "static" / "icons"
    icons.mkdir(parents=True)
    (icons / "google.svg").write_bytes(svg("<script/>"))
    (icons / "yandex.svg").write_bytes(svg())
    (icons / "yandex.dark.svg").write_bytes(svg(attributes='onload="x"'))
    file.write_text(file.read_text() + "ui: { templates: pages }\n")
    code, _, err = run("icons", "check", "--config", str(file))
    assert code == 1
    assert "error: providers.google: static/icons/google.svg has an element <script>" in err
    assert "error: providers.yandex: static/icons/yandex.dark.svg has a script in onload" in err


def test_one_of_ours_that_somebody_changed_is_an_error(file: Path) -> None:
    config, told = load(file, resolve), dict(read_sources())
    pages = open_pages(config, lambda template, reason: None)
    assert look_at_icons(config, pages, {}, told).faults == []
    told["files"] = told["files"] | {"google.svg": "0" * 64}
    said = ["providers.google: static/icons/google.svg is not the file that we ship"]
    assert look_at_icons(config, pages, {}, told).faults == said
