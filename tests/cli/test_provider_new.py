"""`broker provider new`: a section that `broker check` takes, whatever the type."""

from __future__ import annotations

import asyncio
import re
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from broker.cli import main
from broker.cli.common import resolve
from broker.config.load import load_text
from broker.demo.servers import serving, take_port
from broker.demo.upstreams import EMULATORS, RegisteredApp
from providers import BUILTIN
from tests.cli.conftest import LIVE

SECRET = "q7Jw0vXcT3mLzK9sYb2NfR8dGhE5uAiP"


def run(*words: str) -> Result:
    return CliRunner().invoke(main, ["provider", "new", *words])


def served(*words: str) -> Result:
    """The same, run elsewhere while this loop serves."""
    return run(*words)


def pasted(section: str, tmp_path: Path, **environ: str) -> object:
    """What becomes of it in a configuration, with a value for whatever it reads from the environment."""
    text = LIVE.format(issuer="https://id.example.com", listen="127.0.0.1:1", management=2)
    text = text.replace("clients:\n", section + "clients:\n", 1)
    names = re.findall(r"\$\{(\w+)\}", section)
    values = {name: SECRET if name.endswith(("SECRET", "TOKEN")) else "1" for name in names} | environ
    config = load_text(text, "config.yaml", resolve, environ=values, base=tmp_path).config
    return next(settings for name, settings in config.providers.items() if name != "google")


@pytest.mark.parametrize("kind", sorted({*BUILTIN} - {"oidc"}))
def test_every_type_has_a_section_that_was_checked(kind: str) -> None:
    done = run(kind, "--name", "mine", "--at", "https://login.example.com/")
    assert done.exit_code == 0, done.output
    first, second, *_ = done.output.splitlines()
    assert first == "  mine: # register https://login.example.com/callback/mine there"
    assert second == f"    type: {kind}"


@pytest.mark.parametrize("kind", ["discord", "spotify", "gitlab", "slack", "twitch", "github", "oauth2", "oauth1"])
def test_a_section_can_be_pasted_as_it_is(kind: str, tmp_path: Path) -> None:
    settings = pasted(run(kind, "--name", "mine").output, tmp_path)
    assert getattr(settings, "type", "") == kind


@pytest.mark.anyio
async def test_of_an_issuer_its_document_says_the_rest(tmp_path: Path) -> None:
    port = take_port("oidc", "127.0.0.1")
    issuer = f"http://127.0.0.1:{port.number}"
    emulator = EMULATORS["oidc"]([RegisteredApp("1", "s", (), {"issuer": issuer})])
    async with serving([(port, emulator.app)]):
        done = await asyncio.to_thread(served, "oidc", "--name", "sso", "--issuer", issuer)
        assert done.exit_code == 0, done.output
        assert "    pkce: required # it lists S256\n" in done.output
        settings = pasted(done.output, tmp_path)
        assert getattr(settings, "issuer", "") == issuer
        emulator.faults.switch("other_discovery", on=True)
        wrong = await asyncio.to_thread(served, "oidc", "--issuer", issuer)
    assert wrong.exit_code == 1
    assert "another issuer" in wrong.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["oidc"], "say --issuer"),
        (["discrod"], "did you mean discord?"),
        (["google", "--issuer", "https://accounts.google.com"], "knows its own issuer"),
        (["oidc", "--issuer", "http://sso.example.com"], "write https://host/path"),
    ],
)
def test_what_cannot_be_made_is_said(words: list[str], said: str) -> None:
    done = run(*words)
    assert done.exit_code == 1
    assert said in done.output
