"""A broker with everything switched on, and one client for each thing a client can be."""

from __future__ import annotations

import json
from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import count
from typing import Any

import httpx2
import jwt

from broker.core.jose.own_keys import KeyPair, mint_key
from broker.core.people.identity import Identity
from broker.core.terms import Algorithm, Scope
from broker.testing.raw_server import RawServer, raw_server
from broker.testing.raw_server import answer_of as http_answer
from tests.web.device_flow import GRANT as DEVICE_GRANT
from tests.web.public_app import ISSUER, PublicApp, answer_of, public_app

REDIRECT = "https://app.test/cb"
SECRET = "9zVbQ2mXk7rTtN4uWc8yHs5eGd3fLa6p"
TOKEN = "it_walk"
LEVELS = ("urn:gold", "urn:silver")
VERIFIER = "dBjftJeZ4CVP-mB92K27uhbUJU1p1r_wW1gFWFOEjXk"
PKCE = {"code_challenge": "E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM", "code_challenge_method": "S256"}
ALGORITHMS = ("RS256", "PS256", "ES256", "EdDSA")
JWT_BEARER = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"
PERSON = Identity(
    "x1",
    {
        **{name: name for name in ("name", "given_name", "family_name", "middle_name", "nickname")},
        **{name: name for name in ("preferred_username", "gender", "zoneinfo", "locale")},
        **{name: f"https://up.test/{name}" for name in ("profile", "picture", "website")},
        **{"birthdate": "1990-01-01", "address": {"country": "NL"}},
        **{"email": "ann@up.test", "email_verified": True},
        **{"phone_number": "+31612345678", "phone_number_verified": False},
    },
    acr="urn:gold",
)


@cache
def key_of(algorithm: str) -> KeyPair:
    """The walking client's key of this algorithm."""
    return mint_key(Algorithm(algorithm))


def client(**more: Any) -> dict[str, Any]:
    """An entry of `clients`: confidential, first-party, allowed everything."""
    return {
        "name": "Walker",
        "redirect_uris": [REDIRECT],
        "first_party": True,
        "pkce": "optional",
        "secret": SECRET,
        "scopes": list(Scope),
        "grants": ["authorization_code", "refresh_token", "client_credentials"],
        "service_scopes": ["orders:read", "notify"],
        "account_linking": True,
        "lookup_identities": more.get("auth_method") != "none",
        **more,
    }


def clients(told: str) -> dict[str, dict[str, Any]]:
    """One for each thing a client can be; `told` is where an app of theirs listens."""
    keys = {"jwks": {"keys": [dict(key_of(name).public_jwk) for name in ALGORITHMS]}}
    signing = client(auth_method="private_key_jwt", **keys)
    del signing["secret"]
    public = client(auth_method="none", pkce="required", grants=["authorization_code", "refresh_token"])
    public["origins"] = [REDIRECT.removesuffix("/cb")]
    del public["secret"], public["service_scopes"]
    return {
        **{f"id-{name}": client(id_token_alg=name, userinfo_alg=name) for name in ALGORITHMS},
        "client_secret_basic": client(),
        "client_secret_post": client(auth_method="client_secret_post"),
        "client_secret_jwt": client(auth_method="client_secret_jwt"),
        "private_key_jwt": signing,
        "requesting": {**signing, "request_uris": ["https://app.test/object"]},
        "none": public,
        "tv": client(
            auth_method="none", grants=["refresh_token", DEVICE_GRANT], secret=None, service_scopes=[], pkce="required"
        ),
        "pairwise": client(subject_type="pairwise"),
        "backchannel": client(backchannel_logout_uri=f"{told}/told"),
        "frontchannel": client(frontchannel_logout_uri="https://app.test/gone"),
    }


