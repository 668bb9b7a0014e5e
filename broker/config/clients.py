"""The clients of config.yaml as the rest of the broker knows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from hashlib import sha256
from pathlib import Path

from broker.config.client_model import ClientSettings
from broker.config.model import Config
from broker.core.clients.client import Client, settle
from broker.core.people.subject import own_sector
from broker.core.terms import AuthMethod, Profile
from broker.core.wire.addresses import sector_hosts


def build_clients(config: Config) -> dict[str, Client]:
    """The clients of config.yaml by client_id."""
    return {name: build_client_of(config, name, settings) for name, settings in config.clients.items()}


def build_client_of(config: Config, client_id: str, settings: ClientSettings) -> Client:
    """One client beside these providers."""
    client = build_client(client_id, settings, emulated=config.network.upstreams == "emulated")
    return replace(client, upstream_tokens=_scopes_of(client, config))


def _scopes_of(client: Client, config: Config) -> dict[str, tuple[str, ...]]:
    """What the tokens are good for that it may have of each provider, which the type of the provider knows."""
    chosen = {name: config.providers[name] for name in client.upstream_tokens if name in config.providers}
    return {name: tuple(getattr(settings, "kept_scopes", ())) for name, settings in chosen.items()}


def build_client(client_id: str, settings: ClientSettings, *, emulated: bool) -> Client:
    """One client. Only beside emulated upstreams may it be anywhere on this machine.

    A key that means in the core what it means in the file is settled by its name. What is said here follows from more
    than one key, or is held in another form.
    """
    said = {name: getattr(settings, name) for name in ClientSettings.model_fields}
    client = settle(client_id, localised(settings.name), settings.redirect_uris, said)
    method = settings.auth_method if isinstance(settings.auth_method, AuthMethod) else AuthMethod.BASIC
    hosts = sector_hosts(settings.redirect_uris)
    sector = settings.sector or (next(iter(hosts)) if len(hosts) == 1 else own_sector(client_id))
    # Only for the method that needs it: every other secret is forgotten once it is hashed.
    shared = settings.secret if method is AuthMethod.SECRET_JWT else None
    return replace(
        client,
        auth_method=method,
        secret_either_way=method is not settings.auth_method,
        secret_digests=_digests(settings),
        access=settings.access.policy,
        loopback_redirects=settings.loopback_redirects and emulated,
        logo=logo_name(client_id, settings.logo),
        upstream_tokens=dict.fromkeys(settings.upstream_tokens, ()),
        assertions=replace(
            client.assertions,
            shared_secrets=(shared.get_secret_value(),) if shared is not None else (),
            legacy_audience=settings.assertion_audience == "legacy",
        ),
        tokens=replace(client.tokens, sector=sector, refresh_rotated=settings.profile is not Profile.FAPI2),
    )


def _digests(settings: ClientSettings) -> tuple[str, ...]:
    kept = tuple(text.removeprefix("sha256:") for text in settings.secret_hashes)
    if settings.secret is None:
        return kept
    return (*kept, sha256(settings.secret.get_secret_value().encode()).hexdigest())


def localised(text: str | Mapping[str, str]) -> Mapping[str, str]:
    """One text per language."""
    return {"en": text, "ru": text} if isinstance(text, str) else dict(text)


def logo_name(client_id: str, path: str | None) -> str:
    """A static file name of our own making; nothing of the operator's path is shown."""
    if not path:
        return ""
    return f"logo-{sha256(client_id.encode()).hexdigest()[:12]}{Path(path).suffix.lower()}"
