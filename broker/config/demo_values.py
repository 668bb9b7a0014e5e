"""What everybody knows because it stands in the sample configuration: good for emulated upstreams, for nothing else.

One table, so that going live with a forgotten one stops the start. A test holds it against config.yaml.
"""

from __future__ import annotations

from typing import Final
from urllib.parse import urlsplit

from broker.core.wire.addresses import is_loopback_host

DEMO_PREFIX: Final = "demo-"  # of secrets and client ids
_IDS: Final = frozenset(
    {
        "demo-google.apps.googleusercontent.com",
        "51000001",
        "512000000001",
        "CBADEMOKEY00000001",
        "0123456789abcdef0123456789abcdef",
        "7000000001",
        "demo_login_bot",
        "demo.example.web",
        "DEMOTEAM01",
        "DEMOKEY001",
    }
)
_PORT: Final = 8400  # of the demo's issuer


def is_demo_secret(value: str) -> bool:
    """Whether it is one of the demo's: it begins with `demo-`, or a bot token does after the bot's id."""
    return value.rpartition(":")[2].startswith(DEMO_PREFIX)


def is_demo_value(value: str) -> bool:
    """Whether a value of a provider is the sample's."""
    return value in _IDS or is_demo_secret(value)


def is_demo_client(client_id: str) -> bool:
    """Whether an app is one of the sample's."""
    return client_id.startswith(DEMO_PREFIX)


def is_on_this_machine(url: str) -> bool:
    """Whether nobody but this machine reaches this address."""
    host = urlsplit(url).hostname or ""
    return is_loopback_host(f"[{host}]" if ":" in host else host)


def is_demo_issuer(issuer: str) -> bool:
    """Whether it is the address at which `broker demo` answers."""
    parts = urlsplit(issuer)
    return parts.scheme == "http" and parts.port == _PORT and is_on_this_machine(issuer)
