"""`broker check`, `config show`, `config schema`: exit codes and what is printed."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from email.utils import formatdate
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner

from broker.cli import main
from broker.cli.common import resolve
from broker.cli.online import look_around
from broker.config.load import load_text
from broker.config.model import Config
from broker.demo.upstreams import RegisteredApp
from tests.cli.conftest import LIVE
from tests.providers.test_emulated import world

ROOT = Path(__file__).parents[2]
TEXT = LIVE.format(issuer="https://id.example.com", listen="127.0.0.1:8080", management=9400)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(TEXT.replace("fUk0tN3vVq1yqv4mJg0qO7cC2o9n1bXz", "${SECRET}"))
    return path


def run(*words: str, secret: str = "fUk0tN3vVq1yqv4mJg0qO7cC2o9n1bXz") -> tuple[int, str, str]:
    """Exit code, stdout, stderr."""
    done = CliRunner(env={"SECRET": secret, "BROKER_CONFIG": None}).invoke(main, [*words])
    return done.exit_code, done.stdout, done.stderr


def test_a_good_configuration_is_zero(file: Path) -> None:
    code, out, err = run("check", "--strict", "--config", str(file))
    assert code == 0
    assert err == ""
    assert out == f"{file}: good. https://id.example.com, providers: google; 1 client(s)\n"


def test_a_bad_one_is_one_with_every_problem_on_stderr(file: Path) -> None:
    file.write_text(TEXT.replace("type: google", "type: gogle").replace("auth_method: none", "auth_methd: none"))
    code, out, err = run("check", "--config", str(file))
    assert (code, out) == (1, "")
    problems = [line.removeprefix(f"{file}:") for line in err.splitlines() if line.startswith(f"{file}:")]
    assert [line.split(": ")[1] for line in problems] == ["providers.google.type", "clients.shop.auth_methd"]
    assert err.count("^") == 2, "each with its line and a caret below"


def test_a_warning_is_two_only_when_strict(file: Path) -> None:
    file.write_text(TEXT)
    code, _, err = run("check", "--config", str(file))
    assert code == 0
    assert "a secret stands in the file itself" in err
    assert run("check", "--strict", "--config", str(file))[0] == 2


def test_pages_of_the_operator_are_rendered_and_named_with_their_line(file: Path) -> None:
    pages = file.parent / "pages"
    pages.mkdir()
    (pages / "login.html").write_text("<p>\n{{ view.cliant.name }}</p>")
    (pages / "logn.html").write_text("<p>")
    file.write_text(file.read_text() + "ui: {templates: pages}\n")
    code, out, err = run("check", "--config", str(file))
    assert (code, out) == (1, "")
    assert "error: ui.templates: login.html does not work: login.html:2: UndefinedError" in err
    assert "warning: ui.templates: logn.html replaces no page and is included by none (did you mean login.html?)" in err


def test_icons_that_we_drew_are_named_until_they_are_the_owners(file: Path) -> None:
    file.write_text(file.read_text().replace("  google:\n    type: google", "  mail:\n    type: yandex"))
    code, _, err = run("check", "--strict", "--config", str(file))
    assert code == 0, "a note is no warning"
    assert err == "note: providers.mail.icon: a placeholder is shown; its owner wants its own (broker icons check)\n"
    icons = file.parent / "pages" / "static" / "icons"
    icons.mkdir(parents=True)
    (icons / "yandex.svg").write_text("<svg/>")
    file.write_text(file.read_text() + "ui: {templates: pages}\n")
    assert run("check", "--strict", "--config", str(file))[::2] == (0, "")


def test_the_configuration_is_named_by_the_environment(file: Path) -> None:
    done = CliRunner(env={"SECRET": "fUk0tN3vVq1yqv4mJg0qO7cC2o9n1bXz", "BROKER_CONFIG": str(file)}).invoke(
        main, ["check"]
    )
    assert done.exit_code == 0


def test_checking_writes_nothing(file: Path) -> None:
    run("check", "--config", str(file))
    assert [path.name for path in file.parent.iterdir()] == ["config.yaml"]


def test_show_hides_secrets_and_names_where_they_come_from(file: Path) -> None:
    code, out, _ = run("config", "show", "--config", str(file), secret="canary-canary-canary-canary-canary")
    assert code == 0
    assert "canary" not in out
    assert "client_secret: ‹env:SECRET›" in out
    assert "login_start: 120/min" in out


def test_the_schema_is_json_with_the_types_asked_for() -> None:
    code, out, _ = run("config", "schema", "--type", "vk")
    assert code == 0
    schema = json.loads(out)
    assert schema["$schema"] == "http://json-schema.org/draft-07/schema#"
    assert "provider vk" in schema["definitions"]
    assert "provider google" not in schema["definitions"]


@asynccontextmanager
async def upstream(body: bytes, status: int = 200, date: str = "") -> AsyncIterator[str]:
    """A service on loopback that answers everything alike; its base URL. `date` is what its clock says."""
    head = f"HTTP/1.1 {status} x\r\nContent-Length: {len(body)}\r\nConnection: close\r\n".encode()
    head += f"Date: {date}\r\n".encode() if date else b""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(head + b"\r\n" + body)
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(serve, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()


def configured(base: str, tmp_path: Path, issuer: str = "http://127.0.0.1:9") -> Config:
    bases = f"type: google\n    browser_base: {base}\n    server_base: {base}"
    text = TEXT.replace("type: google", bases).replace("https://id.example.com", issuer)
    return load_text(text, "config.yaml", resolve, environ={}, base=tmp_path).config


@pytest.mark.anyio
async def test_online_prints_the_redirect_uri_and_reaches_every_address(tmp_path: Path) -> None:
    async with upstream(b'{"keys":[{"kty":"RSA"}]}') as base:
        report = await look_around(configured(base, tmp_path))
    assert report.failures == []
    assert "  redirect URI for its console: http://127.0.0.1:9/callback/google" in report.lines
    assert [line.split()[0] for line in report.lines if line.endswith(" ok")] == [
        "authorize_url:",
        "token_url:",
        "jwks_uri:",
    ]
    assert "cannot be reached from here" in report.warnings[0]


@pytest.mark.anyio
@pytest.mark.parametrize(("ahead", "said"), [(90, "90 s ahead of"), (-90, "90 s behind"), (5, ""), (None, "")])
async def test_online_compares_the_clocks(tmp_path: Path, ahead: int | None, said: str) -> None:
    noon = 1_800_000_000.0
    date = "nonsense" if ahead is None else formatdate(noon + ahead, usegmt=True)
    async with upstream(b'{"keys":[{"kty":"RSA"}]}', date=date) as base:
        report = await look_around(configured(base, tmp_path), now=lambda: noon)
    found = [warning for warning in report.warnings if warning.startswith("clock: ")]
    assert len(found) == (1 if said else 0)
    assert all(said in warning for warning in found)


@pytest.mark.anyio
@pytest.mark.parametrize("known", [True, False])
async def test_online_shows_each_upstream_its_own_secret_and_says_what_it_thinks_of_it(
    tmp_path: Path, known: bool
) -> None:
    async with world("google") as at:
        config = configured(at.base, tmp_path)
        settings: Any = config.providers["google"]
        if known:
            app = RegisteredApp(settings.client_id, settings.client_secret.get_secret_value())
            at.emulator.apps[settings.client_id] = app
        report = await look_around(config)
        calls: list[Any] = [one for one in at.emulator.control.seen if one["path"] == "/token"]
    status, error = (400, "invalid_grant") if known else (401, "invalid_client")
    told = f"(/token: status {status}, error {error})"
    assert f"  credentials: {'ok' if known else 'refused'} {told}" in report.lines
    assert report.failures == (
        [] if known else [f"providers.google: credentials: refused {told}; wrong, withdrawn or expired"]
    )
    _, asked = calls
    assert asked["params"]["redirect_uri"] == "http://127.0.0.1:9/callback/google"


@pytest.mark.anyio
async def test_online_says_what_could_not_be_found_out_and_fails_by_nothing_of_it(tmp_path: Path) -> None:
    async with upstream(b'{"keys":[{"kty":"RSA"}]}') as base:
        report = await look_around(configured(base, tmp_path))
    assert [line for line in report.lines if "credentials" in line] == [
        "  credentials: could not be found out (/token: access_token is missing, empty or not text)"
    ]
    assert report.failures == []


@pytest.mark.anyio
async def test_online_names_what_does_not_answer(tmp_path: Path) -> None:
    async with upstream(b"{}", 503) as base:
        report = await look_around(configured(base, tmp_path))
    assert len(report.failures) == 3
    report = await look_around(configured("http://127.0.0.1:9", tmp_path))
    assert all("cannot be reached" in failure for failure in report.failures)


@pytest.mark.anyio
async def test_online_sees_whether_the_issuer_leads_here(tmp_path: Path) -> None:
    async with upstream(b'{"keys":[{"kty":"RSA"}],"issuer":"http://somebody.localhost"}') as base:
        report = await look_around(configured(base, tmp_path, issuer=base))
        assert "does not lead to this broker" in report.warnings[0]


def test_online_by_command_prints_and_fails_with_one(file: Path) -> None:
    bases = "type: google\n    browser_base: http://127.0.0.1:9\n    server_base: http://127.0.0.1:9"
    file.write_text(
        file.read_text().replace("type: google", bases).replace("https://id.example", "http://id.localhost")
    )
    file.write_text(file.read_text().replace("http://id.localhost.com", "http://127.0.0.1:9"))
    code, out, err = run("check", "--online", "--config", str(file))
    assert code == 1
    assert "redirect URI for its console: http://127.0.0.1:9/callback/google" in out
    assert err.count("error: providers.google: ") == 3


def test_a_management_listener_for_everybody_is_a_warning(file: Path) -> None:
    file.write_text(file.read_text().replace("127.0.0.1:9400", "0.0.0.0:9400"))
    code, _, err = run("check", "--strict", "--config", str(file))
    assert code == 2
    assert "server.management: is not on loopback" in err
