"""`broker client add`: an entry for an app, and not a letter of the rest touched."""

from __future__ import annotations

import re
import stat
from hashlib import sha256
from pathlib import Path

import pytest
from click.testing import CliRunner

from broker.cli import main
from broker.cli.client import LIBRARIES
from broker.cli.client_entry import slug
from broker.cli.common import resolve
from broker.cli.snippets import SNIPPETS
from broker.config.load import load
from tests.cli.conftest import LIVE

SHIPPED = (Path(__file__).parents[2] / "config.yaml").read_text("utf-8")
URI = "https://wiki.example.com/oauth2/callback"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "config.yaml"
    path.write_text(SHIPPED)
    return path


def add(file: Path, *words: str, name: str = "Our Wiki") -> tuple[int, str]:
    """Exit code and output of `client add`."""
    done = CliRunner(env={"BROKER_CONFIG": None}).invoke(
        main, ["client", "add", "--config", str(file), "--name", name, "--redirect-uri", URI, *words]
    )
    return done.exit_code, done.output


def test_writing_keeps_every_line_and_adds_one_block_after_the_last_client(file: Path) -> None:
    file.chmod(0o640)
    code, out = add(file, "--write")
    assert code == 0, out
    after = file.read_text()
    lines = after.splitlines(keepends=True)
    start = lines.index("  our-wiki:\n")
    kept = "".join(lines[: start - 1] + lines[start + 5 :])
    assert kept == SHIPPED
    assert stat.S_IMODE(file.stat().st_mode) == 0o640
    client = load(file, resolve).clients["our-wiki"]
    assert client.redirect_uris == (URI,)
    assert [path.name for path in file.parent.iterdir()] == ["config.yaml"]


def test_the_secret_is_printed_once_and_only_its_hash_is_kept(file: Path) -> None:
    _, out = add(file, "--write")
    (secret,) = re.findall(r"client_secret  (\S+)", out)
    assert out.count(secret) == 1
    assert len(secret) >= 43
    assert secret not in file.read_text()
    assert f"sha256:{sha256(secret.encode()).hexdigest()}" in file.read_text()


def test_without_write_the_file_stays(file: Path) -> None:
    code, out = add(file)
    assert code == 0
    assert file.read_text() == SHIPPED
    assert "paste below `clients:`" in out
    assert "http://localhost:8400/.well-known/openid-configuration" in out


def test_a_public_client_has_no_secret(file: Path) -> None:
    _, out = add(file, "--write", "--public", "--first-party", "--id", "spa")
    assert "client_secret" not in out
    client = load(file, resolve).clients["spa"]
    assert client.auth_method == "none"
    assert client.first_party


def test_an_app_that_signs_has_no_secret_and_says_where_its_keys_are(file: Path) -> None:
    keys = "https://wiki.example.com/jwks.json"
    _, out = add(file, "--write", "--auth-method", "private_key_jwt", "--jwks-uri", keys, "--id", "wiki")
    assert "client_secret" not in out
    assert "aud http://localhost:8400" in out
    client = load(file, resolve).clients["wiki"]
    assert (client.auth_method, client.jwks_uri, client.secret_hashes) == ("private_key_jwt", keys, ())


def test_the_registered_method_is_the_one_asked_for(file: Path) -> None:
    _, out = add(file, "--write", "--auth-method", "client_secret_post", "--id", "wiki")
    assert "authentication client_secret_post\n" in out
    assert load(file, resolve).clients["wiki"].auth_method == "client_secret_post"


@pytest.mark.parametrize("name", ['Say "hi"', "a: b # c", "{x}", "Вики", "- x", "*x"])
def test_any_name_is_written_so_that_it_is_read_the_same(file: Path, name: str) -> None:
    code, out = add(file, "--write", "--id", "new", name=name)
    assert code == 0, out
    assert load(file, resolve).clients["new"].name == name


