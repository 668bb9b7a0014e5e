"""Tokens of an upstream that apps may have afterwards: what the operator chooses, and how an answer is read."""

from __future__ import annotations

from typing import Annotated, Self

from pydantic import Field, model_validator

from broker.core.upstream_tokens import UpstreamTokens
from broker.upstream.fields import Fields
from broker.upstream.model import ProviderSettings

TokenScope = Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,256}$")]


class RefusalSettings(ProviderSettings):
    """For services with words of their own where OAuth has `invalid_grant` and `invalid_client`."""

    grant_refused: tuple[str, ...] = Field(
        default=(),
        description="Errors of its token endpoint that mean, besides invalid_grant, that a code or token is no good",
    )
    client_refused: tuple[str, ...] = Field(
        default=(),
        description="Errors that mean, besides invalid_client and unauthorized_client, that it does not know us",
    )


class TokenSettings(ProviderSettings):
    """Settings of an upstream whose tokens can be kept for apps; nothing by default."""

    keep_tokens: bool = Field(
        default=False, description="Keep its tokens, sealed, for apps that have its name in `upstream_tokens`"
    )
    token_scopes: tuple[TokenScope, ...] = Field(
        default=(),
        max_length=50,
        description="With `keep_tokens`: what is asked for besides, when such an app sends people",
    )

    @model_validator(mode="after")
    def _scopes_where_they_count(self) -> Self:
        if self.token_scopes and not self.keep_tokens:
            raise ValueError("token_scopes needs keep_tokens: nothing is asked for that nobody may have")
        return self

    @property
    def kept_scopes(self) -> tuple[str, ...]:
        """What kept tokens are good for, so that people can be told; empty where none are kept."""
        asked = getattr(self, "scopes", ())  # a type that asks for always the same has no such key
        return tuple(dict.fromkeys((*asked, *self.token_scopes))) if self.keep_tokens else ()


def read_tokens(
    answer: Fields, *, now: float, asked: tuple[str, ...], before: UpstreamTokens, separator: str = " "
) -> UpstreamTokens:
    """What a token response leaves to be kept in place of `before` (RFC 6749 sections 5.1 and 6).

    `now` in epoch seconds; `asked` are the scopes where it names none, `separator` stands between them where it does. A
    refresh token that is not replaced stays.
    """
    expires_in, scope = answer.shown_number("expires_in"), answer.shown("scope")
    return before.replace(
        access_token=answer.text("access_token"),
        refresh_token=answer.maybe("refresh_token") or before.refresh_token,
        expires_at=None if expires_in is None else int(now) + expires_in,
        scope=tuple(filter(None, scope.split(separator))) if scope else before.scope or asked,
    )
