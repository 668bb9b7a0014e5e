"""The floor: Starlette answers the requests of a login and thinks of nothing. `python -m benchmarks.floor PORT`."""

from __future__ import annotations

import sys

import uvicorn
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, RedirectResponse, Response
from starlette.routing import Route

_TOKENS = {"access_token": "at_" + "t" * 200, "token_type": "Bearer", "expires_in": 900, "id_token": "i" * 600}
_CLAIMS = {"sub": "s" * 26, "name": "User 10001", "preferred_username": "user_10001", "updated_at": 1}


async def _authorize(_: Request) -> Response:
    return RedirectResponse(f"https://upstream.example/auth?state={'s' * 43}", 303)


async def _callback(_: Request) -> Response:
    return RedirectResponse(f"http://127.0.0.1:9/cb?code={'c' * 40}&state=s", 303)


async def _token(request: Request) -> Response:
    await request.body()
    return JSONResponse(_TOKENS)


async def _userinfo(_: Request) -> Response:
    return JSONResponse(_CLAIMS)


def build_floor(issuer: str) -> Starlette:
    """The same routes as a broker."""
    metadata = {
        "issuer": issuer,
        "authorization_endpoint": f"{issuer}/authorize",
        "token_endpoint": f"{issuer}/token",
        "userinfo_endpoint": f"{issuer}/userinfo",
        "jwks_uri": f"{issuer}/jwks",
    }

    async def discovery(_: Request) -> Response:
        return JSONResponse(metadata)

    return Starlette(
        routes=[
            Route("/.well-known/openid-configuration", discovery),
            Route("/authorize", _authorize),
            Route("/callback/{provider}", _callback),
            Route("/token", _token, methods=["POST"]),
            Route("/userinfo", _userinfo),
        ]
    )


if __name__ == "__main__":
    uvicorn.run(
        build_floor(f"http://127.0.0.1:{sys.argv[1]}"),
        host="127.0.0.1",
        port=int(sys.argv[1]),
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        access_log=False,
        server_header=False,
        proxy_headers=False,
        log_level="warning",
        timeout_keep_alive=75,
    )
