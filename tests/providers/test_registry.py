"""Types by name: built-ins, plugins, and everything that is neither."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib import import_module
from importlib.metadata import Distribution, DistributionFinder
from pathlib import Path

import pytest

from broker.registry import UnknownProvider, check_origin, check_plugin, provider_types, settings_class
from broker.upstream.brand import Brand
from broker.upstream.model import Provider
from providers import BUILTIN, PRESETS
from providers.apple import Apple
from providers.facebook import Facebook
from providers.github import GitHub
from providers.google import Google
from providers.instagram import Instagram
from providers.linkedin import LinkedIn
from providers.mailru import MailRu
from providers.microsoft import Microsoft
from providers.oauth1 import OAuth1
from providers.oauth2 import OAuth2
from providers.oidc import Oidc
from providers.ok import OK
from providers.sber import Sber
from providers.telegram import Telegram
from providers.tid import TID
from providers.vk import VK
from providers.x import X
from providers.yandex import Yandex

# The type checker holds them to the protocol.
BUILT_IN: tuple[type[Provider], ...] = (
    Apple,
    Facebook,
    GitHub,
    Google,
    Instagram,
    MailRu,
    LinkedIn,
    OAuth1,
    OAuth2,
    OK,
    Oidc,
    Sber,
    TID,
    Telegram,
    VK,
    Yandex,
    Microsoft,
    X,
)


def test_every_built_in_type_is_found_by_its_name() -> None:
    found = provider_types(BUILTIN)
    assert {kind for name, kind in found.items() if name not in PRESETS} == set(BUILT_IN)
    assert list(provider_types(["vk", "google", "vk"])) == ["vk", "google"]
    for kind in found.values():
        assert check_plugin("x", kind) is kind
        assert {"en", "ru"} <= kind.title.keys() & kind.label.keys()
        assert Brand.of(kind.brand).light.ground.startswith("#")


def test_only_types_that_are_named_are_imported() -> None:
    code = "import sys; from broker.registry import provider_types; provider_types(['google']); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "providers.google" in done.stdout.split()
    assert not {"providers.vk", "providers.telegram"} & set(done.stdout.split())


@pytest.mark.parametrize(
    ("name", "hint"),
    [("gogle", "did you mean google"), ("teleqram", "did you mean telegram"), ("", f"known types: {min(BUILTIN)}")],
)
def test_an_unknown_type_is_refused_with_what_was_perhaps_meant(name: str, hint: str) -> None:
    with pytest.raises(UnknownProvider, match=hint):
        provider_types([name])


PLUGIN = """
from broker.upstream import *

class Settings(ProviderSettings):
    pass

class Acme:
    Settings = Settings
    channels = frozenset({Channel.QUERY})
    title = label = {"en": "Acme", "ru": "Acme"}
    brand = "#000000"
    def __init__(self, settings, tools): ...
    async def begin(self, flow): ...
    async def finish(self, flow, reply): ...

class Newer(Acme):
    sdk_version = 2

class Sync(Acme):
    def begin(self, flow): ...

class Loose(Acme):
    channels = {"query"}

class KitSettings(Settings):
    posted = frozenset({PostedKind.ID_TOKEN})

class Kit(Acme):
    Settings = KitSettings
    posted = challenged = KitSettings.posted
    async def verify_posted(self, posted): ...

class Pink(Acme):
    brand = "pink"

class Believing(Acme):
    Settings = KitSettings
    posted = KitSettings.posted

class Silent(Kit):
    Settings = Settings

class Challenging(Kit):
    challenged = frozenset({PostedKind.CODE})

