"""An upstream's own tokens, kept for an app that may call the upstream's APIs in the name of its user (RFC 8693)."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final, Self

from broker.core.errors import InvalidRequest
from broker.core.records import Record
from broker.core.terms import TokenType
from broker.core.wire.parameters import Parameters

SPENT_BEFORE: Final = 60  # seconds: an access token that ends sooner is renewed before anybody gets it
_NOT_HERE: Final = ("actor_token", "actor_token_type", "resource", "scope", "subject_issuer")


class UpstreamTokens(Record, frozen=True, tag="upstream-tokens"):
    """What an upstream gave for its own APIs. No text of it shows a token.

    `expires_at`: of the access token, in epoch seconds; None: the upstream did not say. `refresh_token` is "" where it
    gave none. `nonce` is that of the login, for ID tokens that come later.
    """

    access_token: str
    refresh_token: str = ""
    expires_at: int | None = None
    scope: tuple[str, ...] = ()
    nonce: str = ""

    def __repr__(self) -> str:
        """Nothing that anybody could use."""
        return f"UpstreamTokens(scope={self.scope!r}, expires_at={self.expires_at!r})"

    def is_spent(self, now: int) -> bool:
        """Whether the access token ends so soon (`now` in epoch seconds) that it has to be renewed."""
        return self.expires_at is not None and self.expires_at - now < SPENT_BEFORE


@dataclass(frozen=True, slots=True)
class WantedTokens:
    """What an app asks for: the tokens of the provider `audience`, for whoever its own access token is about."""

    audience: str
    subject_token: str = field(repr=False)

    @classmethod
    def are_asked_for(cls, params: Parameters) -> bool:
        """Whether a token exchange is about an upstream's tokens, and not about a credential that an app posts."""
        return "audience" in params and "subject_issuer" not in params

    @classmethod
    def of(cls, params: Parameters) -> Self:
        """As the request says; raises InvalidRequest (RFC 8693 section 2.1)."""
        params.check_single(params.repeated)
        for name in ("subject_token", "subject_token_type", "audience"):
            if name not in params:
                raise InvalidRequest(f"{name} is missing")
        for name in _NOT_HERE:
            if name in params:
                raise InvalidRequest(f"{name}: a provider's token is handed out as it is, and to the app alone")
        for name in ("subject_token_type", "requested_token_type"):
            if params.get(name, TokenType.ACCESS_TOKEN) != TokenType.ACCESS_TOKEN:
                raise InvalidRequest(f"{name} must be {TokenType.ACCESS_TOKEN.value}")
        return cls(params["audience"], params["subject_token"])
