"""Documents that are the same for everybody: metadata, keys, static files, the home page. Prepared, with an ETag."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from types import MappingProxyType
from typing import Any

import orjson
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import Response

from broker.services.keys.ring import KeyRing
from broker.web.pages.assets import STATIC_HEADERS
from broker.web.pages.frontend import Frontend
from broker.web.pages.views import HomeView
from broker.web.popup import load_all

_CACHE = "public, max-age=300"  # seconds; far below keys.publish_before, so a cache always knows the key in use
_STATIC_CACHE = "public, max-age=3600"
_FOR_APPS = MappingProxyType(
    {
        "cache-control": "public, max-age=31536000, immutable",  # its name is that of its content
        "access-control-allow-origin": "*",
        "cross-origin-resource-policy": "cross-origin",
    }
)
"""A page of any origin may run it, and check what it runs; nothing in it is anybody's."""


class MetaEndpoints:
    """`/.well-known/…`, `/openapi.json`, `/jwks`, `/static/…`, `/popup/…`, `/`, `/healthz`."""

    def __init__(
        self, frontend: Frontend, keys: KeyRing, metadata: Mapping[str, Any], api: Mapping[str, Any], *, issuer: str
    ) -> None:
        """`metadata` and `api` are the documents of discovery and of what apps call."""
        self._frontend = frontend
        self._keys = keys
        self._metadata = orjson.dumps(dict(metadata))
        self._etag = _etag(self._metadata)
        self._openapi = orjson.dumps(dict(api))
        self._openapi_etag = _etag(self._openapi)
        self._issuer = issuer
        self._scripts = load_all()

    async def metadata(self, request: Request) -> Response:
        """The discovery document."""
        return _document(request, self._metadata, self._etag, "application/json", _CACHE)

    async def openapi(self, request: Request) -> Response:
        """What apps call, described for their tools (OpenAPI 3.1)."""
        return _document(request, self._openapi, self._openapi_etag, "application/json", _CACHE)

    async def jwks(self, request: Request) -> Response:
        """Our public keys (RFC 7517)."""
        current = self._keys.current
        return _document(request, current.jwks, current.etag, "application/jwk-set+json", _CACHE)

    async def static(self, request: Request) -> Response:
        """A file the pages need, from memory."""
        file = self._frontend.pages.static(request.scope["path"].partition("/static/")[2])
        if file is None:
            raise HTTPException(404, "there is no such file")
        response = _document(request, file.body, file.etag, file.content_type, _STATIC_CACHE)
        response.headers.update(STATIC_HEADERS)
        return response

    async def popup(self, request: Request) -> Response:
        """The library for single-page apps, by the name that says what is in it."""
        script = self._scripts.get(request.path_params["file"])
        if script is None:
            raise HTTPException(404, "there is no such version; docs/how-to/single-page-app.md names the newest")
        return Response(script.body, 200, _FOR_APPS, "text/javascript")

    async def home(self, request: Request) -> Response:
        """The page at the issuer, for a developer who looks there first."""
        view = HomeView(self._issuer, f"{self._issuer}/.well-known/openid-configuration")
        return self._frontend.pages.show(view, self._frontend.locale(request))

    @staticmethod
    async def health(_: Request) -> Response:
        """The process answers."""
        return Response(b"ok\n", media_type="text/plain")


def _etag(body: bytes) -> str:
    return f'"{sha256(body).hexdigest()[:32]}"'


def _document(request: Request, body: bytes, etag: str, content_type: str, cache: str) -> Response:
    headers = {"etag": etag, "cache-control": cache}
    if request.headers.get("if-none-match") == etag:
        return Response(status_code=304, headers=headers)
    return Response(body, 200, headers, content_type)
