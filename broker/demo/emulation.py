"""A configuration turned toward emulated upstreams: one emulator per provider type, knowing the configured apps."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlsplit

from pydantic import SecretStr

from broker.config.model import Config
from broker.core.wire.addresses import TRIAL_PORT, origin_of
from broker.demo.upstreams import EMULATORS, VK, Emulator, Options, RegisteredApp, Telegram
from broker.demo.upstreams.oidc_clients import public_half
from broker.demo.upstreams.telegram_signed import mini_app_public_key
from broker.upstream.client_auth import ProofSettings
from broker.upstream.encryption import EncryptionSettings
from broker.upstream.model import ProviderSettings
from broker.upstream.oidc_session import SessionSettings

PORTS: Final[Mapping[str, int]] = {kind: emulator.port for kind, emulator in EMULATORS.items()}
"""One port per emulated upstream."""

ELSEWHERE = "https://other-app.example/callback"
"""Where the second app of every emulator lives; nobody listens there."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where an emulator is, as browsers and as the broker see it."""

    browser: str
    server: str


def emulated_types(config: Config) -> tuple[str, ...]:
    """The types of the enabled providers that have an emulator, in the order of the emulators' ports."""
    wanted = {settings.type for settings in config.providers.values() if settings.enabled}
    return tuple(kind for kind in EMULATORS if kind in wanted)


def with_all(config: Config) -> Config:
    """The configuration with every provider enabled that has an emulator."""
    providers = {
        name: settings.model_copy(update={"enabled": True}) if settings.type in EMULATORS else settings
        for name, settings in config.providers.items()
    }
    return config.model_copy(update={"providers": providers})


def left_out(config: Config) -> tuple[str, ...]:
    """The enabled providers nobody emulates."""
    return tuple(name for name, s in config.providers.items() if s.enabled and s.type not in EMULATORS)


def build_emulators(config: Config, options: Options | None = None) -> dict[str, Emulator]:
    """One emulator per type, with an app for every provider of that type and one app of somebody else."""
    found = {}
    for kind in emulated_types(config):
        instances = [(name, s) for name, s in config.providers.items() if s.type == kind and s.enabled]
        apps = registered_apps(config.issuer, instances, _pages(config), _posting(config))
        found[kind] = EMULATORS[kind]([*apps, _other_app(apps[0])], options or Options())
    return found


def turned(config: Config, addresses: Mapping[str, Address], emulators: Mapping[str, Emulator]) -> Config:
    """The configuration with base URLs at the emulators and nothing that outlives the process."""
    providers = {name: _turned(settings, addresses, emulators) for name, settings in config.providers.items()}
    sqlite = config.storage.sqlite.model_copy(update={"path": ":memory:"})
    storage = config.storage.model_copy(update={"sqlite": sqlite, "transient": "sqlite"})
    network = config.network.model_copy(update={"upstreams": "emulated"})
    return config.model_copy(update={"providers": providers, "storage": storage, "network": network})


def at_demo(config: Config) -> Config:
    """The configuration with base URLs at a demo with the usual ports, which runs by itself on this machine."""
    addresses = {kind: Address(url, url) for kind, url in ((k, f"http://127.0.0.1:{n}") for k, n in PORTS.items())}
    return turned(config, addresses, build_emulators(with_all(config)))


def registered_apps(
    issuer: str,
    instances: Iterable[tuple[str, ProviderSettings]],
    pages: Iterable[str] = (),
    posting: Iterable[tuple[str, str]] = (),
) -> list[RegisteredApp]:
    """What the developer of these providers would have typed into the upstream's console.

    `pages` are the origins, besides the issuer's, whose pages may run the upstream's script. `posting`: from pages of
    which clients it may post to us, as name of the provider and client id.
    """
    origins = " ".join(dict.fromkeys([origin_of(issuer), *pages]))
    apps: dict[str, RegisteredApp] = {}
    for name, settings in instances:
        known = apps.get(settings.client_id, RegisteredApp(settings.client_id, ""))  # two providers may share an app
        logins = (f"{issuer}/credential/{name}/{client_id}" for provider, client_id in posting if provider == name)
        here = f"http://127.0.0.1:{TRIAL_PORT}/callback/{name}"
        callbacks = (*known.redirect_uris, f"{issuer}/callback/{name}", here, *logins)
        extras = {**known.extras, **_extras(settings, issuer), "javascript_origins": origins}
        if getattr(settings, "bot_start", False):
            extras["webhook_url"] = f"{issuer}/updates/{name}"
        if getattr(settings, "events", False):
            extras["events_url"] = f"{issuer}/events/{name}"
        if isinstance(settings, SessionSettings):
            extras |= _logout_extras(settings, issuer, name)
        if isinstance(settings, ProofSettings):
            extras |= _proof_extras(settings)
        secret = _plain(getattr(settings, "client_secret", None)) or known.client_secret
        apps[settings.client_id] = RegisteredApp(settings.client_id, secret, callbacks, extras)
    return list(apps.values())


