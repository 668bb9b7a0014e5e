"""Invitations: who may get an account where not everybody does, named by what an upstream will prove of them.

Kept is a keyed digest of that and not it: whoever reads the database learns of no address whether it was invited.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from hashlib import sha256

from broker.core.jose.compact import b64url
from broker.core.people.cleaning import plain_email, plain_phone
from broker.core.people.identity import Link
from broker.core.people.linking import fold_address

_ID = 16  # bytes of a digest that nobody without the key can make


class Named(StrEnum):
    """What somebody is invited by."""

    IDENTITY = "identity"
    EMAIL = "email"
    PHONE = "phone"


@dataclass(frozen=True, slots=True)
class Invitation:
    """One. `id` is the digest of who it is for; `provider` the name by which an identity was given, or "".

    Times in epoch seconds. `why` are the operator's words.
    """

    id: str
    kind: Named
    provider: str
    made_at: int
    expires_at: int
    why: str


@dataclass(frozen=True, slots=True)
class Invitee:
    """Somebody by one `kind` of name; `scope` is the internal key of the provider that gave it, "" for all of them."""

    kind: Named
    scope: str
    value: str

    def digest(self, key: bytes) -> str:
        """What is kept of it under this key."""
        named = "\0".join((self.kind, self.scope, self.value))
        return b64url(hmac.new(key, named.encode(), sha256).digest()[:_ID])


def parse_email(text: str) -> Invitee | None:
    """Whoever proves this address, at any provider; None where it is none that is ever compared."""
    plain = plain_email(text)
    folded = fold_address(plain) if plain else None
    return Invitee(Named.EMAIL, "", folded) if folded else None


def parse_phone(text: str) -> Invitee | None:
    """Whoever proves this number; None where it is no international one."""
    plain = plain_phone(text)
    return Invitee(Named.PHONE, "", plain) if plain else None


def invitees(link: Link) -> Iterator[Invitee]:
    """By what somebody may have been invited who comes by this link: only what its upstream proved."""
    yield Invitee(Named.IDENTITY, link.provider_key, link.subject)
    for name, parse in (("email", parse_email), ("phone_number", parse_phone)):
        value = link.claims.get(name)
        if isinstance(value, str) and link.claims.get(f"{name}_verified") is True and (one := parse(value)):
            yield one
