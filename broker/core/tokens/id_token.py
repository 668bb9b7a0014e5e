"""What an ID token and a JWT access token say (OIDC Core 2, RFC 9068 section 2.2)."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from broker.core.records import ClientToken, Grant, Login
from broker.core.tokens.audience import say_audience

ID_TOKEN_TYPE = "JWT"
ACCESS_TOKEN_TYPE = "at+jwt"
USERINFO_TYPE = "userinfo+jwt"  # of our own making: no reader of ours, and no library, takes it for an ID token


def build_id_token(
    grant: Grant,
    *,
    issuer: str,
    now: int,
    ttl: int,
    at_hash: str,
    person_claims: Mapping[str, Any],
    former: Iterable[str] = (),
) -> dict[str, Any]:
    """The claims of an ID token; `ttl` in seconds. What the protocol says wins over what a person is called.

    `grant` is as its client may see it, with the client's own names of person and session; `former` are the names that
    it may know the person by from before a merge.
    """
    claims = dict(person_claims) | {
        "iss": issuer,
        "sub": grant.login.sub,
        "aud": grant.client_id,
        "iat": now,
        "exp": now + ttl,
        "amr": list(grant.login.amr),
        "at_hash": at_hash,
    }
    said = {"nonce": grant.nonce, "sid": grant.login.sid}  # both only where there is one
    claims |= build_former(former)
    return claims | {name: value for name, value in said.items() if value} | build_context(grant.login)


def build_former(subs: Iterable[str]) -> dict[str, Any]:
    """The claim that says who this person was, too, before accounts of theirs were merged; nothing where none were."""
    former = list(subs)
    return {"former_subs": former} if former else {}


def build_context(login: Login) -> dict[str, Any]:
    """When and how well the person authenticated, as far as the upstream said (RFC 9470 section 6)."""
    said = {"auth_time": login.auth_time, "acr": login.acr}
    return {name: value for name, value in said.items() if value}


def build_access_token(
    grant: Grant,
    scope: tuple[str, ...],
    audience: tuple[str, ...] = (),
    *,
    issuer: str,
    now: int,
    ttl: int,
    jti: str,
    jkt: str = "",
) -> dict[str, Any]:
    """The claims of an `at+jwt`. `grant` names what must still be alive wherever the token is shown to us.

    `jkt` is the thumbprint of the key it is bound to, or "".
    """
    claims = {
        "iss": issuer,
        "sub": grant.login.sub,
        "aud": say_audience(audience, issuer),
        "client_id": grant.client_id,
        "iat": now,
        "exp": now + ttl,
        "jti": jti,
        "scope": " ".join(scope),
        "grant": grant.id,
    }
    return claims | build_context(grant.login) | build_confirmation(jkt)


def build_client_token(token: ClientToken, *, issuer: str) -> dict[str, Any]:
    """The claims of an `at+jwt` that a client got for itself. No `grant` and no `auth_time`: nobody logged in."""
    claims = {
        "iss": issuer,
        "sub": client_subject(token.client_id),
        "aud": say_audience(token.audience, issuer),
        "client_id": token.client_id,
        "iat": token.issued_at,
        "exp": token.expires_at,
        "jti": token.jti,
    }
    return claims | ({"scope": " ".join(token.scope)} if token.scope else {}) | build_confirmation(token.jkt)


def build_confirmation(jkt: str) -> dict[str, Any]:
    """The claim that binds a token to a key (RFC 7800, RFC 9449 section 6); nothing for no key."""
    return {"cnf": {"jkt": jkt}} if jkt else {}


def client_subject(client_id: str) -> str:
    """`sub` where a client speaks for itself; the colon keeps it apart from every person's (RFC 9700 section 4.15)."""
    return f"client:{client_id}"