def test_two_secrets_are_never_the_same(file: Path) -> None:
    secrets = {re.findall(r"client_secret  (\S+)", add(file)[1])[0] for _ in range(3)}
    assert len(secrets) == 3


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--id", "demo-app"), "is there already"),
        (("--id", "a b"), "a client's name is its client_id"),
        (("--redirect-uri", "javascript:alert(1)"), "redirect_uris[1]"),
        (("--redirect-uri", "http://evil.example"), "needs https"),
        (("--auth-method", "private_key_jwt"), "go together"),
        (("--jwks-uri", "https://wiki.example.com/jwks.json"), "go together"),
        (("--public", "--auth-method", "client_secret_post"), "--public means"),
    ],
)
def test_what_may_not_be_registered_is_refused_and_nothing_is_written(
    file: Path, words: tuple[str, ...], problem: str
) -> None:
    code, out = add(file, "--write", *words)
    assert code == 1
    assert problem in out
    assert "client_secret  " not in out
    assert file.read_text() == SHIPPED


def test_clients_at_the_very_end_without_a_line_break_are_fine(file: Path) -> None:
    text = LIVE.format(issuer="https://id.example.com", listen="127.0.0.1:8080", management=9400).rstrip("\n")
    file.write_text(text)
    assert add(file, "--write")[0] == 0
    assert file.read_text().startswith(text + "\n\n  our-wiki:\n")


def test_clients_in_one_line_are_left_to_the_operator(file: Path) -> None:
    text = LIVE.format(issuer="https://id.example.com", listen="127.0.0.1:8080", management=9400)
    before, _, _ = text.partition("clients:")
    file.write_text(before + "clients: {shop: {name: S, redirect_uris: [https://a.example/cb], auth_method: none}}\n")
    code, out = add(file, "--write")
    assert code == 1
    assert "paste the entry" in out


@pytest.mark.parametrize(
    ("name", "expected"), [("Our Wiki!", "our-wiki"), ("Вики", "client-ab12"), ("--", "client-ab12")]
)
def test_an_id_is_made_from_the_name(name: str, expected: str) -> None:
    assert slug(name, "ab12") == expected


@pytest.mark.parametrize("library", LIBRARIES)
def test_code_for_every_library_comes_with_its_entry_and_ones_own_values(file: Path, library: str) -> None:
    assert set(SNIPPETS) == set(LIBRARIES)
    code, out = add(file, "--write", "--id", "our-wiki", "--for", library)
    assert code == 0, out
    (secret,) = re.findall(r"client_secret  (\S+)", out)
    told, _, filled = out.partition(f"export {SNIPPETS[library].secret}=")
    assert filled.startswith(f"{secret}\n")
    assert "http://localhost:8400" in filled
    assert "our-wiki" in filled
    for example in ("id.example.com", "shop.example.com", "shop-web", "wiki-proxy"):
        assert example not in out
    client = load(file, resolve).clients["our-wiki"]
    assert ("offline_access" in client.scopes) == SNIPPETS[library].refreshes == ("offline_access" in told)
    home = SNIPPETS[library].home
    assert client.post_logout_redirect_uris == (() if home is None else (f"https://wiki.example.com{home}",))


@pytest.mark.parametrize("library", [name for name, snippet in SNIPPETS.items() if not snippet.fixed])
def test_the_redirect_uri_in_the_code_is_the_registered_one(file: Path, library: str) -> None:
    assert f"{URI}" in add(file, "--for", library)[1].partition("export OIDC_SECRET=")[2]


def test_a_redirect_uri_where_the_library_does_not_answer_is_said(file: Path) -> None:
    out = add(file, "--for", "authjs")[1]
    assert (
        f"answers at https://wiki.example.com/auth/callback/example-id unless told otherwise; that is not {URI}" in out
    )


@pytest.mark.parametrize(
    ("words", "problem"),
    [
        (("--for", "flask_dance"), "--for flask_dance: there is no code for that (did you mean flask-dance?)"),
        (("--for", "cobol"), "there is code for authjs, express"),
        (("--for", "go", "--public"), "that code keeps a secret"),
    ],
)
def test_code_that_there_is_not_is_refused_before_anything_is_made(
    file: Path, words: tuple[str, ...], problem: str
) -> None:
    code, out = add(file, "--write", *words)
    assert (code, problem in out, "client_secret  " in out) == (1, True, False), out
    assert file.read_text() == SHIPPED
