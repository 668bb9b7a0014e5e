"""Tokens for the admin API: made, listed and revoked at the machine, and looked up at every call."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress

from broker.core.errors import AlreadyThere, InvalidToken, NotFound, NoToken, StoreUnavailable
from broker.core.events import Event
from broker.core.operators.question import Asked
from broker.core.operators.tokens import LIFETIME, PREFIX, AdminToken, check_name, is_token, parse_lifetime
from broker.core.seal import digest
from broker.services.context import Context
from broker.services.operators.door import Handler
from broker.services.operators.told import Json
from broker.store.operators import AdminTokenStore

_NOTED_EVERY = 60  # seconds between two notes that a token was used


class AdminTokens:
    """What is kept of a token are its digest and what it may. Each call asks the store, so none outlives its end."""

    def __init__(self, context: Context, store: AdminTokenStore) -> None:
        self._context = context
        self._store = store

    async def admit(self, shown: str) -> AdminToken:
        """Whose call this is; raises NoToken for "", InvalidToken for what opens nothing, and StoreUnavailable."""
        if not shown:
            raise NoToken("send a token of `broker admin token new`: Authorization: Bearer ...")
        token = await self._store.find(digest(shown)) if is_token(shown) else None
        now = self._context.now()
        if token is None or now >= token.expires_at:
            detail = "no admin token, or a revoked one" if token is None else f"the admin token {token.name} expired"
            raise InvalidToken("the token is unknown, revoked or has expired", detail=detail)
        if token.used_at is None or now - token.used_at >= _NOTED_EVERY:
            with suppress(StoreUnavailable):  # a full disk keeps nobody from looking
                await self._store.used(token.digest, now=now, apart=_NOTED_EVERY)
        return token


class TokenCases:
    """The use cases of `core.operators.tokens`."""

    def __init__(self, context: Context, store: AdminTokenStore) -> None:
        self._context = context
        self._store = store

    @property
    def handlers(self) -> Mapping[str, Handler]:
        """What answers each of them, by its name."""
        return {"admin.token.new": self._new, "admin.token.list": self._list, "admin.token.revoke": self._revoke}

    async def _new(self, asked: Asked) -> Json:
        name, scope, now = asked.text("name"), asked.text("scope"), self._context.now()
        check_name(name)
        expires_at = now + parse_lifetime(asked.text("expires") or LIFETIME)
        token = self._context.mint(PREFIX)
        if not await self._store.add(AdminToken(name, digest(token), scope, now, asked.by, expires_at)):
            raise AlreadyThere("there is a token of this name; revoke it first, or choose another")
        self._tell(Event.ADMIN_TOKEN_MADE, asked, scope=scope, expires_at=expires_at)
        return {"name": name, "token": token, "scope": scope, "expires_at": expires_at}

    async def _list(self, _: Asked) -> Json:
        return {"tokens": [_told(one) for one in await self._store.all_()]}

    async def _revoke(self, asked: Asked) -> Json:
        if not await self._store.revoke(asked.text("name")):
            raise NotFound("there is no token of this name")
        self._tell(Event.ADMIN_TOKEN_REVOKED, asked)
        return {"name": asked.text("name"), "changed": True}

    def _tell(self, event: Event, asked: Asked, **more: str | int) -> None:
        about = {"name": asked.text("name"), "by": asked.by, "why": asked.text("why")}
        self._context.recorder.record(event, **about, **more)


def _told(one: AdminToken) -> Json:
    """Without its digest."""
    told = {"name": one.name, "scope": one.scope, "created_at": one.created_at, "by": one.by}
    return {**told, "expires_at": one.expires_at, **({} if one.used_at is None else {"used_at": one.used_at})}
