"""Replies that an upstream signs with a key it shares with us: fields joined by line feeds under an HMAC.

Such a joined text has one reading only when no value holds a line feed and every name is known, so both are checked
before the signature is. A valid reply is a bearer string; that it is used once is the broker's part (`replay_key`).
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256

from broker.core.errors import UpstreamDenied, UpstreamInvalid
from broker.upstream.fields import Fields, same
from broker.upstream.strict_json import parse_json

_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")
_HASH = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"[1-9][0-9]{0,15}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]{1,16384}={0,2}")
_VALUE_LIMIT = 4096  # characters


@dataclass(frozen=True, slots=True)
class SignedFields:
    """Verified fields; `replay_key` may be used once until `expires_at` (epoch seconds)."""

    fields: Fields
    replay_key: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class SignedReply:
    """The rules of one kind of signed reply.

    `names` are all the fields there can be, `numbers` those that are whole numbers without sign or leading zero. The
    time of signing is in the field `time`; it may be `window` seconds old and `early` seconds ahead of our clock.
    """

    key: bytes
    names: frozenset[str]
    numbers: frozenset[str]
    time: str = "auth_date"
    signature: str = "hash"
    window: int = 300
    early: int = 30

    def __repr__(self) -> str:
        """Without the key."""
        return f"SignedReply({', '.join(sorted(self.names))})"

    def verify(self, params: Mapping[str, str], *, now: float) -> SignedFields:
        """The fields in `params` once shape, signature and age are right; raises UpstreamInvalid.

        A `state` among them is the broker's own and not looked at.
        """
        given = params.get(self.signature, "")
        fields = {name: value for name, value in params.items() if name not in {self.signature, "state"}}
        self._check_shape(fields)
        if _HASH.fullmatch(given) is None or not same(self.sign(fields), given):
            raise UpstreamInvalid("signed reply: the signature does not fit")
        signed_at = int(fields[self.time])
        if not -self.early <= now - signed_at <= self.window:
            raise UpstreamInvalid("signed reply: too old, or from the future")
        return SignedFields(Fields(fields, "signed reply"), given, signed_at + self.window)

    def sign(self, fields: Mapping[str, str]) -> str:
        """The signature over `fields` in lower-case hexadecimal."""
        return hmac.new(self.key, check_string(fields).encode(), sha256).hexdigest()

    def _check_shape(self, fields: Mapping[str, str]) -> None:
        if not fields.keys() <= self.names or not self.numbers <= fields.keys():
            raise UpstreamInvalid("signed reply: a field is missing or unknown")
        for name, value in fields.items():
            if len(value) > _VALUE_LIMIT or _CONTROL.search(value):
                raise UpstreamInvalid(f"signed reply: {name} is too long or holds a control character")
            if name in self.numbers and _NUMBER.fullmatch(value) is None:
                raise UpstreamInvalid(f"signed reply: {name} is not a whole number")


def check_string(fields: Mapping[str, str]) -> str:
    """What is signed: `name=value` lines in the order of names, without a line feed at the end."""
    return "\n".join(f"{name}={fields[name]}" for name in sorted(fields))


def unpack_result(text: str) -> dict[str, str]:
    """The fields of a result that travels as base64url of JSON, in decimal and as text.

    Raises UpstreamDenied for `false`, which is how a person who went back looks, and UpstreamInvalid.
    """
    if _BASE64URL.fullmatch(text) is None or len(text.rstrip("=")) % 4 == 1:
        raise UpstreamInvalid("result: not base64url")
    bare = text.rstrip("=")
    value = parse_json(urlsafe_b64decode(bare + "=" * (-len(bare) % 4)), "result")
    if value is False:
        raise UpstreamDenied("the result is false")
    if not isinstance(value, dict) or any(isinstance(v, bool) or not isinstance(v, (str, int)) for v in value.values()):
        raise UpstreamInvalid("result: not an object of texts and whole numbers")
    return {name: str(inner) for name, inner in value.items()}