nothing = 5
"""


@contextmanager
def installed(folder: Path, package: str, code: str = PLUGIN, **entries: str) -> Iterator[None]:
    """A distribution with these entry points, importable for the time of a test."""
    (folder / f"{package}.py").write_text(code, encoding="utf-8")
    info = folder / f"{package}-1.0.dist-info"
    info.mkdir()
    (info / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {package}\nVersion: 1.0\n")
    lines = [f"{name} = {package}:{attribute}" for name, attribute in entries.items()]
    (info / "entry_points.txt").write_text("\n".join(["[broker.providers]", *lines, ""]))
    sys.path.insert(0, str(folder))
    try:
        yield
    finally:
        sys.path.remove(str(folder))
        sys.modules.pop(package, None)


def test_a_plugin_is_found_beside_the_built_in_types(tmp_path: Path) -> None:
    with installed(tmp_path, "broker_acme_a", acme="Acme"):
        found = provider_types(["acme", "google"])
        assert found["acme"].__name__ == "Acme"
        assert check_plugin("kit", import_module("broker_acme_a").Kit).__name__ == "Kit"
        with pytest.raises(UnknownProvider, match="did you mean acme"):
            provider_types(["acmee"])


class Counting(DistributionFinder):
    """Finds nothing, and counts how often somebody looked through what is installed."""

    def __init__(self) -> None:
        self.looks = 0

    def find_spec(self, *_args: object) -> None:
        """No module is here."""

    def find_distributions(self, *_args: object) -> tuple[Distribution, ...]:
        """No package, either."""
        self.looks += 1
        return ()


def test_what_is_installed_is_looked_up_once_for_all_types_of_a_configuration(tmp_path: Path) -> None:
    counting = Counting()
    sys.meta_path.append(counting)
    try:
        with installed(tmp_path, "broker_acme_e", acme="Acme"):
            for kind in ("acme", *BUILTIN):
                settings_class(kind)
    finally:
        sys.meta_path.remove(counting)
    assert counting.looks == 1


def test_the_provider_that_the_page_shows_is_one(tmp_path: Path) -> None:
    page = Path(__file__).parents[2] / "docs/how-to/write-a-provider.md"
    shown = page.read_text(encoding="utf-8").partition("```python\n")[2].partition("```")[0]
    with installed(tmp_path, "broker_acme_page", shown, acme="Acme"):
        acme = provider_types(["acme"])["acme"]
        settings = acme.Settings.model_validate({"type": "acme", "client_id": "x", "client_secret": "y"})
    assert acme.__doc__ == "The key of a person is `id`."
    assert settings.identity_namespace() == "acme:x"


def test_a_plugin_may_not_take_the_name_of_a_built_in_type(tmp_path: Path) -> None:
    with installed(tmp_path, "broker_acme_b", google="Acme"):
        with pytest.raises(UnknownProvider, match="broker_acme_b"):
            provider_types(["google"])
        provider_types(["vk"])


def test_two_plugins_may_not_share_a_name(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    with (
        installed(tmp_path / "one", "broker_acme_c", acme="Acme"),
        installed(tmp_path / "two", "broker_acme_d", acme="Acme"),
        pytest.raises(UnknownProvider, match="both bring"),
    ):
        provider_types(["acme"])


@pytest.mark.parametrize(
    ("attribute", "reason"),
    [
        ("Newer", "version 2"),
        ("Sync", "no provider"),
        ("Loose", "no provider"),
        ("nothing", "no"),
        ("Pink", "is no colour"),
        ("Believing", "nothing proves it"),
        ("Silent", "differ in what may be posted"),
        ("Challenging", "differ in what may be posted"),
    ],
)
def test_a_plugin_that_is_no_provider_is_refused(tmp_path: Path, attribute: str, reason: str) -> None:
    package = f"broker_acme_{attribute.lower()}"
    with installed(tmp_path, package, acme=attribute), pytest.raises(UnknownProvider, match=reason):
        provider_types(["acme"])


def test_built_in_types_of_somebody_else_are_refused(tmp_path: Path) -> None:
    ours = tmp_path / "site" / "broker" / "__init__.py"
    check_origin(tmp_path / "site" / "providers" / "__init__.py", ours)
    with pytest.raises(UnknownProvider, match="elsewhere"):
        check_origin(tmp_path / "elsewhere" / "providers" / "__init__.py", ours)
