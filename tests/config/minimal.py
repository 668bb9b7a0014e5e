"""A small valid configuration and the provider types it may use."""

from __future__ import annotations

from collections.abc import Callable

from pydantic import BaseModel, Field, SecretStr, field_validator

from broker.config.load import Loaded

Read = Callable[..., Loaded]
SECRET = "fUk0tN3vVq1yqv4mJg0qO7cC2o9n1bXz"
SHA = "a" * 64

MINIMAL = f"""\
version: 1
issuer: https://id.example.com
providers:
  google:
    type: google
    client_id: "123"
    client_secret: {SECRET}
clients:
  shop:
    name: Shop
    redirect_uris: [https://shop.example.com/cb]
    secret_hashes: [sha256:{SHA}]
"""


class FakeSettings(BaseModel, extra="forbid", frozen=True):
    """Settings as a provider type would declare them, with a validator that quotes its input as plugins may."""

    type: str
    enabled: bool = True
    client_id: str = Field(min_length=1)
    client_secret: SecretStr = Field(min_length=1)
    mode: str = "oidc"
    retries: int = 0

    @field_validator("client_secret")
    @classmethod
    def _quote(cls, value: SecretStr) -> SecretStr:
        if value.get_secret_value().startswith("refuse"):
            raise ValueError(f"cannot use {value.get_secret_value()} here")
        return value


def resolve(kind: str) -> type[BaseModel]:
    """The only two types there are."""
    if kind in {"google", "vk"}:
        return FakeSettings
    raise LookupError(f"there is no provider type {kind}")
