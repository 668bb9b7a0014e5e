"""A relying party in somebody's browser, that believes nothing it has not checked."""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, quote_plus, urlencode, urlsplit

import aiohttp

from broker.demo.headless import ClientData
from broker.demo.visitor import Page, Visitor
from tests.conformance.openid_provider import HOME, Operator
from tests.conformance.response_checks import (
    check_at_hash,
    check_claims,
    check_error,
    check_response,
    check_token_headers,
    check_token_response,
    verify_id_token,
)

ADA: Final = ("google", "ada")
_REDIRECTS: Final = frozenset({302, 303})


@dataclass(frozen=True, slots=True)
class Answer:
    """An authorization response, and what the person had to do for it: "login", "upstream", "consent"."""

    params: Mapping[str, str]
    request: Mapping[str, str]
    asked: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Login:
    """What came of a code: the token response, the verified ID token's text and claims."""

    tokens: Mapping[str, Any]
    claims: Mapping[str, Any]

    @property
    def access_token(self) -> str:
        """For userinfo."""
        token: str = self.tokens["access_token"]
        return token


class RelyingParty:
    """One client of the OP. `browser` is the person's; several parties may share it."""

    def __init__(self, op: Operator, browser: Visitor, client_id: str) -> None:
        """`client_id` is one of CLIENTS."""
        self.op = op
        self.browser = browser
        self.client: ClientData = op.client(client_id)
        self.auth_method = self.client.auth_method
        self.first_visit = ("login", "upstream", "consent") if op.asks(client_id) else ("login", "upstream")

    def other(self, client_id: str) -> RelyingParty:
        """Another client in the same browser."""
        return RelyingParty(self.op, self.browser, client_id)

    # --- the authorization endpoint ---

    def build(self, wishes: Mapping[str, str | None] | None = None) -> dict[str, str]:
        """An authorization request; `wishes` add to it, replace, or take away (None)."""
        request: dict[str, str | None] = {
            "client_id": self.client.client_id,
            "redirect_uri": self.client.redirect_uri,
            "response_type": "code",
            "scope": "openid",
            "state": secrets.token_urlsafe(16),
            "nonce": secrets.token_urlsafe(16),
            "response_mode": None if self.op.response_mode == "query" else self.op.response_mode,
        }
        return {name: value for name, value in {**request, **(wishes or {})}.items() if value is not None}

    async def open(self, request: Mapping[str, str]) -> Page:
        """A link on the client's page leads to the authorization endpoint."""
        return await self.browser.get(
            f"{self.op.metadata['authorization_endpoint']}?{urlencode(request)}", initiator=HOME
        )

    async def post(self, request: Mapping[str, str]) -> Page:
        """A form on the client's page posts to the authorization endpoint."""
        return await self.browser.post(self.op.metadata["authorization_endpoint"], request, initiator=HOME)

    async def authorize(self, wishes: Mapping[str, str | None] | None = None, *, who: tuple[str, str] = ADA) -> Answer:
        """A request that must succeed, with `who` (provider, person) at the screen."""
        request = self.build(wishes)
        return await self.follow(await self.open(request), request, who=who)

    async def follow(self, page: Page, request: Mapping[str, str], *, who: tuple[str, str] = ADA) -> Answer:
        """From a page on the way to the code."""
        answer = await self._walk(page, request, who)
        assert "code" in answer.params, answer.params
        self.op.check_new(answer.params["code"])
        return answer

    async def refused(self, wishes: Mapping[str, str | None]) -> Answer:
        """A request that must come back with an error before anybody is asked anything."""
        request = self.build(wishes)
        answer = await self._walk(await self.open(request), request, ADA)
        assert "error" in answer.params, answer.params
        assert answer.asked == ()
        return answer

    async def refused_on_page(self, wishes: Mapping[str, str | None]) -> str:
        """A request that must end on a page of the OP; the text of its `#error` element."""
        page = await self.open(self.build(wishes))
        assert 400 <= page.status < 500
        assert page.url.startswith(self.op.metadata["authorization_endpoint"])
        assert page.headers["Content-Type"].startswith("text/html")
        assert not page.has("answer")
        return page.text_of("error")

    async def _walk(self, page: Page, request: Mapping[str, str], who: tuple[str, str]) -> Answer:
        provider, person = who
        stops = {f"provider-{provider}": "login", f"person-{person}": "upstream", "allow": "consent"}
        asked: list[str] = []
        while (found := next((stop for stop in stops if page.has(stop)), "")) and len(asked) < 5:
            asked.append(stops[found])
            page = await self.browser.click(found)
        if page.has("pause") and request.get("response_mode") != "form_post":
            page = await self.browser.click("continue")
        params = self._read(page, request)
        check_response(params, issuer=self.op.issuer, state=request.get("state", ""))
        return Answer(params, request, tuple(asked))

    def _read(self, page: Page, request: Mapping[str, str]) -> dict[str, str]:
        """The response out of the query, or out of the form that posts it (Form Post Response Mode, section 2)."""
        if request.get("response_mode") != "form_post":
            assert page.status == 0, f"stuck at {page.url} with status {page.status}: {page.title}\n{page.text[:3000]}"
            own = urlsplit(request["redirect_uri"]).query
            assert page.url.startswith(f"{request['redirect_uri']}{'&' if own else '?'}")
            assert not page.fragment
            last = self.browser.history[-1]
            by_page = last.method == "POST" or self.browser.pages[-1].has("pause")
            assert last.status in _REDIRECTS or (by_page and last.status == 200)
            return dict(parse_qsl(urlsplit(page.url).query.removeprefix(own), keep_blank_values=True))
        assert page.status == 200, f"stuck at {page.url} with status {page.status}: {page.title}"
        assert page.headers["Content-Type"].startswith("text/html")
        assert "no-store" in page.headers["Cache-Control"]
        form = page.form("answer")
        assert (form.method, form.action) == ("POST", request["redirect_uri"])
        return dict(form.fields)

    # --- the token endpoint ---

    async def log_in(self, wishes: Mapping[str, str | None] | None = None, *, who: tuple[str, str] = ADA) -> Login:
        """A request that must succeed, and its code redeemed."""
        return await self.redeem(await self.authorize(wishes, who=who))

    async def redeem(self, answer: Answer, **more: str) -> Login:
        """The code's tokens, checked."""
        asked_at = self.op.clock()
        status, body = await self.redeem_raw(answer, **more)
        assert status == 200, body
        login = await self.verify(body, asked_at)
        assert login.claims.get("nonce") == answer.request.get("nonce")
        return login

    async def redeem_raw(self, answer: Answer, **more: str) -> tuple[int, dict[str, Any]]:
        """Status and body for a code, right or wrong."""
        code, redirect_uri = answer.params["code"], answer.request["redirect_uri"]
        return await self.call_token(
            {"grant_type": "authorization_code", "code": code, "redirect_uri": redirect_uri, **more}
        )

    async def refresh(self, login: Login) -> Login:
        """The tokens that follow."""
        asked_at = self.op.clock()
        status, body = await self.refresh_raw(login)
        assert status == 200, body
        return await self.verify(body, asked_at)

    async def refresh_raw(self, login: Login) -> tuple[int, dict[str, Any]]:
        """Status and body for a refresh token, right or wrong."""
        return await self.call_token({"grant_type": "refresh_token", "refresh_token": login.tokens["refresh_token"]})

    async def call_token(self, form: Mapping[str, str]) -> tuple[int, dict[str, Any]]:
        """As this client authenticates; headers and errors are checked in any case."""
        headers, body = self.authenticate(form)
        async with self.op.http.post(self.op.metadata["token_endpoint"], data=body, headers=headers) as answer:
            check_token_headers(answer)
            found: dict[str, Any] = await answer.json()
            if answer.status != 200:
                check_error(found)
            return answer.status, found

    def authenticate(self, form: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
        """Headers and body of a request with its secret."""
        if self.auth_method == "client_secret_post":
            return {}, {**form, "client_id": self.client.client_id, "client_secret": self.client.client_secret}
        pair = quote_plus(self.client.client_id), quote_plus(self.client.client_secret)
        return {"Authorization": aiohttp.encode_basic_auth(*pair)}, dict(form)

    async def verify(self, body: Mapping[str, Any], asked_at: float) -> Login:
        """A token response whose ID token stands; it was asked for at `asked_at` (epoch seconds)."""
        check_token_response(body)
        for name in {"access_token", "refresh_token"} & body.keys():
            self.op.check_new(body[name])
        claims = verify_id_token(
            body["id_token"],
            await self.op.keys(),
            issuer=self.op.issuer,
            client_id=self.client.client_id,
            asked_at=asked_at,
            now=self.op.clock(),
        )
        check_at_hash(claims, body["access_token"])
        return Login(body, claims)

    # --- userinfo ---

    async def userinfo(self, login: Login) -> dict[str, Any]:
        """The claims by GET and header, about the same person as the ID token (OIDC Core 5.3.2)."""
        status, claims = await self.call_userinfo("GET", bearer=login.access_token)
        assert status == 200, claims
        assert claims["sub"] == login.claims["sub"]
        check_claims(claims)
        return claims

    async def call_userinfo(
        self, method: str, *, bearer: str = "", form: Mapping[str, str] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Status and body; a refusal says in `WWW-Authenticate` what was wrong with a token (RFC 6750 section 3)."""
        headers = {"Authorization": f"Bearer {bearer}"} if bearer else {}
        async with self.op.http.request(
            method, self.op.metadata["userinfo_endpoint"], headers=headers, data=form
        ) as answer:
            found: dict[str, Any] = await answer.json()
            assert answer.content_type == "application/json"
            if answer.status == 401:
                assert answer.headers["WWW-Authenticate"].startswith("Bearer ")
                assert ('error="invalid_token"' in answer.headers["WWW-Authenticate"]) is bool(headers or form)
            return answer.status, found
