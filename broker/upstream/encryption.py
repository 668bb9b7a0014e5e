"""ID tokens that were encrypted to us (RFC 7516): opened by exactly the algorithms that we registered.

What is inside is a signed token, which is verified like any other: encryption says nothing of who made it.
"""

from __future__ import annotations

from typing import Any, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, SecretStr, model_validator

from broker.core.errors import UpstreamInvalid
from broker.core.jose.compact import TOKEN_LIMIT, decode_segment
from broker.core.wire.strict_json import Malformed, parse_object

_PARTS = 5  # of the compact form (RFC 7516 section 7.1)
_ASKS_MORE = frozenset({"zip", "crit", "b64"})  # what a few bytes unpack to has no limit; extensions we know none


class EncryptionSettings(BaseModel):
    """What was registered as `id_token_encrypted_response_alg` and `_enc`. RSA1_5, `dir` and `zip` are not spoken."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    key: SecretStr | None = Field(default=None, description="Our private key, PKCS#8 PEM; without it nothing is opened")
    alg: Literal["RSA-OAEP", "RSA-OAEP-256", "ECDH-ES", "ECDH-ES+A128KW", "ECDH-ES+A256KW"] = Field(
        default="RSA-OAEP-256", description="How the issuer encrypts to our key"
    )
    enc: Literal["A128CBC-HS256", "A256CBC-HS512", "A128GCM", "A256GCM"] = Field(
        default="A256GCM", description="How the issuer encrypts what it says"
    )

    @model_validator(mode="after")
    def _key_fits(self) -> Self:
        if self.key is not None:
            Opener(self)
        return self


class Opener:
    """Our private key for tokens of one issuer. No text of it shows the key."""

    __slots__ = ("_chosen", "_key")

    def __init__(self, chosen: EncryptionSettings) -> None:
        """Raises ValueError where the key is not one for `alg`."""
        from joserfc.errors import JoseError  # noqa: PLC0415 - read only where an issuer encrypts
        from joserfc.jwk import ECKey, RSAKey  # noqa: PLC0415 - as above

        kind: Any = RSAKey if chosen.alg.startswith("RSA") else ECKey
        self._chosen = chosen
        try:
            self._key = kind.import_key((chosen.key or SecretStr("")).get_secret_value())
        except (JoseError, ValueError, TypeError):
            raise ValueError(f"key is no private key for {chosen.alg} in PEM without a passphrase") from None
        if not self._key.is_private:
            raise ValueError("key is a public key; ours to open is the private one")

    def open(self, token: str) -> str:
        """The signed token inside; raises UpstreamInvalid for everything else, a token that was not encrypted too."""
        from joserfc import jwe  # noqa: PLC0415 - as above
        from joserfc.errors import JoseError  # noqa: PLC0415 - as above

        chosen = self._chosen
        try:
            _check_header(token, chosen)
            registry = jwe.JWERegistry(algorithms=[chosen.alg, chosen.enc], strict_check_header=False)
            inside = jwe.decrypt_compact(token, self._key, registry=registry).plaintext or b""
            return inside.decode("ascii")
        except Malformed as problem:
            raise UpstreamInvalid(f"encrypted ID token: {problem}") from None
        except (JoseError, ValueError, TypeError, KeyError):
            raise UpstreamInvalid("encrypted ID token: it cannot be opened with our key") from None


def _check_header(token: str, chosen: EncryptionSettings) -> None:
    """The algorithms that were registered and nothing that asks for more; raises Malformed.

    Other members are not looked at, claims that are repeated there (RFC 7519 section 5.3) neither.
    """
    parts = token.split(".")
    if len(token) > 2 * TOKEN_LIMIT or len(parts) != _PARTS:
        raise Malformed("not five parts, or too long; what was registered there as encrypted is not")
    header = parse_object(decode_segment(parts[0]))
    if (header.get("alg"), header.get("enc")) != (chosen.alg, chosen.enc):
        raise Malformed("alg and enc are not those of id_token_encryption")
    if header.keys() & _ASKS_MORE:
        raise Malformed("its header asks for compression, or for an extension we do not know")
