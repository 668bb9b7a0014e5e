"""What we sign to show an upstream that it is us: Apple's client secret, assertions of RFC 7523 section 2.2."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Self

import orjson
from pydantic import AfterValidator, Field, SecretStr

from broker.core.jose.compact import b64url
from broker.core.jose.own_keys import KeyPair, parse_pem
from broker.core.terms import Algorithm


class AssertionKey:
    """A private key that an upstream knows us by, parsed once. No text of it shows the key."""

    __slots__ = ("_pair",)

    def __init__(self, pair: KeyPair) -> None:
        """Use `parse`."""
        self._pair = pair

    @classmethod
    def parse(cls, pem: SecretStr, algorithm: str) -> Self:
        """The key in `pem` (PKCS#8 without a passphrase), for this algorithm; raises ValueError."""
        return cls(parse_pem(pem.get_secret_value(), Algorithm(algorithm)))

    def sign(self, claims: Mapping[str, Any], **header: str) -> str:
        """A compact JWS of these claims (RFC 7515 section 7.1); `header` stands beside `alg`."""
        head, body = orjson.dumps({"alg": self._pair.algorithm.value, **header}), orjson.dumps(claims)
        message = f"{b64url(head)}.{b64url(body)}"
        return f"{message}.{b64url(self._pair.sign(message.encode('ascii')))}"


def _for_es256(pem: SecretStr) -> SecretStr:
    AssertionKey.parse(pem, Algorithm.ES256)
    return pem


ES256Key = Annotated[SecretStr, Field(min_length=1), AfterValidator(_for_es256)]
"""A setting that is a private key for ES256, in PEM."""
