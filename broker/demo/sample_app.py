"""A small web application that signs people in through the broker: Starlette and Authlib, told nothing but the issuer.

Authlib reads the endpoints from discovery and checks state, PKCE, nonce and the ID token's signature, issuer, audience
and lifetime. What it leaves to the application is marked below. Copy this file to start an application of your own.
"""

from __future__ import annotations

import secrets
from base64 import urlsafe_b64decode
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qs, urlencode, urlsplit

import httpx2
import orjson
from authlib.integrations.starlette_client import OAuth, OAuthError
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import KeySet
from starlette.applications import Starlette
from starlette.middleware import Middleware
from starlette.middleware.sessions import SessionMiddleware
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from broker.demo.pages import environment, language_of
from broker.demo.sample_spa import GoogleButton, SinglePage
from broker.demo.sample_texts import TEXTS
from broker.demo.sample_tv import Television

LOGOUT = "http://schemas.openid.net/event/backchannel-logout"
_ALGORITHMS = ["RS256", "PS256", "ES256", "EdDSA"]  # what the broker may sign with
SCOPE = "openid profile email phone offline_access identities"


@dataclass(frozen=True, slots=True)
class Registration:
    """What the broker's configuration says about this application, the providers it offers, and what is beside it.

    `tv` is the client_id of that, `spa` of its single page; "" without one.
    `google`: the button on that page, None where it may not bring what that gives.
    """

    issuer: str
    client_id: str
    client_secret: str
    redirect_uri: str
    providers: tuple[str, ...] = ()
    tv: str = ""
    spa: str = ""
    google: GoogleButton | None = None


