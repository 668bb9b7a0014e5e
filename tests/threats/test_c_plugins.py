"""Packages of others that bring a provider: what they are given, and how far their failures reach."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from dataclasses import fields
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

from broker.app import build
from broker.cli.common import resolve
from broker.config.load import load_text
from broker.config.model import Config
from broker.core.errors import ConfigError, UpstreamUnavailable
from broker.registry import provider_types
from broker.services.providers import ProviderInstance
from broker.testing.bench import FLOW, NOW, Notes
from broker.upstream.http import HttpPool
from broker.upstream.lend import lend
from broker.upstream.model import Tools
from tests.config.minimal import MINIMAL, SECRET
from tests.providers.test_registry import installed

pytestmark = pytest.mark.anyio

SEEING = """
from broker import upstream as sdk

SEEN = []

class Seeing(sdk.OAuth2Provider):
    title = {"en": "Seeing"}
    label = {"en": "Seeing"}
    brand = "#000000"
    authorize_url = "https://seeing.example/authorize"
    token_url = "https://seeing.example/token"

    def __init__(self, *given):
        SEEN.extend(given)
        super().__init__(*given)

    async def identity(self, flow, tokens):
        raise sdk.UpstreamInvalid("nobody")
"""
REFUSING = (
    SEEING
    + """
class Refusing(Seeing):
    def __init__(self, settings, tools):
        raise RuntimeError(settings.client_secret.get_secret_value())
"""
)
SLOW = (
    SEEING
    + """
import asyncio

class Slow(Seeing):
    async def begin(self, flow):
        await asyncio.sleep(3600)
"""
)


def load(folder: Path, kind: str) -> Config:
    """The minimal configuration with one provider more."""
    more = f"  odd: {{type: {kind}, client_id: x, client_secret: {SECRET}}}\n"
    text = MINIMAL.replace("clients:\n", f"{more}clients:\n") + "storage: {sqlite: {path: broker.db}}\n"
    return load_text(text, "config.yaml", resolve, environ={}, base=folder).config


async def test_c21_a_plugin_is_given_its_own_settings_and_the_guarded_client_and_nothing_else(tmp_path: Path) -> None:
    with installed(tmp_path, "broker_seeing_a", SEEING, seeing="Seeing"):
        config = load(tmp_path, "seeing")
        broker = await build(config)
        seen: list[Any] = import_module("broker_seeing_a").SEEN
        await broker.close()
    settings, tools = seen
    assert settings is config.providers["odd"]
    assert isinstance(tools, Tools)
    known = {"http", "jwt", "now", "browser_url", "metadata", "odd", "calls"}
    assert {field.name for field in fields(tools)} == known, (
        "a further tool is a further power: is it the plugin's own?"
    )
    public = [name for name in dir(tools.http) if not name.startswith("_")]
    assert not {"pool", "session", "for_provider", "settings", "config"} & set(public)


async def test_c21_a_plugins_client_calls_nobody_inside() -> None:
    pool = await HttpPool.open()
    try:
        kind = provider_types(["yandex"])["yandex"]
        settings = kind.Settings.model_validate({"type": "yandex", "client_id": "x", "client_secret": "y"})
        http = lend(pool, "x", settings, recorder=Notes(), now=lambda: NOW).http
        for address in ("http://127.0.0.1:1/", "https://169.254.169.254/latest", "https://[::1]/", "https://10.0.0.1/"):
            with pytest.raises(UpstreamUnavailable):
                await http.get_json(address)
    finally:
        await pool.close()


async def test_c21_one_that_cannot_be_imported_stops_the_start_by_name(tmp_path: Path) -> None:
    with (
        installed(tmp_path, "broker_seeing_b", "import nothing_of_that_name\n", seeing="Seeing"),
        pytest.raises(ConfigError, match=r"type seeing of broker_seeing_b cannot be imported \(ModuleNotFoundError"),
    ):
        load(tmp_path, "seeing")


async def test_c21_one_that_cannot_be_made_stops_the_start_by_name_and_tells_no_secret(tmp_path: Path) -> None:
    with installed(tmp_path, "broker_seeing_c", REFUSING, seeing="Refusing"):
        config = load(tmp_path, "seeing")
        with pytest.raises(
            ConfigError, match=r"providers\.odd: the type seeing does not start .*RuntimeError"
        ) as caught:
            await build(config)
    assert SECRET not in str(caught.value)


async def test_c21_a_slow_one_costs_its_own_visitors_a_deadline_and_others_nothing(tmp_path: Path) -> None:
    with installed(tmp_path, "broker_seeing_d", SLOW, seeing="Slow"):
        kinds = provider_types(["seeing", "yandex"])
    pool = await HttpPool.open()
    try:
        slow, quick = (_instance(pool, name, kind) for name, kind in kinds.items())
        loop = asyncio.get_running_loop()
        began = loop.time()
        waiting = asyncio.create_task(slow.in_time(slow.provider.begin(FLOW), 0.5))
        await quick.in_time(quick.provider.begin(FLOW), 0.5)
        assert not waiting.done(), "whoever goes elsewhere does not wait for it"
        with pytest.raises(UpstreamUnavailable, match="seeing took longer"):
            await waiting
        assert loop.time() - began < 20
    finally:
        await pool.close()


def _instance(pool: HttpPool, name: str, kind: Any) -> ProviderInstance:
    given: Mapping[str, str] = {"type": name, "client_id": "x", "client_secret": SECRET}
    settings = kind.Settings.model_validate(given)
    return ProviderInstance.of(name, name, name, kind(settings, lend(pool, name, settings, recorder=Notes())))
