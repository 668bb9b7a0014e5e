"""The `sub` and `sid` one client sees (OIDC Core 8): others in every sector, and no way back without the salt."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from hmac import digest as hmac_digest
from ipaddress import ip_address
from urllib.parse import urlsplit

from broker.core.client import is_loopback_host
from broker.core.jose import b64url

SALT_SIZE = 32  # bytes


def sector_hosts(uris: Iterable[str]) -> frozenset[str]:
    """The hosts of these URIs that are somebody's: one of them makes a sector (OIDC Core 8.1).

    Loopback addresses and private-use schemes have none: they are on everybody's device, and so everybody's.
    """
    hosts = (urlsplit(uri).hostname or "" for uri in uris if uri.startswith("https:"))
    return frozenset(host for host in hosts if host and not _is_here(host))


def is_on_device(uri: str) -> bool:
    """Whether what is sent there stays on the person's own device, where any app may be waiting for it."""
    return not uri.startswith("https:") or _is_here(urlsplit(uri).hostname or "")


def own_sector(client_id: str) -> str:
    """The sector of one client alone. No host has a colon, so none is ever taken for it."""
    return f"client:{client_id}"


def build_pairwise(salt: bytes, sector: str, sub: str) -> str:
    """Always the same for one account in one sector; 43 characters, and never in the form of a client's `sub`."""
    return b64url(hmac_digest(salt, f"{sector}\n{sub}".encode(), sha256))


def build_sector_sid(salt: bytes, sector: str, sid: str) -> str:
    """The name of a session in one sector, and in no other; never that of a person there."""
    return b64url(hmac_digest(salt, f"sid\n{sector}\n{sid}".encode(), sha256))


def _is_here(host: str) -> bool:
    """Whether a host is the machine that looks it up."""
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return is_loopback_host(host)
