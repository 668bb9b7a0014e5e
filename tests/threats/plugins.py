"""Provider packages as others might write them, installed for one site: one that breaks, one that reaches for more."""

from __future__ import annotations

from pathlib import Path
from typing import Final

PATH_SECRET: Final = "words-of-an-exception-nobody-may-read"

_BROKEN: Final = f'''
from broker.upstream import Channel, ConfidentialSettings, Flow, Identity, Redirect, Reply


class Broken:
    """Raises what nobody foresaw, wherever `login_hint` says."""

    Settings = ConfidentialSettings
    channels = frozenset({{Channel.QUERY}})
    title = {{"ru": "Broken", "en": "Broken"}}
    label = {{"ru": "Broken", "en": "Broken"}}
    brand = "#000000"

    def __init__(self, settings, tools):
        self.settings = settings

    async def begin(self, flow: Flow):
        if flow.wishes.login_hint == "begin":
            raise RuntimeError("{PATH_SECRET} " + self.settings.client_secret.get_secret_value())
        return Redirect(flow.redirect_uri + "?code=x&state=" + flow.state)

    async def finish(self, flow: Flow, reply: Reply) -> Identity:
        if flow.wishes.login_hint == "finish":
            raise KeyError("{PATH_SECRET} code=" + reply.params["code"])
        if flow.wishes.login_hint == "nothing":
            return None
        return Identity("1", {{"name": "Somebody"}})

    async def verify_unasked(self, params):
        raise ZeroDivisionError("{PATH_SECRET}")
'''


def install(folder: Path) -> Path:
    """A directory for PYTHONPATH with the package and its entry point."""
    place = folder / "plugins"
    about = place / "broker_broken-1.0.dist-info"
    about.mkdir(parents=True)
    (place / "broker_broken.py").write_text(_BROKEN)
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: broker-broken\nVersion: 1.0\n")
    (about / "entry_points.txt").write_text("[broker.providers]\nbroken = broker_broken:Broken\n")
    return place
