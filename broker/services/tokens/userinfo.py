"""Userinfo: the claims behind an access token (OIDC Core 5.3)."""

from __future__ import annotations

from typing import Any

from broker.core.errors import InsufficientScope, NoToken
from broker.core.terms import Scope
from broker.core.tokens.claims import build_claims
from broker.services.tokens.minting import Tokens
from broker.services.tokens.proofs import Proofs


class Userinfo:
    """Tells whoever shows a token that is good, and theirs, what it may know of the person."""

    def __init__(self, tokens: Tokens, proofs: Proofs) -> None:
        self._tokens = tokens
        self._proofs = proofs

    async def tell(self, token: str, *, shown_as_dpop: bool, proof: str, method: str) -> dict[str, Any] | str:
        """The claims, or a JWT of them where the client is registered so (section 5.3.2).

        `token` is "" when none came, `proof` the DPoP header or "", `method` that of the request; raises NoToken,
        InvalidToken, InsufficientScope or what is wrong with the proof.
        """
        if not token:
            raise NoToken("send an access token in the Authorization header")
        opened, held = await self._tokens.verify_access(token)
        client = held.client
        await self._proofs.verify_use(
            token, opened.jkt, client, shown_as_dpop=shown_as_dpop, proof=proof, method=method
        )
        if Scope.OPENID not in opened.scope:
            raise InsufficientScope("the access token lacks the scope openid")
        about = build_claims(held.person, client, opened.scope, held.grant.claims.get("userinfo"))
        claims = {"sub": held.grant.login.sub} | about
        algorithm = client.tokens.userinfo_alg
        return claims if algorithm is None else await self._tokens.mint_userinfo(claims, client, algorithm)