@dataclass
class Walk:
    """The app and its metadata document."""

    app: PublicApp
    document: Mapping[str, Any]
    numbers: Any
    listener: RawServer

    @property
    def browser(self) -> httpx2.AsyncClient:
        """Keeps cookies and follows nothing."""
        return self.app.browser

    def path(self, member: str) -> str:
        """Where an endpoint of the document is, for the browser of this world."""
        return str(self.document[member]).removeprefix(ISSUER)

    async def authorize(self, client_id: str = "client_secret_basic", **sent: str) -> httpx2.Response:
        """An authorization request."""
        asked = {"client_id": client_id, "redirect_uri": REDIRECT, "response_type": "code", "scope": "openid"}
        params = {name: value for name, value in {**asked, **PKCE, **sent}.items() if value}
        return await self.browser.get(self.path("authorization_endpoint"), params=params)

    async def code(self, client_id: str = "client_secret_basic", **sent: str) -> dict[str, str]:
        """The answer of a login that succeeds."""
        await self.authorize(client_id, **{"prompt": "login", "idp_hint": "alpha"} | sent)
        return answer_of(await self.browser.get(self.app.callback()))

    async def tokens(
        self, client_id: str = "client_secret_basic", headers: Mapping[str, str] | None = None, **sent: str
    ) -> dict[str, Any]:
        """The token response after a login."""
        answer = await self.code(client_id, **sent)
        form = {"grant_type": "authorization_code", "code": answer["code"], "redirect_uri": REDIRECT}
        response = await self.call("token", client_id, form | {"code_verifier": VERIFIER}, headers or {})
        assert response.status_code == 200, response.text
        found: dict[str, Any] = response.json()
        return found

    async def call(
        self, endpoint: str, client_id: str, form: Mapping[str, str], headers: Mapping[str, str] | None = None
    ) -> httpx2.Response:
        """A call of the back channel, authenticated as the client is registered."""
        sent, more = dict(form), dict(headers or {})
        if client_id == "client_secret_post":
            sent |= {"client_id": client_id, "client_secret": SECRET}
        elif client_id in {"none", "tv"}:
            sent |= {"client_id": client_id}
        elif client_id in {"client_secret_jwt", "private_key_jwt"}:
            algorithm = "HS256" if client_id == "client_secret_jwt" else "ES256"
            sent |= self.assertion(client_id, algorithm)
        else:
            more["authorization"] = f"Basic {b64encode(f'{client_id}:{SECRET}'.encode()).decode()}"
        where = endpoint if endpoint.startswith("/") else self.path(f"{endpoint}_endpoint")
        return await self.browser.post(where, data=sent, headers=more)

    def assertion(self, client_id: str, algorithm: str) -> dict[str, str]:
        """A client assertion, signed so."""
        now = int(self.app.clock())
        claims = {"iss": client_id, "sub": client_id, "aud": ISSUER, "iat": now, "exp": now + 60}
        claims["jti"] = f"j{next(self.numbers)}"
        pair = None if algorithm == "HS256" else key_of(algorithm)
        signed = jwt.encode(
            claims,
            SECRET if pair is None else pair.private,
            algorithm=algorithm,
            headers={} if pair is None else {"kid": pair.kid},
        )
        return {"client_assertion_type": JWT_BEARER, "client_assertion": signed}


@asynccontextmanager
async def walking() -> AsyncIterator[Walk]:
    """The world, with somebody who has every claim at the upstream."""
    async with raw_server({"/told": http_answer(b"")}) as listener:
        config = configuration(listener.url)
        async with public_app(json.dumps(config), levels=LEVELS) as app:
            app.upstreams["alpha"].identity = PERSON
            document = (await app.browser.get("/.well-known/openid-configuration")).json()
            yield Walk(app, document, count(), listener)


def configuration(told: str) -> dict[str, Any]:
    """Everything switched on."""
    return {
        "version": 1,
        "issuer": ISSUER,
        "keys": {"algorithms": list(ALGORITHMS)},
        "providers": {
            name: {"type": "google", "client_id": name, "client_secret": "fUk0tN3vVq1yqv4mJg0qO7cC2o9n1bXz"}
            for name in ("alpha", "beta")
        },
        "clients": clients(told),
        "registration": {"token_hashes": [f"sha256:{sha256(TOKEN.encode()).hexdigest()}"]},
    }