class SampleApp:
    """The pages. `logins` holds what belongs to a signed-in browser; its cookie holds a random key to it."""

    def __init__(self, registration: Registration) -> None:
        self.registration = registration
        self.logins: dict[str, dict[str, Any]] = {}
        oauth = OAuth()
        self.broker: Any = oauth.register(  # Authlib has no types
            "broker",
            client_id=registration.client_id,
            client_secret=registration.client_secret,
            server_metadata_url=f"{registration.issuer}/.well-known/openid-configuration",
            client_kwargs={"scope": SCOPE, "code_challenge_method": "S256", "trust_env": False},
        )

        self._television = Television(registration.issuer, registration.tv, self.broker)
        self._single_page = SinglePage(registration.issuer, registration.spa, registration.google)

    async def home(self, request: Request) -> Response:
        """Who is signed in, or the way in."""
        return self._page(request)

    async def login(self, request: Request) -> Response:
        """To the broker; `provider` goes straight to that one, whoever is signed in."""
        provider = request.query_params.get("provider", "")
        more = {"ui_locales": _language(request)}
        if provider in self.registration.providers:
            more |= {"idp_hint": provider, "prompt": "login"}
        redirect: Response = await self.broker.authorize_redirect(request, self.registration.redirect_uri, **more)
        return redirect

    async def link(self, request: Request) -> Response:
        """To the broker, to add `provider` as another way in for who is signed in."""
        login, endpoint = self._login(request), (await self.broker.load_server_metadata())["account_linking_endpoint"]
        if login is None:
            return RedirectResponse("/", status_code=303)
        state = request.session["linking"] = secrets.token_urlsafe(16)
        asked = {"client_id": self.registration.client_id, "redirect_uri": self.registration.redirect_uri}
        asked |= {"provider": request.query_params.get("provider", ""), "state": state}
        query = urlencode(asked | {"id_token_hint": login["token"]["id_token"], "ui_locales": _language(request)})
        return RedirectResponse(f"{endpoint}?{query}", status_code=303)

    def _linked(self, request: Request) -> Response:
        """Back from there: `status` says how it ended."""
        said = request.query_params
        if said.get("state") != request.session.pop("linking", "") or said.get("iss") != self.registration.issuer:
            return RedirectResponse("/", status_code=303)
        if said["status"] == "error":
            return self._page(request, problem=OAuthError(said.get("error"), said.get("error_description")))
        return self._page(request, told="linked" if said["status"] == "linked" else "not_linked")

    async def callback(self, request: Request) -> Response:
        """Back from the broker."""
        if "status" in request.query_params:
            return self._linked(request)
        try:
            # Authlib does not compare `iss` of the answer (RFC 9207); it protects against mixed-up providers.
            if request.query_params.get("iss") != self.registration.issuer:
                raise OAuthError("wrong_issuer", "the answer names another issuer, or none")
            token = await self.broker.authorize_access_token(request)
        except (OAuthError, JoseError) as error:
            return self._overtaken(request, error) or self._page(request, problem=error)
        key = secrets.token_urlsafe(32)  # a fresh key at every login: nobody can plant one beforehand
        self.logins.pop(request.session.pop("login", ""), None)
        request.session.pop("again", None)
        request.session["login"] = key
        self.logins[key] = {"token": dict(token), "claims": dict(token["userinfo"])}
        return RedirectResponse("/", status_code=303)

    def _overtaken(self, request: Request, error: Exception) -> Response | None:
        """Where to after an answer nobody waits for any more: another tab began a login, or the back button was used.

        Home where somebody is signed in, else to the broker, which knows the person by now; but once, and never for a
        browser that brought no cookie (None): it would go round for ever, or was sent here by a stranger.
        """
        if getattr(error, "error", "") != "mismatching_state" or not request.session:
            return None
        if self._login(request) is not None:
            return RedirectResponse("/", status_code=303)
        if request.session.pop("again", False):
            return None
        request.session["again"] = True
        return RedirectResponse("/login", status_code=303)

    async def refresh(self, request: Request) -> Response:
        """New tokens for the refresh token; the person must be the same."""
        login = self._login(request)
        if login is None:
            return RedirectResponse("/", status_code=303)
        old = login["token"]
        try:
            new = await self.broker.fetch_access_token(
                grant_type="refresh_token", refresh_token=old.get("refresh_token", "")
            )
            claims = await self.broker.parse_id_token(new, nonce=None) or login["claims"]
            if claims["sub"] != login["claims"]["sub"]:
                raise OAuthError("wrong_subject", "the refreshed ID token is about somebody else")
        except (OAuthError, JoseError) as error:
            return self._page(request, problem=error)
        login.update(token={**old, **dict(new)}, claims={**login["claims"], **dict(claims)})
        return self._page(request, told="refreshed")

    async def userinfo(self, request: Request) -> Response:
        """What the userinfo endpoint says now."""
        login = self._login(request)
        if login is None:
            return RedirectResponse("/", status_code=303)
        try:
            answer = dict(await self.broker.userinfo(token=login["token"]))
            if answer["sub"] != login["claims"]["sub"]:  # OIDC Core 5.3.2
                raise OAuthError("wrong_subject", "the userinfo endpoint speaks of somebody else")
            login["userinfo"] = answer
        except (OAuthError, httpx2.HTTPError) as error:
            return self._page(request, problem=error)
        return self._page(request, told="asked")

    async def logout(self, request: Request) -> Response:
        """Forget the person here, then have the broker end its session and tell the other apps."""
        login = self.logins.pop(request.session.pop("login", ""), None)
        endpoint = (await self.broker.load_server_metadata()).get("end_session_endpoint")
        if login is None or not endpoint:
            return RedirectResponse("/", status_code=303)
        home = urlsplit(self.registration.redirect_uri)._replace(path="/").geturl()
        query = urlencode({"id_token_hint": login["token"]["id_token"], "post_logout_redirect_uri": home})
        return RedirectResponse(f"{endpoint}?{query}", status_code=303)

    async def tv(self, request: Request) -> Response:
        """What a television shows, and by POST a fresh code on it."""
        step = self._television.start if request.method == "POST" else self._television.show
        return await step(request, _language(request))

    async def spa(self, request: Request) -> Response:
        """The page that does the rest in the browser."""
        return self._single_page.show(_language(request))

    async def backchannel(self, request: Request) -> Response:
        """The broker says that somebody logged out (OpenID Connect Back-Channel Logout 1.0 section 2.6)."""
        form = parse_qs((await request.body()).decode("ascii", "replace"))
        try:
            keys = KeySet.import_key_set(await self.broker.fetch_jwk_set())
            token = jwt.decode(form.get("logout_token", [""])[0], keys, algorithms=_ALGORITHMS)
            jwt.JWTClaimsRegistry(
                iss={"essential": True, "value": self.registration.issuer},
                aud={"essential": True, "value": self.registration.client_id},
                iat={"essential": True},
                exp={"essential": True},
                sid={"essential": True},
            ).validate(token.claims)
        except (JoseError, ValueError) as error:
            return Response(f"{type(error).__name__}\n", status_code=400)
        if token.header.get("typ") != "logout+jwt" or LOGOUT not in token.claims.get("events", {}):
            return Response("not a logout token\n", status_code=400)
        over = [key for key, login in self.logins.items() if login["claims"].get("sid") == token.claims["sid"]]
        for key in over:
            del self.logins[key]
        return Response(status_code=200, headers={"Cache-Control": "no-store"})

    def _login(self, request: Request) -> dict[str, Any] | None:
        return self.logins.get(request.session.get("login", ""))

    def _page(self, request: Request, *, problem: Exception | None = None, told: str = "") -> Response:
        language, login = _language(request), self._login(request)
        page = environment().get_template("sample.html")
        html = page.render(
            texts=TEXTS[language],
            language=language,
            other="en" if language == "ru" else "ru",
            registration=self.registration,
            problem=_said(problem) if problem else None,
            told=told,
            claims=_rows(login["claims"]) if login else None,
            userinfo=_rows(login["userinfo"]) if login and "userinfo" in login else None,
            id_token=_decoded(login["token"]["id_token"]) if login else None,
            token=login["token"] if login else {},
        )
        return HTMLResponse(html, status_code=400 if problem else 200, headers={"Cache-Control": "no-store"})


