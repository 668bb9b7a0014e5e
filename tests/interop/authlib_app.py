"""An app with Authlib's Starlette client, as Authlib's documentation shows it, that tells what it learnt."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Any

from authlib.integrations.starlette_client import OAuth, OAuthError
from joserfc.errors import JoseError
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from broker.demo.headless import ClientData
from tests.interop.world import SCOPE


def build_authlib_app(issuer: str, clients: Iterable[ClientData], redirect_uri: str) -> Starlette:
    """`/login/{client_id}` leads to the broker, `/callback` answers with tokens, claims, userinfo and a refresh."""
    oauth = OAuth()
    for client in clients:
        oauth.register(
            client.client_id,
            client_id=client.client_id,
            client_secret=client.client_secret or None,
            server_metadata_url=f"{issuer}/.well-known/openid-configuration",
            client_kwargs={
                "scope": SCOPE,
                "code_challenge_method": "S256",
                "token_endpoint_auth_method": client.auth_method,
            },
        )

    async def login(request: Request) -> Response:
        request.session["client"] = request.path_params["client_id"]
        client: Any = oauth.create_client(request.session["client"])  # Authlib has no types
        redirect: Response = await client.authorize_redirect(request, redirect_uri)
        return redirect

    async def callback(request: Request) -> Response:
        client: Any = oauth.create_client(request.session["client"])
        try:
            return JSONResponse(await _learn(client, request))
        except (OAuthError, JoseError) as error:
            return JSONResponse({"refused": error.error}, status_code=400)

    return Starlette(
        routes=[Route("/login/{client_id}", login), Route("/callback", callback)],
        middleware=[Middleware(SessionMiddleware, secret_key=secrets.token_urlsafe(32))],
    )


async def _learn(client: Any, request: Request) -> dict[str, Any]:
    """A login, the userinfo endpoint, then the same with the refresh token."""
    token = await client.authorize_access_token(request)
    fresh = await client.fetch_access_token(grant_type="refresh_token", refresh_token=token["refresh_token"])
    return {
        "token": dict(token),
        "claims": dict(token["userinfo"]),
        "userinfo": dict(await client.userinfo(token=token)),
        "fresh_token": dict(fresh),
        "fresh_claims": dict(await client.parse_id_token(fresh, nonce=None)),
        "fresh_userinfo": dict(await client.userinfo(token=fresh)),
    }
