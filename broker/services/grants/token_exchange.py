"""The token exchange grant (RFC 8693): what a vendor's kit gave to an app, for tokens of ours; or the other way round.

It gives nothing that a login in the browser would not: the same provider, account and consent gates.
"""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from typing import Protocol

from broker.core.authorize.request import build_exchange_request
from broker.core.clients.client import Client
from broker.core.errors import (
    AccessDenied,
    AccountError,
    AccountNotFound,
    ConsentRequired,
    CredentialRefused,
    InvalidGrant,
    InvalidRequest,
    UnsupportedGrantType,
)
from broker.core.events import Event
from broker.core.people.history import NOWHERE, SignIn, Whence
from broker.core.people.identity import Person
from broker.core.posted import check_wanted
from broker.core.records import AuthorizationRequest, Login
from broker.core.terms import TokenType
from broker.core.upstream_tokens import WantedTokens
from broker.core.wire.parameters import Parameters
from broker.services.authorize.consent import Consents
from broker.services.context import Context
from broker.services.grants.endpoint import Foreign, Issued
from broker.services.grants.giving import Giving, Once
from broker.services.grants.upstream_token import UpstreamTokenExchange
from broker.services.people.accounts import Accounts
from broker.services.posted import Proven
from broker.services.sessions.endings import Endings
from broker.services.sessions.single_sign_on import build_login
from broker.services.tokens.proofs import Key

_MAKES = {"true": True, "false": False}  # whether somebody unknown gets an account


class ProvesPosted(Protocol):
    """`broker.services.posted.PostedCredentials`, or who reads another spelling of what is posted for it."""

    async def verify(self, client: Client, params: Parameters) -> Proven:
        """Whose credential this client brings."""
        ...

    def spending(self, proven: Proven) -> AbstractAsyncContextManager[None]:
        """The body is the one thing that it is good for."""
        ...


class Exchanges:
    """Both of them, as far as some client may: what is asked for says which."""

    event = Event.TOKEN_EXCHANGED

    def __init__(self, posted: PostedExchange | None, upstream: UpstreamTokenExchange | None) -> None:
        """None: no client may do that; then the other one says what is wrong with a request for it."""
        self._posted = posted
        self._upstream = upstream

    async def issue(self, client: Client, params: Parameters, key: Key, whence: Whence) -> Issued | Foreign:
        """Raises as the one that it is for."""
        posted, upstream = self._posted, self._upstream
        handler = (upstream or posted) if WantedTokens.are_asked_for(params) else (posted or upstream)
        if handler is None:
            raise UnsupportedGrantType("there is nothing to be exchanged here")
        return await handler.issue(client, params, key, whence)


class PostedExchange:
    """Spends what an app posted; there is no code, no page and no session of a browser."""

    event = Event.TOKEN_EXCHANGED

    def __init__(
        self,
        context: Context,
        posted: ProvesPosted,
        accounts: Accounts,
        consents: Consents,
        *,
        endings: Endings,
        giving: Giving,
    ) -> None:
        """`posted` proves whose a credential is, `consents` knows what they agreed to, `endings` when they came."""
        self._context = context
        self._posted = posted
        self._accounts = accounts
        self._consents = consents
        self._endings = endings
        self._giving = giving

    async def issue(self, client: Client, params: Parameters, key: Key, whence: Whence) -> Issued:
        """Tokens for whoever the credential is of; somebody unknown gets an account, but with `sign_up=false`.

        Raises as `PostedCredentials.verify`; AccountNotFound, ConsentRequired and AccessDenied for people whom
        the browser would not let through either; and RequestError for what is asked for.
        """
        check_wanted(params)
        asked, sign_up = build_exchange_request(params, client), _read_sign_up(params)
        proven = await self._posted.verify(client, params)
        await key.use()
        async with self._posted.spending(proven):
            try:
                return await self._give(proven, asked, params, key, whence=whence, sign_up=sign_up)
            except AccountError as error:
                # Who may make no account is told of nobody that could not sign in, as by a look-up (threats D18).
                if not sign_up:
                    raise _unknown(error.detail) from None
                raise AccessDenied(error.public or "the login was refused", detail=error.detail) from None
            except InvalidGrant as error:
                raise CredentialRefused(error.detail) from None

    async def _give(
        self,
        proven: Proven,
        asked: AuthorizationRequest,
        params: Parameters,
        key: Key,
        *,
        whence: Whence,
        sign_up: bool,
    ) -> Issued:
        client, instance = proven.client, proven.instance
        agreed_at = self._context.clock()  # before the look: what is taken back meanwhile is taken back
        person = await self._accounts.find(instance.key, instance.name, proven.identity, client)
        if person is None and not sign_up:
            raise _unknown("nobody is linked to it")
        agreed = await self._consents.find_remembered(asked, client, person.account.sub if person else "")
        if agreed is None:
            raise ConsentRequired("the user has not agreed to this yet; send them through /authorize once")
        if person is None:
            person = await self._accounts.make(instance.key, instance.name, proven.identity, client)
        login, now = self._build(proven, person), self._context.now()
        # Seen by its person as every other, but there is no session of a browser to go on from it. A client with a
        # secret is a server: where that stands says nothing of them.
        seen_at = whence if client.public else NOWHERE
        sign_in = SignIn.of(login, at=now, client_id=client.id, whence=seen_at, ends_at=now)
        await self._endings.begin(sign_in, replacing=None)
        spends = Once(proven.mark, "the login behind it is over, or counted before", agreed_at)
        issued = await self._giving.open_grant(login, client, agreed, spends=spends, params=params, key=key)
        self._context.recorder.record(
            Event.LOGIN_SUCCEEDED,
            provider=instance.name,
            client_id=client.id,
            sub=login.sub,
            posted=proven.brought.kind.value,
        )
        return replace(issued, issued_type=TokenType.ACCESS_TOKEN)

    def _build(self, proven: Proven, person: Person) -> Login:
        """Nobody knows that the person was asked who they are just now, so it does not say so (threats D7)."""
        return build_login(
            person,
            proven.identity,
            proven.instance,
            sid=self._context.mint(size=16),
            now=self._context.now(),
            began_at=proven.began_at,
        )


def _read_sign_up(params: Parameters) -> bool:
    said = params.get("sign_up", "true")
    if said not in _MAKES:
        raise InvalidRequest("sign_up must be true or false")
    return _MAKES[said]


def _unknown(detail: str) -> AccountNotFound:
    return AccountNotFound("nobody here is known by this credential", detail=detail)
