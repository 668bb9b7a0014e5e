"""What a site is configured with: every provider type, a client of every kind, secrets made for this run."""

from __future__ import annotations

import secrets
from base64 import b64encode
from typing import Any, Final

from broker.demo.upstreams.telegram_signed import mini_app_public_key

APP: Final = "https://app.example.com/callback"
SHOP: Final = "https://shop.example.com/cb?keep=1"
NATIVE: Final = "com.example.native:/cb"
_COUNTED: Final = (
    *("login_start", "callback", "token", "client_auth_failure", "identity_lookup", "registration", "upstream_logout"),
    *("account", "device_code_entry", "device_code_wrong", "notify"),
)
_PLENTY: Final = dict.fromkeys(_COUNTED, "1000000/s")


def _secret(name: str) -> str:
    """A secret that says whose it is and occurs nowhere by chance."""
    return f"{name}-{secrets.token_hex(20)}"


def provider_keys() -> dict[str, dict[str, Any]]:
    """Every built-in type, two instances of some, with secrets made for this run."""
    bot = f"7000000009:{_secret('bot')}"
    return {
        "google": {"type": "google", "client_id": "g-one", "client_secret": _secret("google")},
        "google-two": {"type": "google", "client_id": "g-two", "client_secret": _secret("google2")},
        "vk": {"type": "vk", "client_id": "51000009"},
        "ok": {"type": "ok", "client_id": "512000000009", "client_secret": _secret("ok"), "public_key": "CKEY1"},
        "ok-client": {
            "type": "ok",
            "client_id": "512000000019",
            "client_secret": _secret("ok2"),
            "public_key": "CKEY2",
            "mode": "client",
        },
        "strangers": {
            "type": "google",
            "client_id": "g-strangers",
            "client_secret": _secret("google3"),
            "linking": "confirm",
        },
        "yandex": {"type": "yandex", "client_id": "9" * 32, "client_secret": _secret("yandex")},
        "telegram": {
            "type": "telegram",
            "client_id": "7000000009",
            "client_secret": _secret("telegram"),
            "bot_token": bot,
            "init_data_key": mini_app_public_key(),
            "accept_posted": ["init_data"],
        },
        "widget": {"type": "telegram", "mode": "widget", "client_id": "7000000009", "bot_token": bot},
    }


def client_keys() -> dict[str, dict[str, Any]]:
    """One client of every kind the tests need, by client_id."""
    everything = ["openid", "profile", "email", "phone", "address", "offline_access", "identities"]
    return {
        "app": {
            "name": "App",
            "redirect_uris": [APP],
            "secret": _secret("app"),
            "auth_method": "client_secret_basic",
            "scopes": everything,
            "first_party": True,
            "initiate_login_uri": "https://app.example.com/login",
            "mini_apps": ["telegram"],
            "home_uri": "https://app.example.com/",
        },
        "second": {
            "name": "Second",
            "redirect_uris": ["https://second.example.com/cb"],
            "secret": _secret("second"),
            "scopes": everything,
            "first_party": True,
            "auth_method": "client_secret_post",
        },
        "shop": {
            "name": "Shop",
            "redirect_uris": [SHOP],
            "secret": _secret("shop"),
            "scopes": ["openid", "profile", "offline_access"],
            "initiate_login_uri": "https://shop.example.com/login",
        },
        "spa": {
            "name": "Single page",
            "redirect_uris": ["https://spa.example.com/cb"],
            "auth_method": "none",
            "first_party": True,
            "scopes": everything,
            "origins": ["https://spa.example.com"],
            "access_token_format": "jwt",
        },
        "native": {"name": "Native", "redirect_uris": [NATIVE], "auth_method": "none", "first_party": True},
        "packaged": {"name": "Packaged", "redirect_uris": [NATIVE], "secret": _secret("packaged"), "first_party": True},
        "limited": {
            "name": "Limited",
            "redirect_uris": ["https://limited.example.com/cb"],
            "secret": _secret("limited"),
            "scopes": ["openid"],
            "providers": ["google", "yandex"],
            "first_party": True,
        },
        "relaxed": {
            "name": "Relaxed",
            "redirect_uris": ["https://relaxed.example.com/cb"],
            "secret": _secret("relaxed"),
            "pkce": "optional",
            "first_party": True,
        },
        "loopback": {
            "name": "Loopback",
            "redirect_uris": ["http://127.0.0.1/cb", "http://[::1]/cb"],
            "auth_method": "none",
        },
    }


def base_config() -> dict[str, Any]:
    """The configuration every site starts from."""
    return {
        "version": 1,
        "keys": {"master": [b64encode(secrets.token_bytes(32)).decode()], "algorithms": ["RS256"]},
        "providers": provider_keys(),
        "clients": client_keys(),
        "limits": dict(_PLENTY),
        "logging": {"level": "debug", "format": "json"},
    }
