"""Userinfo: the claims behind an access token (OIDC Core 5.3)."""

from __future__ import annotations

from typing import Any

from broker.core.terms import Scope
from broker.core.tokens.claims import build_claims
from broker.core.tokens.id_token import build_former
from broker.services.tokens.admission import Admission
from broker.services.tokens.minting import Tokens
from broker.services.tokens.proofs import Shown


class Userinfo:
    """Tells whoever shows a token that is good, and theirs, what it may know of the person."""

    def __init__(self, tokens: Tokens, admission: Admission) -> None:
        self._tokens = tokens
        self._admission = admission

    async def tell(self, shown: Shown) -> dict[str, Any] | str:
        """The claims, or a JWT of them where the client is registered so (section 5.3.2).

        Raises as `Admission.admit` does.
        """
        opened, held = await self._admission.admit(shown, Scope.OPENID)
        client = held.client
        about = build_claims(held.person, client, opened.scope, held.grant.claims.get("userinfo"))
        claims = {"sub": held.grant.login.sub} | build_former(held.person.account.former) | about
        algorithm = client.tokens.userinfo_alg
        return claims if algorithm is None else await self._tokens.mint_userinfo(claims, client, algorithm)
