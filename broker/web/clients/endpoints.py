"""What apps and upstreams call: PAR, device codes, challenges, revocation, introspection, logout."""

from __future__ import annotations

from starlette.requests import Request
from starlette.responses import Response

from broker.services.authorize.requests import Requests
from broker.services.devices import Devices
from broker.services.logout.upstream import UpstreamLogouts
from broker.services.posted import PostedCredentials
from broker.services.tokens.introspection import Introspection
from broker.services.tokens.revocation import Revocation
from broker.web.http.answers import NO_STORE, answer_json
from broker.web.http.proofs import ProofReader
from broker.web.limits.client_address import coarse
from broker.web.limits.intake import Intake


class ClientEndpoints:
    """POST only; parameters in the body only. One method is one endpoint: admit, ask the service, say what it said."""

    def __init__(
        self,
        intake: Intake,
        proofs: ProofReader,
        *,
        requests: Requests,
        devices: Devices,
        revocation: Revocation,
        introspection: Introspection,
        logouts: UpstreamLogouts,
        posted: PostedCredentials,
    ) -> None:
        self._intake = intake
        self._proofs = proofs
        self._requests = requests
        self._devices = devices
        self._revocation = revocation
        self._introspection = introspection
        self._logouts = logouts
        self._posted = posted

    async def push(self, request: Request) -> Response:
        """PAR: 201 with a `request_uri` (RFC 9126 section 2.2).

        What is pushed is kept. Anybody can speak in the name of a public client, so that is counted like a departure.
        """
        proof = self._proofs.read(request)
        async with self._intake.admit(request) as (client, params):
            if client.public:
                await self._intake.count("login_start", request)
            return answer_json(await self._requests.push(client, params, proof=proof), 201)

    async def device(self, request: Request) -> Response:
        """Device authorization: the codes (RFC 8628 section 3.2). They are kept, and counted as in `push`."""
        async with self._intake.admit(request) as (client, params):
            if client.public:
                await self._intake.count("login_start", request)
            place = coarse(self._intake.sources.find(request))
            return answer_json(await self._devices.begin(client, params, place=place))

    async def challenge(self, request: Request) -> Response:
        """A challenge for what the app will post. Nothing is kept, so it is counted as a call of /token."""
        async with self._intake.admit(request) as (client, params):
            return answer_json(self._posted.challenge(client, params))

    async def revoke(self, request: Request) -> Response:
        """Revocation: 200 without a body, whatever the token was (RFC 7009 section 2.2)."""
        async with self._intake.admit(request) as (client, params):
            await self._revocation.revoke(client, params)
        return Response(status_code=200, headers=NO_STORE)

    async def introspect(self, request: Request) -> Response:
        """Introspection: what a token is (RFC 7662), told to clients that have a secret."""
        async with self._intake.admit(request, confidential="introspection") as (client, params):
            return answer_json(await self._introspection.answer(client, params))

    async def hear_logout(self, request: Request) -> Response:
        """Back-channel logout: an upstream tells that somebody logged out there (OIDC Back-Channel Logout 1.0).

        200 without a body, whether or not there was a session to end (section 2.8).
        """
        await self._intake.count("upstream_logout", request)
        params = await self._intake.read_form(request)
        await self._logouts.receive(request.path_params["provider"], params)
        return Response(status_code=200, headers=NO_STORE)
