"""Our own protected resources (RFC 6750): what an access token opens here, and when it does not."""

from __future__ import annotations

from broker.core.clients.client import Client
from broker.core.errors import InsufficientScope, InsufficientUserAuthentication, InvalidToken, NoToken
from broker.core.records import AccessToken, ClientToken
from broker.core.terms import Scope
from broker.services.context import Context
from broker.services.tokens.held import Held
from broker.services.tokens.minting import Tokens
from broker.services.tokens.proofs import Proofs, Shown


class Admission:
    """The one door to everything that is told or changed by the token of a person, or of an app itself."""

    def __init__(self, context: Context, tokens: Tokens, proofs: Proofs) -> None:
        self._context = context
        self._tokens = tokens
        self._proofs = proofs

    async def admit(self, shown: Shown, scope: Scope, *, max_age: int | None = None) -> tuple[AccessToken, Held]:
        """What the token allows here today, and its grant; the person was asked at most `max_age` seconds ago.

        Raises NoToken, InvalidToken, what is wrong with the proof of a key, InsufficientScope where it lacks `scope`,
        and InsufficientUserAuthentication (RFC 9470) where it is longer ago that they were asked who they are, or
        nobody knows.
        """
        if not shown.token:
            raise NoToken("send an access token in the Authorization header")
        opened, held = await self._tokens.verify_access(shown.token)
        await self._proofs.verify_use(shown, opened.jkt, held.client)
        if scope not in opened.scope:
            raise InsufficientScope(f"the access token lacks the scope {scope}")
        if max_age is not None and self._context.now() - held.grant.login.asked_at > max_age:
            raise InsufficientUserAuthentication(
                f"this needs a login of the last {max_age} seconds; ask for one by max_age", max_age=max_age
            )
        return opened, held

    async def admit_client(self, shown: Shown, scope: str) -> Client:
        """The client whose own token this is, for what it does by itself.

        Raises NoToken, InvalidToken, what is wrong with the proof of a key, and InsufficientScope where it lacks
        `scope`, or is the token of a person: that passes through browsers, and would let whoever has it do it.
        """
        if not shown.token:
            raise NoToken("send an access token in the Authorization header")
        token = self._tokens.open_access(shown.token)
        if not isinstance(token, ClientToken):
            raise InsufficientScope("the access token is a person's; get one by client_credentials")
        if token.audience and self._context.issuer not in token.audience:
            raise InvalidToken("the access token is for another audience")
        found = await self._tokens.held.find_own(token)
        if found is None:
            raise InvalidToken("the access token was revoked")
        client, cut = found
        await self._proofs.verify_use(shown, cut.jkt, client)
        if scope not in cut.scope:
            raise InsufficientScope(f"the access token lacks the scope {scope}")
        return client