def _pages(config: Config) -> Iterable[str]:
    """Where apps have pages: their origins, as far as they are on the web."""
    for client in config.clients.values():
        yield from filter(None, (*client.origins, *map(origin_of, client.redirect_uris)))


def _posting(config: Config) -> tuple[tuple[str, str], ...]:
    clients = config.clients.items()
    return tuple((name, one) for one, client in clients if client.initiate_login_uri for name in client.accept_posted)


def _extras(settings: ProviderSettings, issuer: str) -> dict[str, str]:
    names = {"issuer": "issuer", "service_token": "service_token", "public_key": "public_key", "bot_token": "bot_token"}
    names |= {"bot_username": "username", "webhook_secret": "webhook_secret"}
    names |= {name: name for name in ("team_id", "key_id", "private_key", "tenant", "native_redirect_uri")}
    found = {ours: _plain(getattr(settings, theirs, None)) for theirs, ours in names.items()}
    found["domain"] = urlsplit(issuer).netloc
    found["native_client_ids"] = " ".join(getattr(settings, "native_client_ids", ()))
    return {name: text for name, text in found.items() if text}


def _proof_extras(settings: ProofSettings) -> dict[str, str]:
    """The public halves of our keys, and what is to be encrypted by which."""
    found = {}
    if settings.token_endpoint_auth_method == "private_key_jwt":
        found["assertion_key"] = public_half(_plain(settings.client_assertion.key))
    wanted = getattr(settings, "id_token_encryption", None)
    if isinstance(wanted, EncryptionSettings) and wanted.key is not None:
        found |= {"encryption_key": public_half(_plain(wanted.key))}
        found |= {"encryption_alg": wanted.alg, "encryption_enc": wanted.enc}
    return found


def _logout_extras(settings: SessionSettings, issuer: str, name: str) -> dict[str, str]:
    """What an OpenID Provider asks for about logging out; the place to come back to is anywhere at the broker."""
    found = {"post_logout_redirect_uri": f"{issuer}/"} if settings.logout.rp_initiated else {}
    return found | ({"backchannel_logout_uri": f"{issuer}/backchannel/{name}"} if settings.logout.backchannel else {})


def _turned(settings: Any, addresses: Mapping[str, Address], emulators: Mapping[str, Emulator]) -> Any:
    """Settings of one provider; `Any` because each type has a class of its own."""
    address = addresses.get(settings.type)
    if address is None:
        return settings.model_copy(update={"enabled": False})
    update: dict[str, object] = {"browser_base": address.browser, "server_base": address.server}
    emulator = emulators[settings.type]
    if isinstance(emulator, VK) and settings.id_token_key is not None:
        update["id_token_key"] = emulator.public_key().decode("ascii")
    if isinstance(emulator, Telegram):
        update["init_data_key"] = mini_app_public_key()
    return settings.model_copy(update=update)


def _other_app(app: RegisteredApp) -> RegisteredApp:
    """Somebody else's app at the same upstream: its codes and tokens must never sign anybody in here."""
    digits = app.client_id.isdigit()
    client_id = str(int(app.client_id) + 1) if digits else f"other-{app.client_id}"
    extras = {"public_key": "OTHERPUBLICKEY", "bot_token": f"{client_id}:other-bot-token", "username": "other_bot"}
    extras |= {"native_client_ids": f"phone-{client_id}"}
    return RegisteredApp(client_id, "other-app-secret", (ELSEWHERE,), extras)


def _plain(value: object) -> str:
    if isinstance(value, SecretStr):
        return value.get_secret_value()
    return value if isinstance(value, str) else ""
