"""The DPoP header, and the nonce that goes back for the next one (RFC 9449 sections 4.1 and 8)."""

from __future__ import annotations

from collections.abc import Callable

from starlette.requests import Request
from starlette.types import Scope

from broker.core.errors import InvalidDpopProof
from broker.core.wire.parameters import Parameters
from broker.services.tokens.proofs import Shown
from broker.web.http.reading import read_access_token

_NONCE = "broker.dpop_nonce"


class ProofReader:
    """Reads the header. Whoever sends one gets a nonce with the answer, also with a refusal."""

    def __init__(self, mint_nonce: Callable[[], str]) -> None:
        self._mint_nonce = mint_nonce

    def read(self, request: Request) -> str:
        """The proof, unverified, or "" where there is no header; raises InvalidDpopProof for several, or an empty one.

        Called before anything that may fail, so that every answer brings the nonce.
        """
        found = request.headers.getlist("dpop")
        if not found:
            return ""
        request.scope[_NONCE] = self._mint_nonce()
        if len(found) > 1 or not found[0]:
            raise InvalidDpopProof("send one DPoP header with one proof in it")
        return found[0]

    def read_shown(self, request: Request, endpoint: str, params: Parameters | None = None) -> Shown:
        """The access token that came to `endpoint`, a path below the issuer's, with its proof.

        Raises InvalidDpopProof as `read` does, and InvalidRequest as `read_access_token` does.
        """
        proof, token = self.read(request), read_access_token(request, params)
        return Shown(token.value, token.dpop, proof, request.method, endpoint)


def nonce_of(scope: Scope) -> str:
    """The nonce that the answer to this request brings, or ""."""
    nonce: str = scope.get(_NONCE, "")
    return nonce
