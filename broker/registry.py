"""Provider types by name: the built-in ones, then those that installed packages bring. Only named ones are imported."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from functools import cache, lru_cache
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from pathlib import Path
from typing import Any, cast

import broker
import providers
from broker.upstream import SDK_VERSION, Brand, Channel, PostedKind, Provider, ProviderSettings, preset_class
from providers import BUILTIN, PRESETS

GROUP = "broker.providers"


class UnknownProvider(LookupError):
    """A type that cannot be used; the text says why, and what was perhaps meant."""


def provider_types(names: Iterable[str]) -> dict[str, type[Provider]]:
    """The classes of these types; raises UnknownProvider.

    A plugin is a package with an entry point in the group `broker.providers`. It may not take a built-in's name, and
    two may not share one: which of them ran would depend on the order of installation. What is installed is looked up
    once: a package that comes while this process runs counts from its next start.
    """
    check_origin(Path(providers.__file__ or ""), Path(broker.__file__ or ""))
    plugins = _installed(tuple(sys.path))
    return {name: _load(name, plugins) for name in dict.fromkeys(names)}


def settings_class(name: str) -> type[ProviderSettings]:
    """What may be set for this type; raises UnknownProvider."""
    return provider_types([name])[name].Settings


def check_origin(package: Path, ours: Path) -> None:
    """Raise UnknownProvider when `providers` does not lie beside `broker`: somebody else's package is in front."""
    if package.resolve().parent.parent != ours.resolve().parent.parent:
        raise UnknownProvider(f"the package `providers` was loaded from {package.parent}, not from beside the broker")


@lru_cache(maxsize=1)
def _installed(_path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """The plugins on this search path. To find them, the metadata of every installed package is read."""
    return tuple(entry_points(group=GROUP))


def _load(name: str, plugins: Sequence[EntryPoint]) -> type[Provider]:
    offered = [plugin for plugin in plugins if plugin.name == name]
    if name in BUILTIN:
        if offered:
            raise UnknownProvider(f"{_owner(offered[0])} brings a type {name}, which is a built-in's name")
        if name in PRESETS:
            return _preset(name)
        module, _, attribute = BUILTIN[name].partition(":")
        return cast("type[Provider]", getattr(import_module(module), attribute))
    if len(offered) > 1:
        raise UnknownProvider(f"{' and '.join(map(_owner, offered))} both bring a type {name}")
    if not offered:
        raise UnknownProvider(_unknown(name, [*BUILTIN, *(plugin.name for plugin in plugins)]))
    return check_plugin(name, _loaded(name, offered[0]))


@cache
def _preset(name: str) -> type[Provider]:
    file = Path(providers.__file__ or "").parent / BUILTIN[name]
    return preset_class(file, lambda like: _load(like, ()))


def _loaded(name: str, plugin: EntryPoint) -> Any:
    """What the package names, imported; whatever its code raises is its failure, and told as such."""
    try:
        return plugin.load()
    except Exception as problem:
        told = f"{type(problem).__name__}: {problem}"
        raise UnknownProvider(f"the type {name} of {_owner(plugin)} cannot be imported ({told})") from problem


def check_plugin(name: str, found: Any) -> type[Provider]:
    """`found` as a provider class of this SDK's version (`sdk_version`, 1 where it says nothing)."""
    version = getattr(found, "sdk_version", 1)
    if version != SDK_VERSION:
        raise UnknownProvider(f"the type {name} is made for version {version} of the SDK, this is {SDK_VERSION}")
    settings = getattr(found, "Settings", None)
    channels = getattr(found, "channels", None)
    good = (
        inspect.isclass(found)
        and inspect.isclass(settings)
        and issubclass(settings, ProviderSettings)
        and isinstance(channels, frozenset)
        and channels <= frozenset(Channel)
        and all(hasattr(found, member) for member in ("title", "label", "brand"))
        and all(inspect.iscoroutinefunction(getattr(found, method, None)) for method in ("begin", "finish"))
    )
    if not good:
        raise UnknownProvider(f"the type {name} is no provider class (docs/how-to/write-a-provider.md)")
    try:
        Brand.of(found.brand)
    except (TypeError, ValueError):
        raise UnknownProvider(f"the brand of the type {name} is no colour, #rrggbb") from None
    if not _proves_what_it_says(found):
        raise UnknownProvider(f"the type {name} and its settings differ in what may be posted, or nothing proves it")
    assets = assets_of(found)
    if assets is not None and not (isinstance(assets, Path) and assets.is_dir()):
        raise UnknownProvider(f"the assets of the type {name} are no folder")
    return cast("type[Provider]", found)


def _proves_what_it_says(found: type[Provider]) -> bool:
    """Whether it has a proof for every kind of posted credentials that its settings would let an operator accept."""
    kinds: frozenset[PostedKind] = getattr(found, "posted", frozenset())
    challenged: frozenset[PostedKind] = getattr(found, "challenged", frozenset())
    proof = inspect.iscoroutinefunction(getattr(found, "verify_posted", None))
    return bool(kinds == found.Settings.posted and challenged <= kinds and (proof or not kinds))


def assets_of(kind: type[Provider]) -> Path | None:
    """The folder with the type's own icon and pages, None where it has none; a plugin need not know of it."""
    return getattr(kind, "assets", None)


def _owner(plugin: EntryPoint) -> str:
    return plugin.dist.name if plugin.dist is not None else plugin.value


def _unknown(name: str, known: list[str]) -> str:
    close = get_close_matches(name, known, n=1)
    hint = f"did you mean {close[0]}?" if close else f"known types: {', '.join(sorted(known))}"
    return f"unknown provider type {name} ({hint})"
