"""`/identities`: the ways in of a person, for apps; and whose an upstream's subject is (ADR 50)."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response

from broker.core.wire.parameters import read_members
from broker.services.people.lookup import Lookup
from broker.services.tokens.identities import Identities, WayIn
from broker.web.http.answers import NO_STORE, answer_json
from broker.web.http.proofs import ProofReader
from broker.web.http.reading import read_json
from broker.web.limits.intake import Intake
from broker.web.pages.frontend import Frontend
from broker.web.pages.locale import pick


class IdentityEndpoints:
    """Tokens come in the header alone, parameters in the body alone."""

    def __init__(
        self, frontend: Frontend, identities: Identities, lookup: Lookup, intake: Intake, proofs: ProofReader
    ) -> None:
        self._frontend = frontend
        self._identities = identities
        self._lookup = lookup
        self._intake = intake
        self._proofs = proofs

    async def list_(self, request: Request) -> Response:
        """All of them; `title` is in the language that the request asks for."""
        ways = await self._identities.show(self._proofs.read_shown(request, "/identities"))
        return answer_json({"identities": [self._describe(request, way) for way in ways]})

    async def add(self, request: Request) -> Response:
        """201 with the way in; 200 where it was theirs before. An upstream may be asked, so sources are counted."""
        shown = self._proofs.read_shown(request, "/identities")
        await self._intake.count("token", request)
        params = read_members(await read_json(request, limit=self._intake.body_limit))
        way, again = await self._identities.add(shown, params)
        return answer_json(self._describe(request, way), 200 if again else 201)

    async def remove(self, request: Request) -> Response:
        """204: it is gone."""
        handle = request.path_params["id"]
        await self._identities.remove(self._proofs.read_shown(request, f"/identities/{handle}"), handle)
        return Response(status_code=204, headers=NO_STORE)

    async def look_up(self, request: Request) -> Response:
        """The `sub` of whoever it is."""
        async with self._intake.admit(request, confidential="the look-up of identities") as (client, params):
            await self._intake.count_client("identity_lookup", request, client)
            return answer_json(await self._lookup.answer(client, params))

    def _describe(self, request: Request, way: WayIn) -> dict[str, Any]:
        return way.describe() | {"title": pick(way.instance.title, self._frontend.locale(request))}
