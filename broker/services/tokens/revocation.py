"""Giving tokens back (RFC 7009). What a token hangs on ends with it, on every node and from the next request on."""

from __future__ import annotations

from broker.core.clients.client import Client
from broker.core.errors import InvalidRequest, InvalidToken
from broker.core.events import Event
from broker.core.records import ClientToken
from broker.core.seal import digest
from broker.core.wire.parameters import Parameters
from broker.services.context import Context
from broker.services.tokens.held import Held
from broker.services.tokens.minting import Tokens
from broker.store.grants import GrantStore


class Revocation:
    """Ends what belongs to the client that asks, and nothing else."""

    def __init__(self, context: Context, grants: GrantStore, tokens: Tokens) -> None:
        self._context = context
        self._grants = grants
        self._tokens = tokens

    async def revoke(self, client: Client, params: Parameters) -> None:
        """End the token's grant, or the token itself where it has none; raises InvalidRequest.

        What is unknown, expired, revoked before or somebody else's is left as it is, and nobody learns which it was.
        `token_type_hint` is not needed: a token says what it is.
        """
        params.check_single(params.repeated)
        if "token" not in params:
            raise InvalidRequest("token is missing")
        token = params["token"]
        if self._tokens.is_refresh(token):
            await self._end_refresh(client, token)
        else:
            await self._end_access(client, token)

    async def revoke_given(self, held: Held, *, refresh_only: bool) -> None:
        """End all that this client was given of this person, on every device of theirs.

        `refresh_only`: access tokens that are out already stay good until they expire.
        """
        now = self._context.now()
        until = now + self._tokens.lifetimes.access_token if refresh_only else None
        ended = await self._grants.revoke_given(held.account, held.client.id, now=now, access_until=until)
        if ended:
            kind = "refresh_tokens" if refresh_only else "all"
            self._context.recorder.record(Event.TOKEN_REVOKED, client_id=held.client.id, kind=kind)

    async def _end_refresh(self, client: Client, token: str) -> None:
        """Spent or not: whoever gives back an old token of the family is done with all of it."""
        known = await self._grants.refresh_token(digest(token), now=self._context.now())
        if known is not None:
            await self._end_grant(client, known.token.grant_id, "refresh_token")

    async def _end_access(self, client: Client, token: str) -> None:
        try:
            opened = self._tokens.open_access(token)
        except InvalidToken:
            return  # not a token, or one that opens nothing any more (RFC 7009 section 2.2)
        if opened.client_id != client.id:
            return
        if not isinstance(opened, ClientToken):
            await self._end_grant(client, opened.grant_id, "access_token")
        elif await self._grants.revoke_token(opened.jti, expires_at=opened.expires_at):
            self._context.recorder.record(Event.TOKEN_REVOKED, client_id=client.id, kind="client_token")

    async def _end_grant(self, client: Client, grant_id: str, kind: str) -> None:
        if await self._grants.revoke(grant_id, now=self._context.now(), client_id=client.id):
            self._context.recorder.record(Event.TOKEN_REVOKED, client_id=client.id, kind=kind, grant_id=grant_id)
