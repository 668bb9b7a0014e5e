"""One complete login without a browser: authorization request, upstream, callback, tokens, verified claims."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote_plus, urlencode

import aiohttp
import jwt

from broker.core.authorize.pkce import build_challenge
from broker.demo.visitor import LocalhostResolver, Page, Visitor


class LoginFailed(Exception):
    """The login ended elsewhere; `page` is where."""

    def __init__(self, reason: str, page: Page) -> None:
        super().__init__(f"{reason}, at {page.url.partition('?')[0]} with status {page.status}: {page.title}")
        self.page = page


@dataclass(frozen=True, slots=True)
class ClientData:
    """What an application is told about itself."""

    client_id: str
    client_secret: str = field(repr=False)
    redirect_uri: str
    auth_method: str


@dataclass(frozen=True, slots=True)
class Login:
    """What an application gets: the token endpoint's answer and the ID token's verified claims."""

    tokens: dict[str, Any]
    claims: dict[str, Any]


async def log_in(
    issuer: str,
    client: ClientData,
    *,
    provider: str,
    person: str,
    scope: str = "openid profile email",
    prompt: str = "",
) -> Login:
    """Sign `person` in through `provider`; raises LoginFailed where the broker or the upstream refuses."""
    client_id, redirect_uri = client.client_id, client.redirect_uri
    verifier, state, nonce = (secrets.token_urlsafe(32) for _ in range(3))
    request = {"response_type": "code", "client_id": client_id, "redirect_uri": redirect_uri, "scope": scope}
    request |= {"state": state, "nonce": nonce, "idp_hint": provider}
    request |= {"prompt": prompt} if prompt else {}
    request |= {"code_challenge": build_challenge(verifier), "code_challenge_method": "S256"}
    page = await _walk(f"{issuer}/authorize?{urlencode(request)}", redirect_uri, person)
    answer = page.params
    if answer.get("state") != state or answer.get("iss") != issuer or "code" not in answer:
        raise LoginFailed(f"the broker answered {answer.get('error', 'without a code')}", page)
    form = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": redirect_uri}
    form |= {"code_verifier": verifier, "client_id": client_id}
    headers = {}
    if client.auth_method == "client_secret_basic":
        pair = quote_plus(client_id), quote_plus(client.client_secret)
        headers = {"Authorization": aiohttp.encode_basic_auth(*pair)}
    elif client.auth_method == "client_secret_post":
        form["client_secret"] = client.client_secret
    tokens, keys = await _redeem(issuer, form, headers)
    return Login(tokens, _verified(tokens, keys, issuer=issuer, client_id=client_id, nonce=nonce))


async def _redeem(issuer: str, form: dict[str, str], headers: dict[str, str]) -> tuple[dict[str, Any], dict[str, Any]]:
    """The token endpoint's answer, and the keys to check it with."""
    connector = aiohttp.TCPConnector(resolver=LocalhostResolver())
    async with aiohttp.ClientSession(connector=connector, trust_env=False) as http:
        tokens = await _json(http, "POST", f"{issuer}/token", data=form, headers=headers)
        return tokens, await _json(http, "GET", f"{issuer}/jwks")


async def _walk(url: str, redirect_uri: str, person: str) -> Page:
    """Through chooser and consent to the application's redirect URI."""
    async with Visitor(stops=(redirect_uri,)) as visitor:
        page = await visitor.get(url)
        if page.has(f"person-{person}"):
            page = await visitor.click(f"person-{person}")
        if page.has("allow"):
            page = await visitor.click("allow")
    if page.status != 0:
        raise LoginFailed("the login did not come back to the application", page)
    return page


async def _json(http: aiohttp.ClientSession, method: str, url: str, **more: Any) -> dict[str, Any]:
    async with http.request(method, url, **more) as answer:
        found: dict[str, Any] = await answer.json()
        if answer.status != 200:
            raise RuntimeError(f"{url} answered {answer.status}: {found.get('error')} {found.get('error_description')}")
        return found


def _verified(
    tokens: dict[str, Any], keys: dict[str, Any], *, issuer: str, client_id: str, nonce: str
) -> dict[str, Any]:
    """The ID token's claims, after every check of OIDC Core 3.1.3.7 that applies to a code flow."""
    token = tokens["id_token"]
    header = jwt.get_unverified_header(token)
    key = jwt.PyJWKSet.from_dict(keys)[header["kid"]]
    claims: dict[str, Any] = jwt.decode(
        token, key, algorithms=["RS256", "PS256", "ES256", "EdDSA"], audience=client_id, issuer=issuer
    )
    if claims.get("nonce") != nonce:
        raise RuntimeError("the ID token has another nonce")
    return claims