def build_sample_app(registration: Registration) -> Starlette:
    """The application; its cookies are signed with a key that dies with the process."""
    app = SampleApp(registration)
    session = Middleware(
        SessionMiddleware, secret_key=secrets.token_urlsafe(32), session_cookie="sample", same_site="lax"
    )
    beside = [Route("/tv", app.tv, methods=["GET", "POST"])] if registration.tv else []
    beside += [Route("/spa", app.spa)] if registration.spa else []
    return Starlette(
        routes=[
            *beside,
            Route("/", app.home),
            Route("/login", app.login),
            Route("/callback", app.callback),
            Route("/link", app.link),
            Route("/refresh", app.refresh, methods=["POST"]),
            Route("/userinfo", app.userinfo, methods=["POST"]),
            Route("/logout", app.logout, methods=["POST"]),
            Route("/backchannel", app.backchannel, methods=["POST"]),
        ],
        middleware=[session],
    )


def _language(request: Request) -> str:
    """What was chosen here before, else what the browser prefers."""
    if "lang" in request.query_params:
        request.session["lang"] = language_of(request.query_params, "")
    chosen = {"lang": request.session.get("lang", "")}
    return language_of(chosen, request.headers.get("accept-language", ""))


def _said(problem: Exception) -> tuple[str, str]:
    """The error code and its description; what comes from the outside is escaped by the template."""
    code = str(getattr(problem, "error", "") or type(problem).__name__)
    return code, str(getattr(problem, "description", "") or problem)


def _rows(claims: dict[str, Any]) -> list[tuple[str, str]]:
    return [(name, value if isinstance(value, str) else orjson.dumps(value).decode()) for name, value in claims.items()]


def _decoded(token: str) -> list[str]:
    """Header and payload for reading; the signature was checked before."""
    parts = [urlsafe_b64decode(part + "=" * (-len(part) % 4)) for part in token.split(".")[:2]]
    return [orjson.dumps(orjson.loads(part), option=orjson.OPT_INDENT_2).decode() for part in parts]
