"""`/notify`: apps order messages to their own users, and ask what became of them (ADR 53)."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.core.authorize.whereabouts import Whereabouts, located
from broker.core.clients.client import Client
from broker.services.notify.orders import Orders
from broker.web.http.answers import answer_json
from broker.web.http.proofs import ProofReader
from broker.web.http.reading import read_json
from broker.web.limits.intake import Intake

PATH = "/notify"


class NotifyEndpoint:
    """Tokens come in the header alone, orders as JSON."""

    def __init__(self, orders: Orders, intake: Intake, proofs: ProofReader) -> None:
        self._orders = orders
        self._intake = intake
        self._proofs = proofs

    async def post(self, request: Request) -> Response:
        """202: it is kept, and will be tried."""
        client = await self._admit(request, PATH)
        with located(Whereabouts(client=client)):
            await self._intake.count_client("notify", request, client)
            sent = await read_json(request, limit=self._intake.body_limit)
            message_id = await self._orders.accept(client, sent)
            return answer_json({"id": message_id, "status": "queued"}, 202)

    async def get(self, request: Request) -> Response:
        """What became of it."""
        message_id = request.path_params["id"]
        client = await self._admit(request, f"{PATH}/{message_id}")
        with located(Whereabouts(client=client)):
            await self._intake.count_client("token", request, client)
            return answer_json(await self._orders.tell(client, message_id))

    async def _admit(self, request: Request, endpoint: str) -> Client:
        return await self._orders.admit(self._proofs.read_shown(request, endpoint))
