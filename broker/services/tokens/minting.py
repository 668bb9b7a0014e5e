"""Minting and opening tokens. An opaque access token is a sealed record that names a grant; none is ever stored."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from hmac import digest as hmac_digest
from typing import Any, TypeVar

from broker.core.clients.client import Client
from broker.core.errors import BrokerError, InsufficientScope, InvalidRequest, InvalidToken
from broker.core.jose.compact import b64url
from broker.core.jose.own_keys import half_hash, verify_own
from broker.core.records import AccessToken, ClientToken, Record
from broker.core.seal import Seal
from broker.core.terms import Algorithm, IdTokenClaims, Scope, TokenFormat
from broker.core.tokens.audience import build_audience, parse_audience
from broker.core.tokens.claims import build_access_claims, build_claims
from broker.core.tokens.id_token import (
    ACCESS_TOKEN_TYPE,
    ID_TOKEN_TYPE,
    USERINFO_TYPE,
    build_access_token,
    build_client_token,
    build_id_token,
    client_subject,
)
from broker.services.context import Context
from broker.services.keys.ring import KeyRing
from broker.services.people.subjects import Subjects
from broker.services.tokens.held import Held, HeldGrants
from broker.store.grants import GrantStore

_OPAQUE = "at_"
_CLIENT = "ct_"
_REFRESH = "rt_"
R = TypeVar("R", bound=Record)


@dataclass(frozen=True, slots=True)
class Lifetimes:
    """In seconds."""

    code: int
    id_token: int
    access_token: int
    refresh_idle: int
    refresh_absolute: int
    reuse_grace: int


class Tokens:
    """Makes every token a client gets, and reads those that come back."""

    def __init__(
        self,
        context: Context,
        keys: KeyRing,
        grants: GrantStore,
        *,
        seal: Seal,
        refresh_key: bytes,
        lifetimes: Lifetimes,
        subjects: Subjects,
        held: HeldGrants,
    ) -> None:
        """`seal` has the purpose "access token"; `refresh_key` (32 bytes) makes children of refresh tokens.

        `held` reads grants for their clients.
        """
        self._context = context
        self._keys = keys
        self._grants = grants
        self._seal = seal
        self._refresh_key = refresh_key
        self.lifetimes = lifetimes
        self.subjects = subjects
        self.held = held

    async def mint_access(
        self, held: Held, scope: tuple[str, ...], named: tuple[str, ...] = (), *, jkt: str = ""
    ) -> tuple[str, int]:
        """An access token for `scope`, in the client's format, and for how many seconds it is good.

        It does not outlive its grant. `named` are the APIs asked for now; `jkt`: the key it is bound to, or "".
        """
        grant, client = held.grant, held.client
        issuer, openid = self._context.issuer, Scope.OPENID in scope
        audience = build_audience(grant.resource, named, issuer=issuer, openid=openid)
        now = self._context.now()
        ttl = min(self.lifetimes.access_token, grant.expires_at - now)
        if client.access_token_format is TokenFormat.JWT:
            claims = build_access_token(
                grant,
                scope,
                audience,
                issuer=issuer,
                now=now,
                ttl=ttl,
                jti=self._context.mint(size=16),
                jkt=jkt,
            )
            claims = build_access_claims(held.person, client, scope) | claims  # what the protocol says wins
            return await self._keys.signer(client.id_token_alg).sign(claims, typ=ACCESS_TOKEN_TYPE), ttl
        record = AccessToken(grant.id, grant.client_id, scope, now + ttl, audience, jkt)
        return _OPAQUE + self._seal.seal(record.to_bytes()), ttl

    async def mint_client_access(
        self, client: Client, scope: tuple[str, ...], audience: tuple[str, ...] = (), *, jkt: str = ""
    ) -> tuple[str, int]:
        """As `mint_access`, for the client itself. It hangs on no grant, and nothing is stored."""
        now, ttl = self._context.now(), self.lifetimes.access_token
        token = ClientToken(
            jti=self._context.mint(size=16),
            client_id=client.id,
            scope=scope,
            issued_at=now,
            expires_at=now + ttl,
            audience=audience,
            jkt=jkt,
        )
        if client.access_token_format is TokenFormat.JWT:
            claims = build_client_token(token, issuer=self._context.issuer)
            return await self._keys.signer(client.id_token_alg).sign(claims, typ=ACCESS_TOKEN_TYPE), ttl
        return _CLIENT + self._seal.seal(token.to_bytes()), ttl

    async def mint_id_token(self, held: Held, access_token: str, scope: tuple[str, ...]) -> str:
        """An ID token with the claims that the grant's `claims` parameter asks for, and `scope` where it counts."""
        grant, client = held.grant, held.client
        told = scope if client.tokens.id_token_claims is IdTokenClaims.SCOPE else ()
        signer = self._keys.signer(client.id_token_alg)
        claims = build_id_token(
            grant,
            issuer=self._context.issuer,
            now=self._context.now(),
            ttl=self.lifetimes.id_token,
            at_hash=half_hash(access_token, signer.algorithm),
            person_claims=build_claims(held.person, client, told, grant.claims.get("id_token"), granted=scope),
            former=held.person.account.former,
        )
        return await signer.sign(claims, typ=ID_TOKEN_TYPE)

    async def mint_userinfo(self, claims: Mapping[str, Any], client: Client, algorithm: Algorithm) -> str:
        """A signed userinfo answer (OIDC Core 5.3.2). Without `exp` it never passes for an ID token of ours."""
        signer = self._keys.signer(algorithm)
        return await signer.sign({**claims, "iss": self._context.issuer, "aud": client.id}, typ=USERINFO_TYPE)

    def mint_refresh(self) -> str:
        """The first refresh token of a family."""
        return self._context.mint(_REFRESH)

    def build_child(self, refresh_token: str) -> str:
        """The token that follows this one: always the same, so a lost answer can be given again without keeping it."""
        return _REFRESH + b64url(hmac_digest(self._refresh_key, refresh_token.encode(), sha256))

    async def verify_access(self, access_token: str) -> tuple[AccessToken, Held]:
        """What the token allows here today, and its grant, still alive; raises InvalidToken. One store read.

        A token for APIs alone allows nothing here: whoever runs one could come with what was sent to it (RFC 8707 2).
        Raises InsufficientScope for the token of a client: there is no person to tell anything about.
        """
        token = self.open_access(access_token)
        if isinstance(token, ClientToken):
            await self.check_standing(token)
            raise InsufficientScope("the access token is a client's own; no person stands behind it")
        if token.audience and self._context.issuer not in token.audience:
            raise InvalidToken("the access token is for another audience")
        held = await self.held.find_named(token.grant_id, token.client_id)
        cut = self.held.cut_token(token, held.grant.scope, held.grant.resource) if held is not None else None
        if held is None or cut is None:
            raise InvalidToken("the access token was revoked")
        return cut, held

    def open_access(self, access_token: str) -> AccessToken | ClientToken:
        """What an unexpired token of ours says; raises InvalidToken. Whether it was revoked is not looked at."""
        if access_token.startswith(_OPAQUE):
            token: AccessToken | ClientToken = self._open_sealed(AccessToken, access_token.removeprefix(_OPAQUE))
        elif access_token.startswith(_CLIENT):
            token = self._open_sealed(ClientToken, access_token.removeprefix(_CLIENT))
        else:
            token = self._open_jwt(access_token)
        if token.expires_at <= self._context.now():
            raise InvalidToken("the access token has expired")
        return token

    async def check_standing(self, token: ClientToken) -> None:
        """Raise InvalidToken when a client gave its own token back. One store read."""
        if await self._grants.is_revoked(token.jti):
            raise InvalidToken("the access token was revoked")

    @staticmethod
    def is_refresh(token: str) -> bool:
        """Whether it has the form of a refresh token; an access token never has."""
        return token.startswith(_REFRESH)

    def verify_hint(self, id_token: str) -> dict[str, Any]:
        """The claims of an ID token of ours, expired or not; raises InvalidToken."""
        return verify_own(
            id_token,
            self._keys.current.own,
            issuer=self._context.issuer,
            typ=ID_TOKEN_TYPE,
            now=self._context.now(),
            allow_expired=True,
        )

    def verify_hinted_sub(self, id_token: str, client: Client) -> str:
        """Whom an `id_token_hint` of this client names (OIDC Core 3.1.2.1); raises InvalidRequest."""
        try:
            claims = self.verify_hint(id_token)
        except InvalidToken as error:
            raise InvalidRequest("id_token_hint is not an ID token of this issuer", detail=error.detail) from None
        if claims.get("aud") != client.id:
            raise InvalidRequest("id_token_hint was issued to another client")
        return str(claims["sub"])

    def _open_sealed(self, kind: type[R], sealed: str) -> R:
        try:
            return kind.from_bytes(self._seal.open_(sealed))
        except BrokerError as error:
            raise InvalidToken("the access token is not one of ours", detail=error.detail) from None

    def _open_jwt(self, access_token: str) -> AccessToken | ClientToken:
        claims = verify_own(
            access_token,
            self._keys.current.own,
            issuer=self._context.issuer,
            typ=ACCESS_TOKEN_TYPE,
            now=self._context.now(),
        )
        client_id, scope = str(claims.get("client_id")), tuple(str(claims.get("scope", "")).split())
        audience = parse_audience(claims.get("aud"), self._context.issuer)
        if audience is not None:
            if isinstance(grant_id := claims.get("grant"), str):
                return AccessToken(grant_id, client_id, scope, claims["exp"], audience, _bound_to(claims))
            jti, issued_at = claims.get("jti"), claims.get("iat")
            if claims["sub"] == client_subject(client_id) and isinstance(jti, str) and type(issued_at) is int:
                return ClientToken(jti, client_id, scope, issued_at, claims["exp"], audience, _bound_to(claims))
        raise InvalidToken("the access token is for another audience")


def type_of(jkt: str) -> str:
    """`token_type` of an access token bound to this key, or to none (RFC 9449 section 5, RFC 6750 section 4)."""
    return "DPoP" if jkt else "Bearer"


def _bound_to(claims: Mapping[str, Any]) -> str:
    """The key a JWT of ours is bound to, or "" (RFC 9449 section 6.1)."""
    return str(claims["cnf"]["jkt"]) if "cnf" in claims else ""
