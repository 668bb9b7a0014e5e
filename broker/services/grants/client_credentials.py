"""The client credentials grant (RFC 6749 section 4.4): a client gets a token for itself, and nobody is logged in."""

from __future__ import annotations

from broker.core.clients.client import Client
from broker.core.errors import InvalidScope, UnauthorizedClient
from broker.core.events import Event
from broker.core.people.history import Whence
from broker.core.tokens.audience import verify_resources
from broker.core.wire.parameters import Parameters
from broker.services.grants.endpoint import Issued
from broker.services.tokens.proofs import Key


class ClientCredentials:
    """Gives no refresh token, no ID token, and never a scope that is about people (RFC 9700 section 4.15)."""

    event = Event.TOKEN_ISSUED_TO_CLIENT

    async def issue(self, client: Client, params: Parameters, _key: Key, _whence: Whence) -> Issued:
        """All service scopes of this client, or those it asked for; raises RequestError."""
        if client.public:
            raise UnauthorizedClient("a public client has no credentials to get a token by (RFC 6749 section 4.4)")
        asked = params.words("scope")
        if not set(asked) <= set(client.service_scopes):
            raise InvalidScope("scope may only name this client's service_scopes; what is about people needs a login")
        scope = tuple(word for word in client.service_scopes if word in asked) if asked else client.service_scopes
        return Issued(None, scope, None, verify_resources(params, client.requests.resources))
