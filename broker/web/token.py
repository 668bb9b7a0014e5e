"""`/token` and `/userinfo`: the back channel (RFC 6749 section 3.2, OIDC Core 5.3)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from broker.core.claims import build_claims
from broker.core.client import Client
from broker.core.errors import InsufficientScope, NoToken
from broker.core.parameters import Parameters
from broker.core.terms import Scope
from broker.services.grants.base import TokenEndpoint as TokenService
from broker.services.proofs import Proofs
from broker.services.tokens import Tokens
from broker.web.answers import NO_STORE, answer_json
from broker.web.door import Door
from broker.web.http import FORM, read_access_token
from broker.web.proofs import ProofReader


class TokenEndpoint:
    """POST only; parameters in the body only."""

    def __init__(self, service: TokenService, door: Door, proofs: ProofReader) -> None:
        """`door` counts visitors and reads bodies, `proofs` reads their headers."""
        self._service = service
        self._door = door
        self._proofs = proofs

    async def post(self, request: Request) -> Response:
        """Authenticate the client, then answer it."""
        proof = self._proofs.read(request)
        client, params = await self._door.admit(request)
        return answer_json(await self._service.answer(client, params, proof=proof))


class UserinfoEndpoint:
    """The claims behind an access token."""

    def __init__(self, tokens: Tokens, door: Door, *, proofs: Proofs, reader: ProofReader) -> None:
        """`door` counts visitors and reads bodies, `reader` reads proofs and `proofs` verifies them."""
        self._proofs = proofs
        self._reader = reader
        self._tokens = tokens
        self._door = door

    async def get(self, request: Request) -> Response:
        """The token in the header."""
        return await self._answer(request, None)

    async def post(self, request: Request) -> Response:
        """The token in the header, or in a form (RFC 6750 section 2.2)."""
        is_form = request.headers.get("content-type", "").startswith(FORM)
        return await self._answer(request, await self._door.read_form(request) if is_form else None)

    async def _answer(self, request: Request, params: Parameters | None) -> Response:
        proof, shown = self._reader.read(request), read_access_token(request, params)
        if not shown.value:
            raise NoToken("send an access token in the Authorization header")
        token, held = await self._tokens.verify_access(shown.value)
        client = held.client
        await self._proofs.verify_use(
            shown.value, token.jkt, client, shown_as_dpop=shown.dpop, proof=proof, method=request.method
        )
        if Scope.OPENID not in token.scope:
            raise InsufficientScope("the access token lacks the scope openid")
        claims = build_claims(held.person, client, token.scope, held.grant.claims.get("userinfo"))
        return await self._say({"sub": held.grant.sub} | claims, client)

    async def _say(self, claims: dict[str, Any], client: Client) -> Response:
        """Plain, or signed where the client is registered so (OIDC Core 5.3.2)."""
        algorithm = client.tokens.userinfo_alg
        if algorithm is None:
            return answer_json(claims)
        signed = await self._tokens.mint_userinfo(claims, client, algorithm)
        return Response(signed, headers=NO_STORE, media_type="application/jwt")
