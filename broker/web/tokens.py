"""`/token` and `/userinfo`: the back channel (RFC 6749 section 3.2, OIDC Core 5.3)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.services.grants.endpoint import TokenRequests
from broker.services.tokens.userinfo import Userinfo
from broker.web.http.answers import NO_STORE, answer_json
from broker.web.http.proofs import ProofReader
from broker.web.http.reading import FORM
from broker.web.limits.intake import Intake


class TokenEndpoint:
    """POST only; parameters in the body only."""

    def __init__(self, service: TokenRequests, intake: Intake, proofs: ProofReader) -> None:
        self._service = service
        self._intake = intake
        self._proofs = proofs

    async def post(self, request: Request) -> Response:
        """Authenticate the client, then answer it."""
        proof = self._proofs.read(request)
        async with self._intake.admit(request) as (client, params):
            whence = self._intake.whence(request)
            return answer_json(await self._service.answer(client, params, proof=proof, whence=whence))


class UserinfoEndpoint:
    """The claims behind an access token."""

    def __init__(self, service: Userinfo, intake: Intake, proofs: ProofReader) -> None:
        self._service = service
        self._intake = intake
        self._proofs = proofs

    async def answer(self, request: Request) -> Response:
        """The token in the header, or in a form that is posted (RFC 6750 section 2.2)."""
        is_form = request.method == "POST" and request.headers.get("content-type", "").startswith(FORM)
        params = await self._intake.read_form(request) if is_form else None
        said = await self._service.tell(self._proofs.read_shown(request, "/userinfo", params))
        if isinstance(said, str):
            return Response(said, headers=NO_STORE, media_type="application/jwt")
        return answer_json(said)
