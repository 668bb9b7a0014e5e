"""The admin API on the management listener: the use cases of operators as JSON, for bearer tokens (ADR 71)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from contextlib import suppress
from typing import Any

import orjson
from starlette.requests import Request
from starlette.responses import Response

from broker.core.errors import InvalidToken, NoToken
from broker.core.events import Event, Recorder
from broker.core.openapi.admin import DOCUMENT, path_of, reached
from broker.core.operators.question import Kind, UseCase
from broker.core.operators.tokens import AdminToken
from broker.core.wire.strict_json import Malformed, parse_json
from broker.services.operators.door import Operators
from broker.services.operators.tokens import AdminTokens
from broker.web.dispatch import Access, Endpoint, Route
from broker.web.http.answers import NO_STORE, answer_json
from broker.web.http.reading import read_bearer, read_json, read_query
from broker.web.limits.client_address import Sources
from broker.web.limits.rate_limits import Limits


class AdminEndpoints:
    """Every call shows a token, whatever it is for; nothing else that a browser or an app has opens anything."""

    def __init__(
        self,
        operators: Operators,
        tokens: AdminTokens,
        recorder: Recorder,
        *,
        limits: Limits,
        sources: Sources,
        body_limit: int,
        document: Mapping[str, Any],
    ) -> None:
        """`body_limit` in bytes; `document` describes the API."""
        self._operators = operators
        self._tokens = tokens
        self._recorder = recorder
        self._limits = limits
        self._sources = sources
        self._body_limit = body_limit
        self._document = orjson.dumps(dict(document))

    @property
    def routes(self) -> Iterable[Route]:
        """The document, and a path for each use case that a network may reach."""
        yield Route(DOCUMENT, {"GET": self._describe}, Access.CLIENT, "admin")
        for case in reached():
            yield Route(path_of(case), self._methods(case), Access.CLIENT, "admin")

    def _methods(self, case: UseCase) -> Mapping[str, Endpoint]:
        """A question may be asked by GET; an address or a phone number is better not in a URL, so by POST as well."""

        async def get(request: Request) -> Response:
            token = await self._admit(request)
            return await self._answer(case, token, _read_values(request, case))

        async def post(request: Request) -> Response:
            token = await self._admit(request)
            return await self._answer(case, token, await read_json(request, limit=self._body_limit))

        return {"POST": post} if case.writes else {"GET": get, "POST": post}

    async def _answer(self, case: UseCase, token: AdminToken, values: Mapping[str, Any]) -> Response:
        told = await self._operators.answer(case.name, values, by=f"token {token.name}", may=token.may)
        return answer_json(told)

    async def _describe(self, request: Request) -> Response:
        await self._admit(request)
        return Response(self._document, 200, NO_STORE, "application/json")

    async def _admit(self, request: Request) -> AdminToken:
        """Whose call it is. Failures are counted by source and calls by token: nobody shuts a good one out.

        A token has 256 random bits. Failures are counted for the sake of the log and not against guessing.
        """
        source = self._sources.find(request)
        try:
            token = await self._tokens.admit(read_bearer(request))
        except InvalidToken as refused:
            await self._limits.check("admin_failure", source)
            if not isinstance(refused, NoToken):
                self._recorder.record(Event.ADMIN_REFUSED, reason=refused.detail)
            raise
        await self._limits.check("admin", token.name)
        return token


def _read_values(request: Request, case: UseCase) -> Mapping[str, Any]:
    """The values in the query: a text as it is, everything else as JSON has it, `true` or `50`.

    What is no JSON stays a text, which the catalogue refuses by name.
    """
    params = read_query(request)
    params.check_single([one.name for one in case.parameters])
    values: dict[str, Any] = dict(params)
    for one in case.parameters:
        if one.kind is not Kind.TEXT and one.name in params:
            with suppress(Malformed):
                values[one.name] = parse_json(params[one.name])
    return values
