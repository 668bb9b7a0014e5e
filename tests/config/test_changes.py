"""What differs between two configurations, and where each value comes from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest
from pydantic import BaseModel

from broker.config.changes import NEEDS_RESTART, compare
from broker.config.load import load_database_path
from broker.config.model import Config
from broker.config.reveal import mark_of
from broker.config.show import rows
from broker.core.errors import ConfigError
from tests.config.minimal import MINIMAL, SECRET, Read

OTHER = "aN0therSecretThatIsLongEnough12345"


@pytest.mark.parametrize(
    ("change", "line"),
    [
        (lambda text: text.replace(SECRET, OTHER), "~ providers.google.client_secret: another secret"),
        (lambda text: text.replace("name: Shop", "name: Store"), "~ clients.shop.name: Shop -> Store"),
        (lambda text: text + "tokens: {code_ttl: 90s}\n", "~ tokens.code_ttl: 1m -> 90s"),
        (lambda text: text + "limits: {token: 5/s}\n", "~ limits.token: 6000/min -> 5/s"),
        (lambda text: text.replace("  shop:", "  store:"), "- clients.shop"),
        (lambda text: text.replace("  shop:", "  store:"), "+ clients.store"),
        (lambda text: text + "login: {order: [google]}\n", '~ login.order: [] -> ["google"]'),
        (
            lambda text: text + "ui: {product_name: {en: Ours, ru: Наш}}\n",
            '~ ui.product_name: Sign-in -> {"en": "Ours", "ru": "Наш"}',
        ),
    ],
)
def test_a_difference_is_a_line_without_a_secret(read: Read, change: Callable[[str], str], line: str) -> None:
    lines = [one.line for one in compare(read(MINIMAL).config, read(change(MINIMAL)).config)]
    assert line in lines
    assert len(lines) <= 2
    assert not any(secret in told for told in lines for secret in (SECRET, OTHER))


def test_the_same_values_make_no_difference_and_have_the_same_mark(read: Read) -> None:
    one, again = read(MINIMAL).config, read(f"# as before\n{MINIMAL}tokens: {{code_ttl: 60s}}\n").config
    other = read(MINIMAL.replace(SECRET, OTHER)).config
    assert compare(one, again) == ()
    assert mark_of(one, b"k") == mark_of(again, b"k") != mark_of(other, b"k")
    assert mark_of(one, b"k") != mark_of(one, b"another key")


def test_what_the_process_stands_on_needs_a_restart_and_the_rest_does_not(read: Read) -> None:
    before = read(MINIMAL).config
    fixed = read(
        MINIMAL.replace("id.example", "login.example") + "network: {trust_env: true}\nkeys: {keep_after: 40d}\n"
    )
    assert [one.needs_restart for one in compare(before, fixed.config)] == [True] * 3
    free = read(MINIMAL + "tokens: {code_ttl: 90s}\nlogging: {level: debug}\nserver: {trusted_proxies: [10.0.0.0/8]}\n")
    assert [one.needs_restart for one in compare(before, free.config)] == [False] * 3


@pytest.mark.parametrize("path", NEEDS_RESTART)
def test_every_key_that_needs_a_restart_is_one(path: tuple[str, ...]) -> None:
    model: object = Config
    for step in path:
        assert isinstance(model, type)
        assert issubclass(model, BaseModel)
        model = model.model_fields[step].annotation


def test_a_client_whose_people_would_get_other_subjects_is_told_from_a_new_one(read: Read) -> None:
    before = read(MINIMAL).config
    estranged = read(MINIMAL + "    subject_type: pairwise\n").config
    assert [one.estranges for one in compare(before, estranged)] == [True]
    renamed = read(MINIMAL.replace("  shop:", "  store:") + "    subject_type: pairwise\n").config
    assert not any(one.estranges for one in compare(before, renamed))


def test_every_value_has_its_origin(read: Read) -> None:
    text = MINIMAL.replace(SECRET, "${env:GOOGLE_SECRET}")
    told = {key: (value, origin) for key, value, origin in rows(read(text, {"GOOGLE_SECRET": SECRET}))}
    assert told["issuer"] == ("https://id.example.com", "config.yaml:2")
    assert told["providers.google.client_secret"] == ("‹env:GOOGLE_SECRET›", "config.yaml:7 env:GOOGLE_SECRET")
    assert told["tokens.code_ttl"] == ("1m", "default")
    assert told["clients.shop.redirect_uris"] == ('["https://shop.example.com/cb"]', "config.yaml:11")
    over = dict((key, origin) for key, _, origin in rows(read(MINIMAL), {("logging", "level"): "BROKER_LOG_LEVEL"}))
    assert over["logging.level"] == "BROKER_LOG_LEVEL"


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("", "{base}/broker.db"),
        ("storage: {sqlite: {path: other.db}}\nwrong: key\n", "{base}/other.db"),
        ("storage: {sqlite: {path: '${PLACE}/x.db'}}\n", "/srv/x.db"),
        ("storage: wrong\n", "{base}/broker.db"),
        ("storage: {sqlite: {path: ':memory:'}}\n", ":memory:"),
    ],
)
def test_the_database_is_found_in_a_file_that_is_no_good(tmp_path: Path, text: str, found: str) -> None:
    (tmp_path / "config.yaml").write_text(text or "a: b\n")
    assert load_database_path(tmp_path / "config.yaml", environ={"PLACE": "/srv"}) == found.format(base=tmp_path)


def test_in_what_is_no_yaml_nothing_is_found(tmp_path: Path) -> None:
    (tmp_path / "config.yaml").write_text("a: [\n")
    with pytest.raises(ConfigError, match="is not YAML"):
        load_database_path(tmp_path / "config.yaml")
