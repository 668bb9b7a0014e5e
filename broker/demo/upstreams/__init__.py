"""Emulated upstreams, one file per service, written from the service's own contract and not from our providers."""

from __future__ import annotations

from broker.demo.upstreams.base import Emulator, Options, RegisteredApp
from broker.demo.upstreams.google import Google
from broker.demo.upstreams.oidc import Oidc
from broker.demo.upstreams.ok import OK
from broker.demo.upstreams.telegram import Telegram
from broker.demo.upstreams.vk import VK
from broker.demo.upstreams.yandex import Yandex

EMULATORS: dict[str, type[Emulator]] = {kind.type: kind for kind in (Google, VK, OK, Yandex, Telegram, Oidc)}
"""Provider type -> its emulator."""

__all__ = ["EMULATORS", "OK", "VK", "Emulator", "Google", "Oidc", "Options", "RegisteredApp", "Telegram", "Yandex"]
