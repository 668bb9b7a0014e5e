"""Whom calls to one upstream believe besides the system's authorities, and the certificate that they show there."""

from __future__ import annotations

import ssl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Self

from cryptography.x509 import load_pem_x509_certificate
from pydantic import BaseModel, ConfigDict, Field, ValidationInfo, field_validator, model_validator

from broker.upstream.exchange import new_context
from broker.upstream.model import PathText, ProviderSettings


class UpstreamTls(BaseModel):
    """Files for the calls of one provider instance, read at the start. Paths are relative to the configuration."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    ca_file: PathText | None = Field(
        default=None, description="Certificate authorities for this upstream alone, besides those of all calls, PEM"
    )
    client_cert: PathText | None = Field(
        default=None, description="The certificate that we show to it, with those between it and the authority, PEM"
    )
    client_key: PathText | None = Field(default=None, description="The private key of client_cert, PEM, no passphrase")

    @model_validator(mode="after")
    def _both_or_neither(self) -> Self:
        if (self.client_cert is None) != (self.client_key is None):
            raise ValueError("client_cert and client_key count together; set both, or neither")
        return self

    def context(self, ca_file: str | None = None) -> ssl.SSLContext | None:
        """For TLS as these files want it; `ca_file`: authorities for all calls. None: nothing is said here.

        Raises ValueError, which names the key, for a file that is not there or not what it should be.
        """
        if self == UpstreamTls():
            return None
        with _about("ca_file"):
            context = new_context(ca_file, self.ca_file)
        if self.client_cert is not None and self.client_key is not None:
            with _about("client_cert, client_key"):
                context.load_cert_chain(self.client_cert, self.client_key, password=_no_passphrase)
        return context

    def expires_at(self) -> float | None:
        """When `client_cert` ends, epoch seconds; None without one."""
        if self.client_cert is None:
            return None
        return load_pem_x509_certificate(Path(self.client_cert).read_bytes()).not_valid_after_utc.timestamp()


class TlsSettings(ProviderSettings):
    """Settings of an upstream with an authority of its own, or that knows us by a certificate (RFC 8705 section 2)."""

    tls: UpstreamTls = Field(default=UpstreamTls(), description="Authorities and a client certificate for its calls")

    @field_validator("tls")
    @classmethod
    def _usable(cls, tls: UpstreamTls, info: ValidationInfo) -> UpstreamTls:
        if info.data.get("enabled"):  # one that is switched off may wait for its files
            tls.context()
        return tls


class CertifiedSettings(TlsSettings):
    """Settings of an upstream that answers nobody without a certificate."""

    @model_validator(mode="after")
    def _known_by_a_certificate(self) -> Self:
        if self.enabled and self.tls.client_cert is None and self.server_base is None:
            raise ValueError("tls: client_cert is needed, or server_base with a proxy that shows one in our place")
        return self


def _no_passphrase() -> str:
    # Without this the library would ask for one at the terminal, and wait.
    raise ValueError("the key has a passphrase, and nobody is there to type it")


@contextmanager
def _about(keys: str) -> Iterator[None]:
    """What goes wrong inside is a ValueError that names these keys and quotes no file."""
    try:
        yield
    except ssl.SSLError as error:
        raise ValueError(f"{keys}: {error.reason or 'not PEM'}") from None
    except OSError as error:
        raise ValueError(f"{keys}: {error.strerror}") from None
