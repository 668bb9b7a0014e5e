"""A client of `profile: fapi2`: it signs what it sends, pushes what it asks, and proves a key with every token."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import urlencode

from broker.core.authorize.pkce import build_challenge
from broker.core.jose.own_keys import mint_key
from broker.core.terms import Algorithm
from broker.demo.visitor import Page, Visitor
from tests.conformance.openid_provider import HOME, Operator
from tests.conformance.relying_party import Login
from tests.conformance.response_checks import (
    check_at_hash,
    check_error,
    check_response,
    check_token_headers,
    check_token_response,
    verify_id_token,
)
from tests.core.prover import Prover
from tests.services.client_app import published, signed

KEYS: Final = {name: mint_key(Algorithm.ES256) for name in ("bank", "broker_house")}
RSA: Final = mint_key(Algorithm.RS256)
Wishes = Mapping[str, str | None]
Body = dict[str, Any]


def _client(name: str, **more: object) -> dict[str, object]:
    return {
        "profile": "fapi2",
        "name": name,
        "redirect_uris": [f"{HOME}{name}/callback"],
        "jwks": published(KEYS[name], RSA),
        "scopes": ["openid", "profile", "email", "offline_access"],
        **more,
    }


FAPI_CLIENTS: Final[Mapping[str, Mapping[str, object]]] = {
    "bank": _client("bank", first_party=True),
    "broker_house": _client("broker_house"),
}
"""The second asks for consent. Both have an RSA key, too, with which they may sign nothing."""


@dataclass(frozen=True, slots=True)
class Code:
    """An authorization response, what was pushed for it, and the verifier of its challenge."""

    params: Mapping[str, str]
    request: Mapping[str, str]
    verifier: str


class FapiParty:
    """One client in somebody's browser, with a DPoP key of its own."""

    def __init__(self, op: Operator, browser: Visitor, client_id: str) -> None:
        """`client_id` is one of FAPI_CLIENTS."""
        self.op = op
        self.browser = browser
        self.client_id = client_id
        self.redirect_uri = op.client(client_id).redirect_uri
        self.prover = Prover()
        self.verifier = secrets.token_urlsafe(48)

    def other(self) -> FapiParty:
        """The other client in the same browser."""
        return FapiParty(self.op, self.browser, next(name for name in FAPI_CLIENTS if name != self.client_id))

    # --- what it signs ---

    def assertion(self, *, key: str = "", **changes: Any) -> str:
        """Its proof of itself, for one request; `...` leaves a claim out. `key` is RS256 for the wrong one."""
        now = self.op.clock()
        claims: Body = {"iss": self.client_id, "sub": self.client_id, "aud": self.op.issuer}
        claims |= {"jti": secrets.token_urlsafe(16), "iat": now, "exp": now + 60} | changes
        chosen = {name: value for name, value in claims.items() if value is not ...}
        return signed(RSA if key else KEYS[self.client_id], chosen, typ="client-authentication+jwt")

    def authentication(self, assertion: str | None = None) -> dict[str, str]:
        """The fields by which it proves itself."""
        return {
            "client_id": self.client_id,
            "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer",
            "client_assertion": assertion if assertion is not None else self.assertion(),
        }

    def proof(self, endpoint: str, *, method: str = "POST", token: str = "", **claims: Any) -> str:
        """A proof of its key for an endpoint of the metadata."""
        at = claims.pop("at", self.op.clock())
        return self.prover.prove(method, self.op.metadata[endpoint], at=at, token=token, **claims)

    # --- the authorization request ---

    def build(self, wishes: Wishes | None = None) -> dict[str, str]:
        """An authorization request; `wishes` add to it, replace, or take away (None)."""
        request: dict[str, str | None] = {
            "client_id": self.client_id,
            "redirect_uri": self.redirect_uri,
            "response_type": "code",
            "scope": "openid",
            "state": secrets.token_urlsafe(16),
            "nonce": secrets.token_urlsafe(16),
            "code_challenge": build_challenge(self.verifier),
            "code_challenge_method": "S256",
        }
        return {name: value for name, value in {**request, **(wishes or {})}.items() if value is not None}

    async def push_raw(
        self, request: Mapping[str, str], *, assertion: str | None = None, proof: str = ""
    ) -> tuple[int, Body]:
        """Status and body for a pushed request, right or wrong."""
        return await self._post(
            "pushed_authorization_request_endpoint", {**request, **self.authentication(assertion)}, proof
        )

    async def push(self, request: Mapping[str, str], *, assertion: str | None = None, proof: str = "") -> str:
        """The `request_uri` of a request that must be taken."""
        status, body = await self.push_raw(request, assertion=assertion, proof=proof)
        assert status == 201, body
        assert 0 < body["expires_in"] < 600
        self.op.check_new(body["request_uri"])
        uri: str = body["request_uri"]
        return uri

    async def open(self, request_uri: str, **beside: str) -> Page:
        """The browser comes with a pushed request; `beside` are parameters in the address."""
        sent = {"client_id": self.client_id, "request_uri": request_uri, **beside}
        return await self.visit(sent)

    async def visit(self, sent: Mapping[str, str]) -> Page:
        """A link on the client's page leads to the authorization endpoint."""
        return await self.browser.get(f"{self.op.metadata['authorization_endpoint']}?{urlencode(sent)}", initiator=HOME)

    async def authorize(self, wishes: Wishes | None = None, *, proof: str = "", **beside: str) -> Code:
        """A pushed request that must succeed, with Ada at the screen."""
        request = self.build(wishes)
        page = await self.open(await self.push(request, proof=proof), **beside)
        return await self.follow(page, request)

    async def follow(self, page: Page, request: Mapping[str, str]) -> Code:
        """From a page on the way to the code."""
        answer = await self.walk(page, request)
        assert "code" in answer, answer
        self.op.check_new(answer["code"])
        return Code(answer, request, self.verifier)

    async def walk(self, page: Page, request: Mapping[str, str], *, person: str = "person-ada") -> dict[str, str]:
        """What comes back to the client, checked; `person` is whom, or what, is clicked at the upstream."""
        stops = ("provider-google", person, "allow", "back-to-app")
        for _ in stops:
            found = next((stop for stop in stops if page.has(stop)), "")
            page = await self.browser.click(found) if found else page
        assert page.status == 0, f"stuck at {page.url} with status {page.status}: {page.title}"
        assert page.url.startswith(f"{request['redirect_uri']}?")
        check_response(page.params, issuer=self.op.issuer, state=request.get("state"))
        return page.params

    # --- the token endpoint ---

    async def redeem_raw(
        self, code: Code, *, assertion: str | None = None, proof: str | None = None, **changes: str | None
    ) -> tuple[int, Body]:
        """Status and body for a code, right or wrong; a `proof` of "" leaves it out."""
        form: dict[str, str | None] = {
            "grant_type": "authorization_code",
            "code": code.params["code"],
            "redirect_uri": code.request["redirect_uri"],
            "code_verifier": code.verifier,
            **self.authentication(assertion),
            **changes,
        }
        return await self.call_token(form, proof=proof)

    async def redeem(self, code: Code, **how: Any) -> Login:
        """The code's tokens, checked."""
        status, body = await self.redeem_raw(code, **how)
        assert status == 200, body
        login = await self.verify(body)
        assert login.claims.get("nonce") == code.request.get("nonce")
        return login

    async def log_in(self, wishes: Wishes | None = None) -> Login:
        """A login that must succeed."""
        return await self.redeem(await self.authorize(wishes))

    async def refresh_raw(self, refresh_token: str, *, proof: str | None = None) -> tuple[int, Body]:
        """Status and body for a refresh token, right or wrong."""
        form = {"grant_type": "refresh_token", "refresh_token": refresh_token, **self.authentication()}
        return await self.call_token(form, proof=proof)

    async def call_token(self, form: Mapping[str, str | None], *, proof: str | None = None) -> tuple[int, Body]:
        """Status and body; None among the fields takes one away."""
        chosen = {name: value for name, value in form.items() if value is not None}
        return await self._post("token_endpoint", chosen, self.proof("token_endpoint") if proof is None else proof)

    async def verify(self, body: Body) -> Login:
        """A token response whose ID token stands, signed as the profile allows."""
        check_token_response(body, token_type="dpop")
        claims = verify_id_token(
            body["id_token"],
            await self.op.keys(),
            issuer=self.op.issuer,
            client_id=self.client_id,
            asked_at=self.op.clock() - 5,
            now=self.op.clock(),
            algorithm="ES256",
        )
        check_at_hash(claims, body["access_token"])
        return Login(body, claims)

    async def _post(self, endpoint: str, form: Mapping[str, str], proof: str) -> tuple[int, Body]:
        headers = {"DPoP": proof} if proof else {}
        async with self.op.http.post(self.op.metadata[endpoint], data=form, headers=headers) as answer:
            check_token_headers(answer)
            found: Body = await answer.json()
            if answer.status >= 400:
                check_error(found)
            return answer.status, found

    # --- the resource ---

    async def call_userinfo(self, login: Login, *proofs: str, scheme: str = "DPoP") -> tuple[int, Body]:
        """Status and body of the resource that every OpenID Provider has; without `proofs` a good one is made."""
        good = self.proof("userinfo_endpoint", method="GET", token=login.access_token)
        headers = [("Authorization", f"{scheme} {login.access_token}"), *(("DPoP", one) for one in proofs or (good,))]
        async with self.op.http.get(self.op.metadata["userinfo_endpoint"], headers=headers) as answer:
            return answer.status, await answer.json()
