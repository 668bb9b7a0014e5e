"""Replies that an upstream signs, most with a key it shares with us: fields joined by line feeds, under an HMAC.

The signature is over every field there is, so one that the upstream adds next year is signed, too, and only not read.
Such a joined text has one reading when names are plain words and no value holds a line feed: the first `=` ends a name,
a line feed a value. That is checked before the signature is. A valid reply is a bearer string; that it is used once is
the broker's part (`replay_key`).
"""

from __future__ import annotations

import hmac
import re
from base64 import urlsafe_b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from hashlib import sha256

from broker.core.errors import InvalidRequest, UpstreamDenied, UpstreamInvalid
from broker.core.wire.parameters import parse_pairs
from broker.upstream.fields import Fields, parse_json, same

_FIELD_NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\u2028\u2029\ud800-\udfff]")
_HASH = re.compile(r"[0-9a-f]{64}")
_NUMBER = re.compile(r"[1-9][0-9]{0,15}")
_BASE64URL = re.compile(r"[A-Za-z0-9_-]{1,16384}={0,2}")
_QUERY = re.compile(r"[\x21-\x7e]{1,8192}")
_VALUE_LIMIT = 4096  # characters
_FIELDS_LIMIT = 40
# How a JSON boolean may be spelt where it is signed; which of them an upstream means is seen by what verifies.
_SPELLINGS: tuple[tuple[str, str], ...] = (("true", "false"), ("1", "0"), ("1", ""))


@dataclass(frozen=True, slots=True)
class SignedFields:
    """Verified fields of known names; `replay_key` may be used once until `expires_at` (epoch seconds)."""

    fields: Fields
    replay_key: str
    expires_at: int


@dataclass(frozen=True, slots=True)
class SignedReply:
    """The rules of one kind of signed reply.

    `names` are the fields that are read, `numbers` those of them that must be there and are whole numbers without sign
    or leading zero. The time of signing is in the field `time`; it may be `window` seconds old and `early` seconds
    ahead of our clock. `beside` are names that come along unsigned and are not looked at: the broker's own `state`.
    """

    key: bytes
    names: frozenset[str]
    numbers: frozenset[str]
    time: str = "auth_date"
    signature: str = "hash"
    window: int = 300
    early: int = 60
    beside: frozenset[str] = frozenset({"state"})

    def __repr__(self) -> str:
        """Without the key."""
        return f"SignedReply({', '.join(sorted(self.names))})"

    def verify(
        self, params: Mapping[str, str | bool], *, now: float, odd: Callable[[str], None] = lambda name: None
    ) -> SignedFields:
        """The fields in `params` once shape, signature and age are right; raises UpstreamInvalid.

        `odd` is told every name that nobody reads.
        """
        given = str(params.get(self.signature, ""))
        signed = {name: value for name, value in params.items() if name not in {self.signature, *self.beside}}
        self._check_shape(signed)
        if not any(self.fits(given, fields) for fields in _readings(signed)):
            raise UpstreamInvalid("signed reply: the signature does not fit")
        known = {name: value for name, value in signed.items() if name in self.names}
        age = now - (signed_at := int(signed[self.time]))
        if not -self.early <= age <= self.window:
            raise UpstreamInvalid(
                f"signed reply: {self.time} is {abs(age):.0f} s {'old' if age > 0 else 'ahead of us'}"
            )
        for name in sorted(signed.keys() - self.names):
            odd(name)
        return SignedFields(Fields(known, "signed reply"), given, signed_at + self.window)

    def fits(self, given: str, fields: Mapping[str, str]) -> bool:
        """Whether `given`, as it came, is the signature over `fields`."""
        return _HASH.fullmatch(given) is not None and same(self.sign(fields), given)

    def sign(self, fields: Mapping[str, str]) -> str:
        """The signature over `fields` in lower-case hexadecimal."""
        return hmac.new(self.key, check_string(fields).encode(), sha256).hexdigest()

    def _check_shape(self, fields: Mapping[str, str | bool]) -> None:
        missing = sorted(self.numbers - fields.keys())
        if missing:
            raise UpstreamInvalid(f"signed reply: {missing[0]} is missing")
        if len(fields) > _FIELDS_LIMIT or not all(map(_FIELD_NAME.fullmatch, fields)):
            raise UpstreamInvalid("signed reply: too many fields, or a name that is no word")
        for name, value in fields.items():
            if isinstance(value, bool):
                if name in self.names:
                    raise UpstreamInvalid(f"signed reply: {name} is a boolean")
            elif len(value) > _VALUE_LIMIT or _CONTROL.search(value):
                raise UpstreamInvalid(f"signed reply: {name} is too long or holds a control character")
            elif name in self.numbers and _NUMBER.fullmatch(value) is None:
                raise UpstreamInvalid(f"signed reply: {name} is not a whole number")


def _readings(fields: Mapping[str, str | bool]) -> Iterator[Mapping[str, str]]:
    """The fields as text, in every spelling that their booleans may have; without booleans there is one."""
    flags = {name: value for name, value in fields.items() if isinstance(value, bool)}
    texts = {name: value for name, value in fields.items() if isinstance(value, str)}
    for true, false in _SPELLINGS if flags else _SPELLINGS[:1]:
        yield texts | {name: true if value else false for name, value in flags.items()}


def check_string(fields: Mapping[str, str]) -> str:
    """What is signed: the lines `name=value` in order, without a line feed at the end."""
    return "\n".join(sorted(f"{name}={value}" for name, value in fields.items()))


def unpack_query(text: str) -> dict[str, str]:
    """The fields of a result that travels as a query string, decoded once; raises UpstreamInvalid.

    None comes twice: of two values a signature could fit one, and somebody read the other.
    """
    if _QUERY.fullmatch(text) is None:
        raise UpstreamInvalid("signed query: it is too long, or not of visible ASCII characters")
    try:
        pairs = parse_pairs(text.encode("ascii"))
    except InvalidRequest as problem:
        raise UpstreamInvalid(f"signed query: {problem.detail}") from None
    fields = dict(pairs)
    if len(fields) < len(pairs):
        raise UpstreamInvalid("signed query: a field came twice")
    return fields


def unpack_result(text: str) -> dict[str, str | bool]:
    """The fields of a result that travels as base64url of JSON: numbers as decimal text, booleans as they are.

    Raises UpstreamDenied for `false`, which is how a person who went back looks, and UpstreamInvalid.
    """
    if _BASE64URL.fullmatch(text) is None or len(text.rstrip("=")) % 4 == 1:
        raise UpstreamInvalid("result: not base64url")
    bare = text.rstrip("=")
    value = parse_json(urlsafe_b64decode(bare + "=" * (-len(bare) % 4)), "result")
    if value is False:
        raise UpstreamDenied("the result is false")
    if not isinstance(value, dict) or not all(isinstance(inner, (str, int)) for inner in value.values()):
        raise UpstreamInvalid("result: not an object of texts, whole numbers and booleans")
    return {name: inner if isinstance(inner, bool) else str(inner) for name, inner in value.items()}
