"""Emulated upstreams, one file per service, written from the service's own contract and not from our providers.

Every module here is looked through for emulators, so that a further one is a file and nothing else.
"""

from __future__ import annotations

from importlib import import_module
from inspect import isabstract, isclass
from pkgutil import iter_modules

from broker.demo.upstreams.base import Emulator, Options, RegisteredApp
from broker.demo.upstreams.google import Google
from broker.demo.upstreams.oidc import Oidc
from broker.demo.upstreams.ok import OK
from broker.demo.upstreams.telegram import Telegram
from broker.demo.upstreams.vk import VK
from broker.demo.upstreams.yandex import Yandex


def _emulators() -> dict[str, type[Emulator]]:
    """By the type of the provider, in the order of their ports."""
    modules = [import_module(f"{__name__}.{found.name}") for found in iter_modules(__path__)]
    members = [member for module in modules for member in vars(module).values() if isclass(member)]
    kinds = {member for member in members if issubclass(member, Emulator) and not isabstract(member)}
    return {kind.type: kind for kind in sorted(kinds, key=lambda kind: kind.port)}


EMULATORS: dict[str, type[Emulator]] = _emulators()
"""Provider type -> its emulator."""

__all__ = ["EMULATORS", "OK", "VK", "Emulator", "Google", "Oidc", "Options", "RegisteredApp", "Telegram", "Yandex"]
