"""The `sub` one client sees (OIDC Core 8). Pairwise: another one in every sector, and no way back without the salt."""

from __future__ import annotations

from collections.abc import Iterable
from hashlib import sha256
from hmac import digest as hmac_digest
from urllib.parse import urlsplit

from broker.core.jose import b64url

SALT_SIZE = 32  # bytes


def sector_hosts(uris: Iterable[str]) -> frozenset[str]:
    """The hosts of these URIs; exactly one of them makes a sector (OIDC Core 8.1). Private-use schemes have none."""
    hosts = (urlsplit(uri).hostname for uri in uris if uri.startswith(("https:", "http:")))
    return frozenset(host for host in hosts if host)


def build_pairwise(salt: bytes, sector: str, sub: str) -> str:
    """Always the same for one account in one sector; 43 characters, and never in the form of a client's `sub`."""
    return b64url(hmac_digest(salt, f"{sector}\n{sub}".encode(), sha256))
