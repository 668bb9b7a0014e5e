"""What the demo's phone app is told: the broker, its own id, and where the emulated kits are."""

from __future__ import annotations

from collections.abc import Mapping

from broker.config.model import Config
from broker.demo.emulation import PORTS, emulated_types
from broker.demo.sample_phone import Kit, Phone, Server


def phone_client(config: Config) -> str:
    """The client_id of the phone app: the first without secret and web page that may bring what kits gave, or ""."""
    for client_id, client in config.clients.items():
        if client.auth_method == "none" and client.accept_posted and not client.origins:
            return client_id
    return ""


def build_phone(config: Config, upstreams: Mapping[str, str] | None = None) -> Phone | None:
    """The app; None without a client for it. `upstreams` are by type, at the demo's own ports by default."""
    client_id = phone_client(config)
    if not client_id:
        return None
    there = upstreams or {kind: f"http://127.0.0.1:{PORTS[kind]}" for kind in emulated_types(config)}
    kits = {}
    for name in config.clients[client_id].accept_posted:
        settings = config.providers[name]
        if settings.enabled and settings.type in there:
            native = next(iter(getattr(settings, "native_client_ids", ())), "")
            app, server = (native, settings.client_id) if native else (settings.client_id, "")
            kits[name] = Kit(name, there[settings.type], app, server)
    return Phone(config.issuer, client_id, kits)


def build_server(config: Config) -> Server | None:
    """The app's server: the first client with a secret in the configuration that may ask whose an id is, or None."""
    for client_id, client in config.clients.items():
        if client.lookup_identities and client.secret is not None:
            return Server(config.issuer, client_id, client.secret.get_secret_value())
    return None
