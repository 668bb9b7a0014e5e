"""The clients we know and how they prove themselves."""

from __future__ import annotations

from collections.abc import Mapping

from broker.core.clients.assertion import check_claims, check_method, not_accepted, verify_mac
from broker.core.clients.client import Client
from broker.core.clients.credentials import Credentials, parse_credentials, verify_client
from broker.core.errors import ClientSwitchedOff, InvalidClient, UnknownClient
from broker.core.events import Event
from broker.core.jose.compact import UnverifiedToken
from broker.core.jose.jwk import verify_signature
from broker.core.terms import AuthMethod
from broker.core.wire.parameters import Parameters
from broker.core.wire.strict_json import Malformed
from broker.services.clients.kept import Kept
from broker.services.clients.keys import ClientKeys
from broker.services.clients.registrations import Registrations
from broker.services.context import Context
from broker.services.switches import Off, tell_app
from broker.store.transient import Kind, Transient


class ClientAssertions:
    """`private_key_jwt` and `client_secret_jwt` (OIDC Core 9)."""

    def __init__(self, context: Context, transient: Transient, keys: ClientKeys) -> None:
        """`transient` remembers what was used, for all nodes."""
        self._context = context
        self._transient = transient
        self._keys = keys

    async def verify(self, client: Client | None, token: UnverifiedToken) -> Client:
        """The client whose key or secret signed this, just now and for us; raises InvalidClient."""
        known = check_method(client, token)
        try:
            if known.auth_method is AuthMethod.SECRET_JWT:
                verify_mac(token, known.assertions)
            else:
                verify_signature(token, await self._keys.find(known, token.kid, token.algorithm))
        except Malformed as problem:
            raise not_accepted(problem) from None
        key, ttl = check_claims(token, known.assertions, issuer=self._context.issuer, now=self._context.clock())
        if not await self._transient.put(Kind.ASSERTION, key, b"", ttl=ttl):
            raise InvalidClient("client_assertion was used before; make a new one, with a new jti, for every request")
        return known


class Clients:
    """The directory of clients: those of config.yaml, those that operators keep, those that registered themselves."""

    def __init__(
        self,
        context: Context,
        clients: Mapping[str, Client],
        assertions: ClientAssertions,
        registrations: Registrations | None = None,
        *,
        kept: Kept | None = None,
        off: Off | None = None,
    ) -> None:
        """`clients` of config.yaml by client_id. `registrations`: where those are that registered themselves, None:
        nobody may. `kept`: those that operators keep. `off`: what operators have switched off.
        """
        self._off = off or Off()
        self._kept = kept or Kept()
        self._registrations = registrations
        self._context = context
        self._clients = clients
        self._assertions = assertions
        self._origins = frozenset(origin for client in clients.values() for origin in client.origins)

    @property
    def configured(self) -> Mapping[str, Client]:
        """Those of operators, in config.yaml or kept beside it, by client_id: known without asking a store."""
        return {**self._kept.clients, **self._clients}

    def origins(self) -> frozenset[str]:
        """Where those call us from in browsers, as of now."""
        return self._origins | self._kept.origins

    async def find(self, client_id: str) -> Client | None:
        """The client of this id, or None: nobody of that name, or an operator has switched it off."""
        return None if client_id in self._off.clients else await self.known(client_id)

    async def find_on(self, client_id: str) -> Client | None:
        """As `find`, for whoever can tell its developer or its user; raises ClientSwitchedOff."""
        if (switch := self._off.clients.get(client_id)) is not None:
            raise ClientSwitchedOff(
                f"{client_id} is switched off", public=tell_app(switch), client=await self.known(client_id)
            )
        return await self.known(client_id)

    async def known(self, client_id: str) -> Client | None:
        """The client of this id, switched off or not: for what is shown of it, and to tell it that a login ended."""
        known = self._clients.get(client_id) or self._kept.clients.get(client_id)
        if known is None and self._registrations is not None:
            return await self._registrations.find(client_id)
        return known

    async def find_again(self, client_id: str) -> Client:
        """The client of a request that was checked before.

        Raises UnknownClient when it is one no longer, ClientSwitchedOff when an operator did that.
        """
        client = await self.find_on(client_id)
        if client is None:
            raise UnknownClient("the client was removed while its user was logging in")
        return client

    async def read(self, authorization: str, params: Parameters) -> Credentials:
        """What a client brought to prove itself, in the Authorization header or in the form; raises InvalidClient."""
        try:
            return parse_credentials(authorization, params)
        except InvalidClient as error:
            await self._note_failed(params.get("client_id", ""), error)
            raise

    async def verify(self, credentials: Credentials) -> Client:
        """The client that proved itself by exactly its registered method; raises InvalidClient.

        Whoever did may know as well that an operator has switched it off: raises ClientSwitchedOff.
        """
        client = await self.known(credentials.client_id)
        try:
            if credentials.assertion is not None:
                proven = await self._assertions.verify(client, credentials.assertion)
            else:
                proven = verify_client(client, credentials)
        except InvalidClient as error:
            await self._note_failed(credentials.client_id, error)
            raise
        await self.find_on(proven.id)
        return proven

    async def _note_failed(self, claimed: str, error: InvalidClient) -> None:
        known = claimed if await self.known(claimed) is not None else None
        self._context.recorder.record(Event.CLIENT_AUTH_FAILED, client_id=known, reason=error.detail)
