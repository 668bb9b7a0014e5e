"""The `sub` and `sid` one client sees (OIDC Core 8): others in every sector, and no way back without the salt."""

from __future__ import annotations

from hashlib import sha256
from hmac import digest as hmac_digest

from broker.core.jose.compact import b64url

SALT_SIZE = 32  # bytes


def own_sector(client_id: str) -> str:
    """The sector of one client alone. No host has a colon, so none is ever taken for it."""
    return f"client:{client_id}"


def build_pairwise(salt: bytes, sector: str, sub: str) -> str:
    """Always the same for one account in one sector; 43 characters, and never in the form of a client's `sub`."""
    return b64url(hmac_digest(salt, f"{sector}\n{sub}".encode(), sha256))


def build_sector_sid(salt: bytes, sector: str, sid: str) -> str:
    """The name of a session in one sector, and in no other; never that of a person there."""
    return b64url(hmac_digest(salt, f"sid\n{sector}\n{sid}".encode(), sha256))
