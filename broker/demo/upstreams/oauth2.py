"""An invented OAuth 2.0 service, and what those share that `type: oauth2` describes: tokens, profile, addresses, check.

From RFC 6749, 6750, 7009, 7636, 7662, and from the oddities that services of this kind are known for (read 2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar
from urllib.parse import urlencode

from starlette.responses import HTMLResponse, RedirectResponse, Response

from broker.demo.call import Call, client_credentials
from broker.demo.faults import OAUTH
from broker.demo.rules import Rule, documented, guessed, measured
from broker.demo.upstreams.answers import back_to, error_answer, json_answer
from broker.demo.upstreams.base import Emulator, Grant, Handler, OneTime, Refused, RegisteredApp
from broker.demo.upstreams.control import KitOrder
from broker.demo.upstreams.keys import challenge_of

_ANY: tuple[str, ...] = ("GET", "POST")


@dataclass(frozen=True, slots=True)
class Paths:
    """Where a service has what; "" for nowhere."""

    authorize: str
    token: str
    profile: str
    emails: str = ""
    check: str = ""
    revoke: str = ""


class OAuth2(Emulator):
    """oauth.example.com. A service that differs in its paths or its words inherits."""

    type: ClassVar[str] = "oauth2"
    port: ClassVar[int] = 8426
    settings: ClassVar[Mapping[str, object]] = {
        "client_id": "test-oauth2-app",
        "client_secret": "test-oauth2-secret",
        "scopes": ["profile", "email"],
        "authorize": {"url": "https://oauth.example.com/authorize"},
        "token": {"url": "https://oauth.example.com/token"},
        "userinfo": [
            {"url": "https://oauth.example.com/me"},
            {
                "name": "emails",
                "url": "https://oauth.example.com/emails",
                "expect": "list",
                "on_status": {404: "empty"},
            },
        ],
        "claims": {
            "sub": "me.id",
            "name": "me.name",
            "email": "emails[?primary].email | [0]",
            "email_verified": "emails[?primary].verified | [0]",
        },
        "rules": {"same_subject": ["token.user_id"]},
        "token_check": {"url": "https://oauth.example.com/introspect", "active_path": "active", "subject_path": "sub"},
        "revoke": {"url": "https://oauth.example.com/revoke"},
    }
    title: ClassVar[str] = "OAuth 2.0"
    colour: ClassVar[str] = "#334155"
    works: ClassVar[str] = (
        "an invented service: code flow with PKCE, refresh with rotation, token answers as JSON or form, profile, list"
        " of addresses, introspection, revocation"
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        documented("a code and a refresh token are good once, for their app, and with the verifier of the challenge"),
        documented("an introspection names the app of a token, to whoever shows which app they are"),
        measured("a profile that is `false` (fault): social-core met one at Facebook"),
        guessed("a token answer that is a form and calls itself HTML (fault)"),
        guessed("the service is invented, and so are its paths and the names of its members"),
    )
    fronts: ClassVar[tuple[str, ...]] = ("/authorize",)
    faults_known: ClassVar[tuple[str, ...]] = (
        *OAUTH,
        "no_id",
        "other_user_id",
        "unauthorized",
        "form_answer",
        "false_profile",
        "redirected_profile",
        "no_emails",
        "refresh_refused",
        "inactive_token",
        "other_app",
    )
    paths: ClassVar[Paths] = Paths("/authorize", "/token", "/me", "/emails", "/introspect", "/revoke")
    lifetime: ClassVar[int] = 3600  # seconds of an access token

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        optional = (
            (self.paths.emails, ("GET",), self._emails),
            (self.paths.check, _ANY, self._check),
            (self.paths.revoke, ("POST",), self._revoke),
        )
        return (
            (self.paths.authorize, ("GET",), self._authorize),
            (self.paths.token, ("POST",), self._token),
            (self.paths.profile, _ANY, self._profile),
            *((path, methods, handler) for path, methods, handler in optional if path),
            ("/_emulator/kit", ("POST",), self._kit),
        )

    def forget(self) -> None:
        self.codes = OneTime[Grant](600, self.clock, self.mint)
        self.tokens = OneTime[Grant](self.lifetime, self.clock, self.mint)
        self.refreshers = OneTime[Grant](86400 * 30, self.clock, self.mint)

    # --- what a service says in words of its own ---

    def profile(self, granted: Grant) -> dict[str, object]:
        """What the profile tells, the id first."""
        person = granted.person
        return {
            "id": int(self.subject(person)),
            "login": person.username or None,
            "name": person.name,
            "avatar": person.picture or None,
            "born": person.birthday or None,
        }

    def wrapped(self, profile: dict[str, object]) -> object:
        """The profile as it stands in the answer."""
        return profile

    def more(self, granted: Grant) -> dict[str, object]:
        """Members of the token answer beside those of RFC 6749 section 5.1."""
        return {"user_id": int(self.subject(granted.person))}

    def checked(self, granted: Grant, client_id: str) -> dict[str, object]:
        """What is told about a token of `client_id`'s."""
        ends = self.now() + self.lifetime
        return {"active": True, "client_id": client_id, "sub": self.subject(granted.person), "exp": ends}

    def not_active(self) -> Response:
        """The same of one that is none (RFC 7662 section 2.2)."""
        return json_answer({"active": False})

    # --- the pages and endpoints ---

    async def _authorize(self, call: Call) -> Response:
        app = self.registered(call, "unknown client_id", "redirect_uri is not registered")
        back, state = call.get("redirect_uri"), self.state_of(call)
        method = call.get("code_challenge_method")
        if call.get("response_type") != "code" or (call.get("code_challenge") and method != "S256"):
            return back_to(back, {"error": "invalid_request", "state": state})
        person = self.ask(call, lambda: back_to(back, {"error": "access_denied", "state": state}))
        return back_to(back, {"code": self.codes.give(Grant.asked(call, person, app)), "state": state})

    async def _kit(self, call: Call) -> Response:
        """An access token as an app gets it that signs people in by itself."""
        order = KitOrder.model_validate(call.json)
        granted = Grant(self.living(order.person), self.app_of(order), "", ("profile", "email"))
        return json_answer({"access_token": self.tokens.give(granted)})

    async def _token(self, call: Call) -> Response:
        app = self._authenticated(call)
        if self.faults.on("error_200"):
            return error_answer("invalid_grant", "The code is over", 200)
        if self.faults.on("invalid_grant"):
            return error_answer("invalid_grant", "The code is over")
        if call.get("grant_type") == "refresh_token":
            granted = None if self.faults.on("refresh_refused") else self.refreshers.take(call.get("refresh_token"))
        else:
            granted = self._redeemed(call)
        if granted is None or granted.app.client_id != app.client_id:
            return error_answer("invalid_grant", "Neither a code nor a refresh token of this app")
        return self._tokens(granted)

    def _redeemed(self, call: Call) -> Grant | None:
        granted = self.codes.take(call.get("code"))
        if granted is None or granted.redirect_uri != call.get("redirect_uri"):
            return None
        verifier = call.get("code_verifier")
        proved = challenge_of(verifier) == granted.challenge if granted.challenge else not verifier
        return granted if proved else None

    def _tokens(self, granted: Grant) -> Response:
        told = granted.of_somebody_else() if self.faults.on("other_user_id") else granted
        answer = {
            "access_token": self.tokens.give(granted),
            "token_type": "Bearer",
            "expires_in": self.lifetime,
            "refresh_token": self.refreshers.give(granted),
            "scope": " ".join(granted.scope),
            **self.more(told),
        }
        if self.faults.on("form_answer"):
            return HTMLResponse(urlencode(answer))
        return json_answer(answer)

    def _authenticated(self, call: Call) -> RegisteredApp:
        client_id, secret = client_credentials(call)
        app = self.apps.get(client_id)
        if app is None or app.client_secret != secret:
            raise Refused(error_answer("invalid_client", "Unknown app or wrong secret", 401))
        return app

    async def _profile(self, call: Call) -> Response:
        granted = self._granted(call)
        if self.faults.on("false_profile"):
            return json_answer(False)
        if self.faults.on("redirected_profile"):
            return RedirectResponse("https://elsewhere.example/me", status_code=302)
        found = self.profile(granted)
        if self.faults.on("no_id"):
            del found[next(iter(found))]
        return json_answer(self.wrapped(self.told(granted.person, found)))

    async def _emails(self, call: Call) -> Response:
        granted = self._granted(call)
        if self.faults.on("no_emails"):
            return json_answer({"message": "Not Found"}, 404)
        address = granted.person.email_at(self.type)
        own = {"email": address, "primary": True, "verified": granted.person.key == "ada"}
        return json_answer(
            [{"email": "old@example.com", "primary": False, "verified": True}, *([own] if address else [])]
        )

    def _granted(self, call: Call) -> Grant:
        """By the token in the header, whatever its scheme is called, in the query or in the form."""
        token = call.headers.get("authorization", "").partition(" ")[2] or call.get("access_token")
        granted = self.tokens.look(token)
        if granted is None or self.faults.on("unauthorized"):
            raise Refused(json_answer({"message": "Bad credentials"}, 401))
        return granted

    async def _check(self, call: Call) -> Response:
        granted = self._checked(call)
        if granted is None or self.faults.on("inactive_token"):
            return self.not_active()
        client_id = "somebody-else" if self.faults.on("other_app") else granted.app.client_id
        return json_answer(self.checked(granted, client_id))

    def _checked(self, call: Call) -> Grant | None:
        """The token that is asked about, by an app that shows who it is (RFC 7662 section 2.1)."""
        self._authenticated(call)
        return self.tokens.look(call.get("token"))

    async def _revoke(self, call: Call) -> Response:
        app = self._authenticated(call)
        token = call.get("token")
        for kept in (self.tokens, self.refreshers):
            granted = kept.look(token)
            if granted is not None and granted.app.client_id == app.client_id:
                kept.take(token)
        return Response(b"")
