"""Where an issuer answers: by its discovery document, by what the operator knows better, or by that alone."""

from __future__ import annotations

from typing import Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from broker.upstream.client_auth import ProofSettings
from broker.upstream.discovery import Address, DiscoveryRules, IssuerAddress, Metadata
from broker.upstream.model import Origin


class Endpoints(BaseModel):
    """Addresses that count in place of those in the document. The operator names them, so they may be anywhere."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    authorization: Address | None = Field(default=None, description="In place of authorization_endpoint")
    token: Address | None = Field(default=None, description="In place of token_endpoint")
    jwks: Address | None = Field(default=None, description="In place of jwks_uri")
    userinfo: Address | None = Field(default=None, description="In place of userinfo_endpoint")
    end_session: Address | None = Field(default=None, description="In place of end_session_endpoint")
    revocation: Address | None = Field(default=None, description="In place of revocation_endpoint")
    pushed_authorization_request: Address | None = Field(default=None, description="In place of the document's")

    def given(self) -> dict[str, str]:
        """Those that are named, as members of Metadata."""
        named = {name: address for name in type(self).model_fields if (address := getattr(self, name)) is not None}
        return {"jwks_uri" if name == "jwks" else f"{name}_endpoint": address for name, address in named.items()}


class IssuerSettings(ProofSettings):
    """A client at the issuer. Issuer, client id and secret are enough; the rest is for odd servers."""

    issuer: IssuerAddress = Field(description="Exactly as the discovery document has it, final / included")
    issuer_aliases: tuple[IssuerAddress, ...] = Field(
        default=(), max_length=10, description="What else it calls itself in its document and tokens"
    )
    discovery_url: Address | None = Field(default=None, description="Where the document lies, if not at the issuer")
    endpoint_origins: tuple[Origin, ...] = Field(default=(), description="Where else than at the issuer endpoints lie")
    endpoints: Endpoints = Field(default=Endpoints(), description="Addresses in place of those in the document")
    use_discovery: bool = Field(default=True, description="false: no document is read; `endpoints` says everything")

    @model_validator(mode="after")
    def _endpoints_instead(self) -> Self:
        named = self.endpoints
        if not self.use_discovery and not (named.authorization and named.token and named.jwks):
            raise ValueError("use_discovery: false needs endpoints: authorization, token and jwks at least")
        return self

    @property
    def discovery(self) -> DiscoveryRules | None:
        """Where the document lies and what it may say; None where none is read."""
        if not self.use_discovery:
            return None
        aliases, origins = self.issuer_aliases, self.endpoint_origins
        return DiscoveryRules(self.issuer, self.discovery_url or "", origins, aliases, self.by_certificate)

    @property
    def without_document(self) -> Metadata:
        """What is known of an issuer before anybody asks it; where it answers, `endpoints` say."""
        return Metadata(authorization_endpoint="", token_endpoint="", issuer=self.issuer)
