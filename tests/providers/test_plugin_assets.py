"""A plugin as somebody else would package it, in a whole broker: its icon, its page, its names in any language."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

from broker.app import build
from broker.cli.check import look_at_pages
from broker.cli.common import resolve
from broker.config.load import load_text
from broker.config.model import Config
from broker.registry import UnknownProvider, provider_types
from tests.config.minimal import MINIMAL, SECRET
from tests.providers.test_registry import installed

pytestmark = pytest.mark.anyio

CODE = """
from pathlib import Path
from broker import upstream as sdk

class Acme(sdk.OAuth2Provider):
    assets = Path(__file__).with_name("acme_assets")
    title = {"de": "Acme-Konto", "ru": "Учётка Acme"}
    label = {"de": "Mit Acme anmelden"}
    brand = "#aa3300"

    async def begin(self, flow):
        return sdk.Widget("acme/tap.html", {"greeting": "tap here"}, flow.redirect_uri)

    async def identity(self, flow, tokens):
        raise sdk.UpstreamInvalid("nobody")
"""
PLUGIN = f"""\
  acme: {{type: acme, client_id: x, client_secret: {SECRET}}}
  house: {{type: acme, client_id: y, client_secret: {SECRET}, name: Haus-Konto}}
"""
ASKED = {
    "client_id": "shop",
    "redirect_uri": "https://shop.example.com/cb",
    "response_type": "code",
    "scope": "openid",
    "code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM",
    "code_challenge_method": "S256",
}


def write_assets(folder: Path) -> None:
    (folder / "acme_assets").mkdir()
    (folder / "acme_assets/icon.svg").write_text("<svg id='acme'/>")
    page = '{% extends "base.html" %}{% block main %}{{ view.context.greeting }}{% endblock %}'
    (folder / "acme_assets/tap.html").write_text(page)


def load(folder: Path) -> Config:
    text = MINIMAL.replace("clients:\n", f"{PLUGIN}clients:\n") + "storage: {sqlite: {path: broker.db}}\n"
    return load_text(text, "config.yaml", resolve, environ={}, base=folder).config


async def test_a_plugin_brings_its_icon_its_page_and_its_languages(tmp_path: Path) -> None:
    write_assets(tmp_path)
    with installed(tmp_path, "broker_acme_tap", CODE, acme="Acme"):
        config = load(tmp_path)
        broker = await build(config)
    try:
        transport = httpx2.ASGITransport(broker.public)
        async with httpx2.AsyncClient(transport=transport, base_url="https://id.example.com") as browser:
            chooser = await browser.get("/authorize", params=ASKED)
            icon = await browser.get("/static/icons/acme.svg")
            page = await browser.get("/authorize", params={**ASKED, "idp_hint": "acme"})
    finally:
        await broker.close()
    assert "Mit Acme anmelden" in chooser.text, "no English, so the language there is"
    assert "Haus-Konto" in chooser.text, "one text is for every language"
    assert "/static/icons/acme.svg?v=" in chooser.text
    assert (icon.status_code, icon.text) == (200, "<svg id='acme'/>")
    assert page.status_code == 200
    assert "tap here" in page.text


async def test_the_check_before_the_start_looks_at_what_it_brings(tmp_path: Path) -> None:
    write_assets(tmp_path)
    with installed(tmp_path, "broker_acme_looked", CODE, acme="Acme"):
        found = look_at_pages(load(tmp_path))
    assert found.failures == []
    assert not any("acme" in note for note in found.notes)


def test_assets_that_are_no_folder_are_refused(tmp_path: Path) -> None:
    with (
        installed(tmp_path, "broker_acme_bare", CODE, acme="Acme"),
        pytest.raises(UnknownProvider, match="assets of the type acme"),
    ):
        provider_types(["acme"])
