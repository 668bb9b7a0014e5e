"""The services that other projects' clients sign in at, by the hosts those clients know, each emulated here.

A client keeps every address, parameter and path of its own: only scheme and host are turned toward this machine.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Final
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric import ec

from broker.demo.servers import serving, take_port
from broker.demo.upstreams import EMULATORS, RegisteredApp
from providers import PRESETS
from tests.providers.test_oidc_proof import pem

HOSTS: Final[Mapping[str, str]] = {
    "accounts.google.com": "google",
    "oauth2.googleapis.com": "google",
    "openidconnect.googleapis.com": "google",
    "www.googleapis.com": "google",
    "id.vk.com": "vk",
    "id.vk.ru": "vk",
    "api.odnoklassniki.ru": "ok",
    "api.ok.ru": "ok",
    "connect.ok.ru": "ok",
    "www.odnoklassniki.ru": "ok",
    "login.yandex.ru": "yandex",
    "oauth.yandex.com": "yandex",
    "oauth.yandex.ru": "yandex",
    "graph.facebook.com": "facebook",
    "www.facebook.com": "facebook",
    "api.github.com": "github",
    "github.com": "github",
    "api.linkedin.com": "linkedin",
    "www.linkedin.com": "linkedin",
    "api.twitter.com": "x",
    "api.x.com": "x",
    "twitter.com": "x",
    "x.com": "x",
    "appleid.apple.com": "apple",
    "login.microsoftonline.com": "microsoft",
    "graph.microsoft.com": "microsoft",
    "oauth.mail.ru": "mailru",
    "discord.com": "discord",
    "gitlab.com": "gitlab",
    "accounts.spotify.com": "spotify",
    "api.spotify.com": "spotify",
    "slack.com": "slack",
    "api.twitch.tv": "twitch",
    "id.twitch.tv": "twitch",
}
"""Host -> type of the emulator that stands there."""

KEY: Final = pem(ec.generate_private_key(ec.SECP256R1()))
"""By which the app proves itself to Apple."""

APPS: Final[Mapping[str, RegisteredApp]] = {
    kind: RegisteredApp(str(EMULATORS[kind].settings["client_id"]), secret, (), extras)
    for kind, secret, extras in (
        ("google", "secret", {}),
        ("vk", "", {}),
        ("ok", "secret", {"public_key": "CKEY"}),
        ("yandex", "secret", {}),
        ("facebook", "secret", {}),
        ("github", "secret", {}),
        ("linkedin", "secret", {}),
        ("x", "secret", {}),
        ("apple", "", {"team_id": "TEAM123456", "key_id": "KEY1234567", "private_key": KEY}),
        ("microsoft", "secret", {}),
        ("mailru", "secret", {}),
        *((name, "secret", {}) for name in PRESETS),
    )
}
"""What the app of every such client is registered with, besides where it is called back."""


@asynccontextmanager
async def emulated(callbacks: Iterable[tuple[str, str]]) -> AsyncIterator[Mapping[str, int]]:
    """Ports by the hosts whose place they take, while the services run; `callbacks`: (type, redirect URI)."""
    wanted = tuple(callbacks)
    ports, listening = {}, []
    async with AsyncExitStack() as stack:
        for kind, app in APPS.items():
            port = ports[kind] = take_port(kind, "127.0.0.1")
            stack.callback(port.close)
            uris = tuple(uri for one, uri in wanted if one == kind)
            known = RegisteredApp(app.client_id, app.client_secret, uris, app.extras)
            listening.append((port, EMULATORS[kind]([known]).app))
        await stack.enter_async_context(serving(listening))
        yield {host: ports[kind].number for host, kind in HOSTS.items()}


def turned(url: str, ports: Mapping[str, int]) -> str:
    """The same address at this machine; raises KeyError for a host that nobody takes the place of."""
    parts = urlsplit(url)
    return parts._replace(scheme="http", netloc=f"127.0.0.1:{ports[parts.hostname or '']}").geturl()
