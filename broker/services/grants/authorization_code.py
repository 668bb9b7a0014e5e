"""The authorization code grant (RFC 6749 section 4.1.3, RFC 7636 section 4.6)."""

from __future__ import annotations

from broker.core.authorize import pkce
from broker.core.clients.client import Client
from broker.core.errors import InvalidGrant, InvalidRequest, SealBroken
from broker.core.events import Event
from broker.core.people.history import Whence
from broker.core.records import CodeRecord
from broker.core.seal import digest
from broker.core.wire.parameters import Parameters
from broker.services.context import Context
from broker.services.grants.endpoint import Issued
from broker.services.grants.giving import Giving, LoginOver, Once
from broker.services.tokens.proofs import Key
from broker.store.grants import GrantStore
from broker.store.transient import Kind, Transient

_WRONG = "the code is wrong, expired, already used, or was issued to another client or redirect_uri"


class AuthorizationCode:
    """Spends a code once; a second try ends what the first one gave."""

    event = Event.TOKEN_ISSUED

    def __init__(self, context: Context, grants: GrantStore, transient: Transient, giving: Giving) -> None:
        self._context = context
        self._grants, self._transient = grants, transient
        self._giving = giving

    async def issue(self, client: Client, params: Parameters, key: Key, _: Whence) -> Issued:
        """Spend the code of this client; raises InvalidGrant or InvalidTarget."""
        if "code" not in params:
            raise InvalidRequest("code is missing")
        return await self.spend(Kind.CODE, digest(params["code"]), client, params, key=key)

    async def spend(self, kind: Kind, code_digest: str, client: Client, params: Parameters, *, key: Key) -> Issued:
        """Spend what is kept as `kind` under this digest, a code in any case; raises InvalidGrant."""
        code = await self._load(kind, client, code_digest)
        spends = Once(code_digest, _WRONG, code.agreed_at, code.upstream_refresh)
        try:
            self._check(code, client, params)
            _check_key(code, key.jkt)
            return await self._giving.open_grant(
                code.login, client, code.request, spends=spends, params=params, key=key
            )
        except LoginOver:
            raise
        except InvalidGrant:
            # A code shown by the wrong party, or twice, has leaked: it is dead from here on (RFC 9700 section 4.5).
            await self._transient.take(kind, code_digest)
            await self._end_what_was_spent(client, code_digest)
            raise

    async def _load(self, kind: Kind, client: Client, code_digest: str) -> CodeRecord:
        raw = await self._transient.get(kind, code_digest)
        if raw is None:
            await self._end_what_was_spent(client, code_digest)
            raise InvalidGrant(_WRONG)
        try:
            return CodeRecord.from_bytes(raw)
        except SealBroken as error:  # of another version of ours, in the minute around an upgrade
            raise InvalidGrant(_WRONG, detail=error.detail) from None

    async def _end_what_was_spent(self, client: Client, code_digest: str) -> None:
        """A code that turns up again, whoever brings it, ends what it gave (RFC 6749 section 4.1.2)."""
        grant_id = await self._grants.spent(code_digest)
        if grant_id is not None:
            await self._grants.revoke(grant_id, now=self._context.now())
            self._context.recorder.record(Event.CODE_REPLAYED, client_id=client.id, grant_id=grant_id)

    def _check(self, code: CodeRecord, client: Client, params: Parameters) -> None:
        asked = code.request
        if asked.client_id != client.id:
            raise InvalidGrant(_WRONG, detail=f"code of {asked.client_id} brought by {client.id}")
        if code.expires_at <= self._context.now():
            raise InvalidGrant(_WRONG, detail="code expired")
        if params.get("redirect_uri", "") != asked.redirect_uri:
            raise InvalidGrant("redirect_uri must be the one of the authorization request, byte for byte")
        verifier = params.get("code_verifier", "")
        if asked.code_challenge and not pkce.matches(verifier, asked.code_challenge):
            raise InvalidGrant(
                "code_verifier does not fit the code_challenge; send the one the challenge was made from"
            )
        if verifier and not asked.code_challenge:
            raise InvalidGrant(
                "code_verifier without a code_challenge; send the challenge in the authorization request"
            )


def _check_key(code: CodeRecord, jkt: str) -> None:
    """A code asked for with a key is of no use without it (RFC 9449 section 10)."""
    if code.request.dpop_jkt not in {"", jkt}:
        raise InvalidGrant("send a DPoP proof of the key that the authorization request named")
