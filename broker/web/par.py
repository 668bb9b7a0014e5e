"""`/par`: a client pushes an authorization request and gets a name for it (RFC 9126)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.services.requests import Requests
from broker.web.answers import answer_json
from broker.web.door import Door
from broker.web.proofs import ProofReader


class PushEndpoint:
    """POST only; parameters in the body only."""

    def __init__(self, service: Requests, door: Door, proofs: ProofReader) -> None:
        """`door` counts visitors and reads bodies, `proofs` reads their headers."""
        self._service = service
        self._proofs = proofs
        self._door = door

    async def post(self, request: Request) -> Response:
        """201 with a `request_uri` (section 2.2).

        What is pushed is kept. Anybody can speak in the name of a public client, so that is counted like a departure.
        """
        proof = self._proofs.read(request)
        client, params = await self._door.admit(request, self._service.verify_client)
        if client.public:
            await self._door.count("login_start", request)
        return answer_json(await self._service.push(client, params, proof=proof), 201)
