"""The config.yaml that ships: good, complete, and refused where it must not be used."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from broker.cli.common import resolve
from broker.config.load import load, load_text
from broker.config.model import Config
from broker.config.schema import build_schema
from broker.config.show import render
from broker.config.source import parse
from broker.core.errors import ConfigError
from broker.demo.run import own_client
from providers import BUILTIN
from tests.config.draft07 import as_yaml, faults

ROOT = Path(__file__).parents[2]
TEXT = (ROOT / "config.yaml").read_text("utf-8")
DEPLOYED = sorted([ROOT / "config.yaml", *(ROOT / "deploy").rglob("config.yaml")])


def models(model: type[BaseModel]) -> Iterator[type[BaseModel]]:
    yield model
    for field in model.model_fields.values():
        for part in parts(field.annotation):
            if isinstance(part, type) and issubclass(part, BaseModel):
                yield from models(part)


def parts(annotation: Any) -> Iterator[Any]:
    yield annotation
    for part in get_args(annotation):
        yield from parts(part)


def test_it_can_be_served_as_it_is(tmp_path: Path) -> None:
    config = load_text(TEXT, "config.yaml", resolve, environ={}, base=tmp_path).config
    assert config.issuer == "http://localhost:8400"
    assert config.network.upstreams == "emulated"
    assert {settings.type for settings in config.providers.values()} == set(BUILTIN)
    assert {"demo-app", "demo-spa", "demo-native", "demo-own"} <= set(config.clients)


@pytest.mark.parametrize("page", ["README.md", "README.ru.md", "docs/tutorial/first-login.md"])
def test_the_three_values_for_an_own_app_are_those_that_people_read(page: str, tmp_path: Path) -> None:
    config = load_text(TEXT, "config.yaml", resolve, environ={}, base=tmp_path).config
    text = (ROOT / page).read_text("utf-8")
    for value in (config.issuer, *own_client(config)):
        assert f"`{value}`" in text


SECRET = "q7Jw0vXcT3mLzK9sYb2NfR8dGhE5uAiP"
HASH = "sha256:" + "a" * 64


def test_it_warns_of_nothing(tmp_path: Path) -> None:
    assert load_text(TEXT, "config.yaml", resolve, environ={}, base=tmp_path).warnings == ()


@pytest.mark.parametrize(
    "model", [*models(Config), *(resolve(kind) for kind in BUILTIN)], ids=lambda model: model.__name__
)
def test_every_key_stands_in_it(model: type[BaseModel]) -> None:
    missing = [key for key in model.model_fields if not re.search(rf"\b{key}(:|, \w+: )", TEXT)]
    assert missing == []


def test_going_live_with_the_demos_secrets_is_refused(tmp_path: Path) -> None:
    live = TEXT.replace("upstreams: emulated", "upstreams: real").replace(
        "http://localhost:8400", "https://id.example.com"
    )
    with pytest.raises(ConfigError) as caught:
        load_text(live, "config.yaml", resolve, environ={}, base=tmp_path)
    found = {line.split(": ")[1] for line in caught.value.problems if "secret of the demo" in line}
    assert found >= {"providers.google.client_secret", "providers.telegram.bot_token", "clients.demo-app.secret"}


def test_going_live_is_ids_secrets_apps_and_one_switch(tmp_path: Path) -> None:
    text, environ = go_live()
    loaded = load_text(text, "config.yaml", resolve, environ=environ, base=tmp_path)
    assert loaded.config.network.upstreams == "real"
    assert loaded.warnings == ()


def waiting() -> set[str]:
    """What providers that are switched off take from the environment: they may wait for their values."""
    off = [section for section in TEXT.split("\n\n") if "\n    enabled: false" in section]
    return {name for section in off for name in re.findall(r"\$\{env:(\w+)", section)}


def test_no_value_of_the_demo_goes_live(tmp_path: Path) -> None:
    text, environ = go_live()
    demos = {name: rf"\$\{{env:{name}:-(?P<default>[^}}]+)\}}" for name in environ if name != "BROKER_LISTEN"}
    assert len(demos) > 10
    for name, pattern in demos.items():
        found = re.search(pattern, TEXT)
        assert found is not None, name
        if name in waiting():
            continue
        changed = environ | {name: found["default"]}
        if name == "TELEGRAM_CLIENT_ID":  # a token of another bot would be refused for that
            changed["TELEGRAM_BOT_TOKEN"] = f"{found['default']}:{SECRET}"
        with pytest.raises(ConfigError) as caught:
            load_text(text, "config.yaml", resolve, environ=changed, base=tmp_path)
        of_the_demo = [line for line in caught.value.problems if "demo" in line.split(": ", 2)[2]]
        assert of_the_demo or name == "TELEGRAM_BOT_TOKEN", caught.value.problems


def test_no_app_of_the_demo_goes_live(tmp_path: Path) -> None:
    _, environ = go_live()
    live = TEXT.replace("upstreams: emulated", "upstreams: real")
    with pytest.raises(ConfigError) as caught:
        load_text(
            live,
            "config.yaml",
            resolve,
            environ=environ | {"DEMO_APP_SECRET": SECRET, "DEMO_OWN_SECRET": SECRET},
            base=tmp_path,
        )
    apps = re.findall(r"^  (demo-[a-z]+):", TEXT, re.MULTILINE)
    assert [line.split(": ", 1)[1] for line in caught.value.problems] == [
        f"clients.{app}: is an app of the demo: remove it" for app in apps
    ]


def go_live() -> tuple[str, dict[str, str]]:
    """config.yaml as an operator leaves it: own ids and secrets in the environment, one app of their own."""
    section = re.compile(r"^clients:\n(?:(?: .*)?\n|  .*\n)*", re.MULTILINE)
    own = f"clients:\n  shop: {{name: S, redirect_uris: [https://shop.example.com/cb], secret_hashes: [{HASH}]}}\n\n"
    text = section.sub(own, TEXT.replace("upstreams: emulated", "upstreams: real"), count=1)
    names = re.findall(r"^[^#\n]*\$\{env:([A-Z_]+):-", text, re.MULTILINE)
    environ = {name: SECRET for name in names if name != "BROKER_LISTEN"}
    environ |= {name: "7012345678" for name in names if name.startswith("TELEGRAM_CLIENT_ID")}
    environ |= {"TELEGRAM_BOT_TOKEN": f"7012345678:{SECRET}", "BROKER_ISSUER": "https://id.example.com"}
    environ |= {"GOOGLE_ANDROID_CLIENT_ID": "7-android.apps.googleusercontent.com"}
    return text, environ | {"VK_CLIENT_ID": "51777777", "OK_CLIENT_ID": "512777777777"}


def test_a26_an_app_without_fixed_addresses_goes_live_nowhere(tmp_path: Path) -> None:
    text, environ = go_live()
    text = text.replace("redirect_uris: [https://shop.example.com/cb]", "loopback_redirects: true")
    with pytest.raises(ConfigError) as caught:
        load_text(text, "config.yaml", resolve, environ=environ, base=tmp_path)
    assert ["clients.shop.loopback_redirects: is for the demo" in line for line in caught.value.problems] == [True]


def test_the_effective_configuration_shows_no_secret(tmp_path: Path) -> None:
    environ = {"GOOGLE_CLIENT_SECRET": "canary-canary-canary-canary"}
    shown = render(load_text(TEXT, "config.yaml", resolve, environ=environ, base=tmp_path))
    assert "canary" not in shown
    assert "demo-vk-secret" not in shown
    assert "not-for-production" not in shown
    assert "client_secret: ‹env:GOOGLE_CLIENT_SECRET›" in shown
    assert "client_secret: ‹hidden›" in shown
    assert "code_ttl: 1m" in shown


def test_the_effective_configuration_can_be_read_again_where_nothing_is_secret(tmp_path: Path) -> None:
    loaded = load_text(TEXT, "config.yaml", resolve, environ={}, base=tmp_path)
    again = parse(render(loaded), "shown.yaml").data
    assert again["tokens"] == {
        "code_ttl": "1m",
        "id_token_ttl": "10m",
        "access_token_ttl": "15m",
        "refresh_token": {"idle_ttl": "30d", "absolute_ttl": "180d", "reuse_grace": "10s"},
        "dpop_nonce": "optional",
    }


@pytest.mark.parametrize("path", DEPLOYED, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_schema_accepts_what_ships(path: Path) -> None:
    schema = build_schema({kind: resolve(kind) for kind in BUILTIN})
    data = parse(path.read_text("utf-8"), path.name).data
    assert list(faults(schema, as_yaml(data))) == []


@pytest.mark.parametrize(
    ("change", "where"),
    [
        (lambda data: data["server"].update(listn="x"), ".server.listn"),
        (lambda data: data["tokens"].update(code_ttl="soon"), ".tokens.code_ttl"),
        (lambda data: data["ui"].update(theme="pink"), ".ui.theme"),
        (lambda data: data["clients"]["demo-app"].pop("name"), ".clients.demo-app"),
        (lambda data: data["providers"]["ok"].pop("public_key"), ".providers.ok"),
        (lambda data: data["providers"]["ok"].update(type="okay"), ".providers.ok"),
    ],
)
def test_the_schema_refuses_what_the_loader_refuses(change: Callable[[Any], object], where: str) -> None:
    schema = build_schema({kind: resolve(kind) for kind in BUILTIN})
    data = as_yaml(parse(TEXT, "config.yaml").data)
    change(data)
    assert where in list(faults(schema, data))


def test_the_schema_takes_a_placeholder_where_a_number_or_a_choice_is_wanted() -> None:
    schema = build_schema({kind: resolve(kind) for kind in BUILTIN})
    data = as_yaml(parse(TEXT, "config.yaml").data)
    data["ui"]["theme"] = "${THEME}"
    data["login"]["show_last_used"] = "${SHOW:-true}"
    assert list(faults(schema, data)) == []


def test_the_file_is_found_under_the_name_people_type() -> None:
    before = Path.cwd()
    os.chdir(ROOT)
    try:
        assert load("config.yaml", resolve).version == 1
    finally:
        os.chdir(before)
