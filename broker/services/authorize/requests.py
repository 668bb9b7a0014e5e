"""Reading authorization requests, however they come: in the address, pushed before, or signed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from broker.core.authorize.pushed import is_pushed
from broker.core.authorize.request import add_to_kept, build_request
from broker.core.authorize.target import VerifiedRedirect, parse_client_id, verify_target
from broker.core.authorize.whereabouts import Whereabouts, located
from broker.core.clients.client import Client
from broker.core.errors import InvalidDpopProof, InvalidRequest, InvalidRequestUri, PageError
from broker.core.events import Event
from broker.core.records import AuthorizationRequest
from broker.core.wire.parameters import Parameters
from broker.services.authorize.pushed import EXPIRES_IN, PushedRequests
from broker.services.authorize.request_objects import RequestObjects
from broker.services.clients.directory import Clients
from broker.services.context import Context
from broker.services.tokens.minting import Tokens
from broker.services.tokens.proofs import Proofs, check_profile

_UNSIGNED = "this client must send its requests as signed request objects (RFC 9101)"


@dataclass(frozen=True, slots=True)
class Asked:
    """A request that passed every check, and where its answer goes."""

    request: AuthorizationRequest
    target: VerifiedRedirect


class Requests:
    """Turns parameters into checked requests."""

    def __init__(
        self,
        context: Context,
        clients: Clients,
        tokens: Tokens,
        *,
        proofs: Proofs,
        pushed: PushedRequests,
        objects: RequestObjects,
    ) -> None:
        self._context = context
        self._clients = clients
        self._tokens = tokens
        self._proofs = proofs
        self._pushed = pushed
        self._objects = objects

    async def push(self, client: Client, params: Parameters, *, proof: str = "") -> dict[str, Any]:
        """The answer to a pushed request (RFC 9126 section 2.2); raises RequestError or BadRedirectUri.

        `proof`: the DPoP header, or "".
        """
        params.check_single(params.repeated)
        if params.get("client_id", "") != client.id:
            raise InvalidRequest("client_id must be that of the client that pushes the request")
        if "request_uri" in params:
            raise InvalidRequest("request_uri has no place in a pushed request (RFC 9126 section 2.1)")
        if "request" in params:
            params = (await self._objects.open_(client, params["request"])).params
        elif client.requests.require_signed_request_object:
            raise InvalidRequest(_UNSIGNED)
        request = self._build(params, verify_target(params, client))
        if proof:
            request = await self._bind(request, client, proof)
        request_uri = await self._pushed.keep(request)
        self._context.recorder.record(Event.REQUEST_PUSHED, client_id=client.id)
        return {"request_uri": request_uri, "expires_in": EXPIRES_IN}

    async def _bind(self, request: AuthorizationRequest, client: Client, proof: str) -> AuthorizationRequest:
        """The request whose code is bound to the key of the proof (RFC 9449 section 10.1)."""
        proven = await self._proofs.verify(proof, endpoint="/par")
        check_profile(proven, client)
        if request.dpop_jkt not in {"", proven.jkt}:
            raise InvalidDpopProof("dpop_jkt and the DPoP proof name different keys; send one of them")
        await self._proofs.claim(proven, endpoint="/par")
        return request.replace(dpop_jkt=proven.jkt)

    async def verify(self, params: Parameters) -> Asked:
        """The checked request; raises RequestError or PageError, which carry their `Whereabouts` once that is known."""
        client = await self._clients.find_on(parse_client_id(params))
        if client is not None and is_pushed(params.get("request_uri", "")):
            return await self._present(params, client)
        if client is not None and ("request" in params or "request_uri" in params):
            with located(Whereabouts(target=_find_target(params, client))):
                return await self._open(params, client)
        target = verify_target(params, client)
        with located(Whereabouts(target=target)):
            _check_may_come_so(target.client)
            if target.client.requests.require_signed_request_object:
                raise InvalidRequest(_UNSIGNED)
            return Asked(self._build(params, target), target)

    async def _open(self, params: Parameters, client: Client) -> Asked:
        """A signed request, in the address or where it names (RFC 9101). Nothing outside it is asked for.

        What is wrong with the object itself is told at the redirect URI outside, where that is a registered one.
        """
        params.check_single(("request", "request_uri"))
        if "request" in params and "request_uri" in params:
            raise InvalidRequest("request and request_uri exclude each other (RFC 9101 section 5)")
        _check_may_come_so(client)
        text = params.get("request") or await self._objects.fetch(client, params["request_uri"])
        signed = await self._objects.open_(client, text, fetched="request" not in params)
        target = verify_target(signed.params, client)
        with located(Whereabouts(target=target)):
            request = await self._pushed.keep_signed(client, self._build(signed.params, target), signed)
        return Asked(request, VerifiedRedirect.of(request, client))

    async def _present(self, params: Parameters, client: Client) -> Asked:
        """A pushed request. What else is in the address counts for nothing, but what our own pages add to it."""
        if "request_uri" in params.repeated:
            raise InvalidRequestUri("request_uri repeated", client=client)
        request = await self._pushed.present(client, params["request_uri"])
        target = VerifiedRedirect.of(request, client)
        async with self._pushed.answering(target):
            return Asked(add_to_kept(request, params, client), target)

    def _build(self, params: Parameters, target: VerifiedRedirect) -> AuthorizationRequest:
        hint = params.get("id_token_hint", "")
        hinted_sub = self._tokens.verify_hinted_sub(hint, target.client) if hint else ""
        return build_request(params, target, hinted_sub=hinted_sub)


def _check_may_come_so(client: Client) -> None:
    if client.requests.require_par:
        raise InvalidRequest("this client must push its requests; send client_id and request_uri (RFC 9126)")


def _find_target(params: Parameters, client: Client) -> VerifiedRedirect | None:
    """Where the parameters outside lead, when that is a place of this client at all."""
    try:
        return verify_target(params, client, outside=True)
    except PageError:
        return None
