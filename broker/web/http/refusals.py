"""Refusals on the back channel: JSON, with the challenge of the schemes that the place knows."""

from __future__ import annotations

from collections.abc import Mapping

from starlette.responses import Response

from broker.core.errors import (
    BrokerError,
    InsufficientScope,
    InsufficientUserAuthentication,
    InvalidClient,
    InvalidDpopProof,
    InvalidToken,
    NoToken,
    StoreUnavailable,
    TooManyRequests,
    UseDpopNonce,
)
from broker.core.tokens.dpop import ALGORITHMS
from broker.web.http.answers import answer_json
from broker.web.http.failures import about_fault


def answer_refusal(error: BrokerError, realm: str, schemes: tuple[str, ...]) -> Response:
    """RFC 6749 section 5.2, RFC 6750 section 3, RFC 9449 section 7.1, RFC 9470 section 3.

    `schemes`: by which tokens may come there, the one that was used first.
    """
    headers: dict[str, str] = {}
    body: dict[str, str | int] = {"error": error.code, "error_description": error.public or about_fault(error)}
    if isinstance(error, InsufficientUserAuthentication):
        body["max_age"] = error.max_age
    at_resource = schemes[0] == "DPoP" and isinstance(error, InvalidDpopProof | UseDpopNonce)
    if isinstance(error, InvalidClient):
        headers["www-authenticate"] = f'Basic realm="{realm}", charset="UTF-8"'
    elif at_resource or isinstance(error, InvalidToken | InsufficientScope | InsufficientUserAuthentication):
        headers["www-authenticate"] = _challenge(error, schemes, realm, body)
    if isinstance(error, StoreUnavailable | TooManyRequests):
        headers["retry-after"] = str(error.retry_after)
    return answer_json({**body, **error.members}, 401 if at_resource else error.status, headers)


def _challenge(error: BrokerError, schemes: tuple[str, ...], realm: str, body: Mapping[str, str | int]) -> str:
    """Every scheme that the place knows; the first says what was wrong."""
    said = "" if isinstance(error, NoToken) else "".join(f', {name}="{text}"' for name, text in body.items())
    known = {"Bearer": f'Bearer realm="{realm}"', "DPoP": f'DPoP realm="{realm}", algs="{" ".join(ALGORITHMS)}"'}
    first, *others = (known[scheme] for scheme in schemes)
    return ", ".join((first + said, *others))
