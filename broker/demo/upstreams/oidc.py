"""Any OpenID Provider: discovery, RS256 and ES256, answers by query or form. From OIDC Core 1.0 and Discovery 1.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import ClassVar
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from broker.demo.call import Call
from broker.demo.faults import OAUTH
from broker.demo.pages import posting_page
from broker.demo.rules import Rule, documented, guessed
from broker.demo.upstreams.answers import back_to, json_answer
from broker.demo.upstreams.base import Emulator, Handler, Newest, OneTime, RegisteredApp
from broker.demo.upstreams.control import KitOrder
from broker.demo.upstreams.deliver import post_form
from broker.demo.upstreams.id_tokens import ID_TOKEN_FAULTS, Claims, Signer, falsified, kit_claims
from broker.demo.upstreams.keys import half_hash, key
from broker.demo.upstreams.oidc_clients import PROOF_RULES, Pushed, encrypted, proved_app
from broker.demo.upstreams.oidc_logins import (
    LOGOUT_FAULTS,
    Granted,
    KindOfGrant,
    Told,
    discovery_of,
    fits,
    level_of,
    logout_claims,
    problem_of,
    profile,
    tell,
)

ISSUER = "https://sso.example.com"


class Oidc(Emulator):
    """One issuer: that of the first app whose `extras` name one. ID tokens are thin, claims come from userinfo."""

    type = "oidc"
    port = 8415
    settings: ClassVar[Mapping[str, object]] = {
        "client_id": "test-broker",
        "client_secret": "test-oidc-secret",
        "issuer": "https://sso.example.com",
    }
    title = "Example SSO"
    colour = "#334155"
    fronts: ClassVar[tuple[str, ...]] = ("/authorize", "/logout")
    post = staticmethod(post_form)
    kept: ClassVar[KindOfGrant] = Granted  # what a code stands for
    renews: ClassVar[bool] = False  # whether a refresh token comes without the scope `offline_access`
    plain: ClassVar[bool] = False  # whether apps may leave `openid` out, and get no ID token then
    works = (
        "any OpenID Provider: discovery, keys, code flow with PKCE by query or form, pushed requests, apps that sign, "
        "encrypted ID tokens, userinfo, refresh, logout by redirect or back channel; one issuer, the first configured"
    )
    rules: ClassVar[tuple[Rule, ...]] = (
        *PROOF_RULES,
        documented("OpenID Connect Core 1.0 and Discovery 1.0, RFC 7636, RFC 9207: thin ID tokens, claims at userinfo"),
        documented("RP-Initiated and Back-Channel Logout 1.0"),
        guessed("`email_verified` is true for Ada alone"),
    )
    faults_known: ClassVar[tuple[str, ...]] = (
        *OAUTH,
        "wrong_iss_param",
        "no_iss_param",
        *ID_TOKEN_FAULTS,
        "no_iat",
        "wrong_azp",
        "many_audiences",
        "wrong_at_hash",
        "rotated_at_signing",
        "no_kid",
        "two_keys",
        "other_discovery",
        "other_user_id",
        "email_as_text",
        "signed_userinfo",
        "refresh_refused",
        "other_person",
        "weak_acr",
        *LOGOUT_FAULTS,
    )

    @property
    def issuer(self) -> str:
        """What this provider calls itself."""
        return next((app.extras["issuer"] for app in self.apps.values() if "issuer" in app.extras), ISSUER)

    def is_front(self, path: str) -> bool:
        """Below the issuer's path, which the apps name."""
        return super().is_front(path.removeprefix(self._prefix))

    @property
    def _prefix(self) -> str:
        return urlsplit(self.issuer).path.removesuffix("/")

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        table: tuple[tuple[str, tuple[str, ...], Handler], ...] = (
            ("/.well-known/openid-configuration", ("GET",), self._discovery),
            ("/jwks", ("GET",), self._jwks),
            ("/authorize", ("GET",), self._authorize),
            ("/token", ("POST",), self._token),
            ("/userinfo", ("GET", "POST"), self._userinfo),
            ("/revoke", ("POST",), self._revoke),
            ("/par", ("POST",), self._push),
            ("/logout", ("GET", "POST"), self._end_session),
        )
        below = [(self._prefix + path, methods, handler) for path, methods, handler in table]
        orders: tuple[tuple[str, tuple[str, ...], Handler], ...] = (
            ("/_emulator/logout", ("POST",), self._log_out),
            ("/_emulator/kit", ("POST",), self._kit),
        )
        return [*below, *orders]

    def forget(self) -> None:
        self.codes = OneTime[Granted](60, self.clock, self.mint)
        self.tokens = OneTime[Granted](300, self.clock, self.mint)
        self.refresh_tokens = OneTime[Granted](86400, self.clock, self.mint)
        self.pushed = Pushed(self.clock, self.mint)
        self.assertions = Newest[str]()
        self.sessions = Newest[Granted]()
        self.issued = Newest[Granted]()

    def signer(self) -> Signer:
        """One key per algorithm, two of RS256 under a fault; a rotation replaces them all."""
        elliptic = key("emu-oidc-es", "ES256")
        more = (key("emu-oidc-rs-0", "RS256"),) if self.faults.active("two_keys") else ()
        now, next_ = key("emu-oidc-rs-1", "RS256"), key("emu-oidc-rs-2", "RS256")
        return Signer(self.faults, (elliptic, *more, now), (elliptic, *more, next_))

    async def _discovery(self, call: Call) -> Response:
        found = discovery_of(self.issuer)
        if self.faults.on("other_discovery"):
            found["issuer"] = "https://accounts.example.com"
        return json_answer(found, Cache_Control="public, max-age=3600")

    async def _kit(self, call: Call) -> Response:
        """The ID token that an app on a phone has in the end, whatever it did for it."""
        order = KitOrder.model_validate(call.json)
        claims = kit_claims(order, self.apps.values(), self.now())
        person = self.living(order.person)
        found = profile(Granted(person, next(iter(self.apps.values())), "", ("openid", "profile", "email")))
        claims |= {"iss": self.issuer, **self.told(person, found)}
        if self.faults.on("no_id"):
            del claims["sub"]
        return json_answer({"id_token": self.signer().sign(falsified(claims, self.faults))})

    async def _jwks(self, call: Call) -> Response:
        return json_answer({"keys": [k.jwk(use="sig") for k in self.signer().published()]})

    async def _authorize(self, call: Call) -> Response:
        call = self.pushed.unpacked(call)
        unknown = "unknown client or redirect_uri"
        app = self.registered(call, unknown, unknown)
        problem = problem_of(call, plain=self.plain)
        if problem or (call.get("prompt") == "none" and not self.control.choice.person):
            return self._answer(call, {"error": problem or "login_required"})
        person = self.ask(call, lambda: self._answer(call, {"error": "access_denied"}))
        auth_time = self.now() if call.get("max_age") or call.get("prompt") == "login" else None
        granted = replace(
            self.kept.asked(call, person, app), auth_time=auth_time, sid=self.mint(), acr=level_of(call, self.faults)
        )
        self.sessions[granted.sid] = granted
        return self._answer(call, {"code": self.codes.give(granted)})

    def _answer(self, call: Call, params: Mapping[str, str]) -> Response:
        """The authorization response, by the way that was asked for, with `state` and `iss` (RFC 9207)."""
        state = self.state_of(call)
        iss = "https://accounts.example.com" if self.faults.on("wrong_iss_param") else self.issuer
        full = {**params, "state": state} | ({} if self.faults.on("no_iss_param") else {"iss": iss})
        if call.get("response_mode") == "form_post":
            return HTMLResponse(posting_page(self, call, call.get("redirect_uri"), full))
        return back_to(call.get("redirect_uri"), full)

    async def _token(self, call: Call) -> Response:
        app = self._app(call)
        if app is None:
            return json_answer({"error": "invalid_client"}, 401, WWW_Authenticate='Basic realm="token"')
        if self.faults.on("error_200"):
            return json_answer({"error": "invalid_grant"})
        if call.get("grant_type") not in {"authorization_code", "refresh_token"}:
            return json_answer({"error": "unsupported_grant_type"}, 400)
        granted = self._refreshed(app, call) if call.get("grant_type") == "refresh_token" else self._redeemed(app, call)
        if granted is None:
            return json_answer({"error": "invalid_grant"}, 400)
        return json_answer(self._tokens_for(granted), Cache_Control="no-store")

    def _app(self, call: Call) -> RegisteredApp | None:
        places = [self.issuer, f"{self.issuer.removesuffix('/')}/token"]
        return proved_app(call, self.apps, places, now=self.now(), used=self.assertions)

    async def _push(self, call: Call) -> Response:
        """RFC 9126 section 2: the parameters of an app that has shown who it is, for a minute and a half."""
        app = self._app(call)
        if app is None:
            return json_answer({"error": "invalid_client"}, 401, WWW_Authenticate='Basic realm="par"')
        if "request_uri" in call.form or not call.get("redirect_uri"):
            return json_answer({"error": "invalid_request"}, 400)
        return json_answer(self.pushed.keep(call, app), 201, Cache_Control="no-store")

    async def _revoke(self, call: Call) -> Response:
        """RFC 7009: a token that is none is as good as revoked, and the answer has no body."""
        app = self._app(call)
        if app is None:
            return json_answer({"error": "invalid_client"}, 401, WWW_Authenticate='Basic realm="revoke"')
        for kept in (self.refresh_tokens, self.tokens):
            granted = kept.look(call.get("token"))
            if granted is not None and granted.app == app:
                kept.take(call.get("token"))
        return Response(b"")

    def _redeemed(self, app: RegisteredApp, call: Call) -> Granted | None:
        granted = self.codes.take(call.get("code"))
        good = granted is not None and fits(granted, app, call) and not self.faults.on("invalid_grant")
        return granted if good else None

    def _refreshed(self, app: RegisteredApp, call: Call) -> Granted | None:
        """A refresh token is good once and for its app; the new ID token has no nonce (OIDC Core 12.2)."""
        granted = self.refresh_tokens.take(call.get("refresh_token"))
        if granted is None or granted.app != app or self.faults.on("refresh_refused"):
            return None
        return replace(granted, nonce="")

    def _tokens_for(self, granted: Granted) -> Claims:
        access_token = self.tokens.give(granted)
        answer: Claims = {"access_token": access_token, "expires_in": 300, "token_type": "Bearer"}
        if self.faults.on("rotated_at_signing"):
            self.faults.switch("rotated_keys", on=True)
        if self.renews or "offline_access" in granted.scope:
            answer["refresh_token"] = self.refresh_tokens.give(granted)
        if not self.faults.on("no_id_token"):
            id_token = self.signer().sign(self._claims(granted, access_token))
            self.issued[id_token] = granted
            answer["id_token"] = encrypted(id_token, granted.app)
        return answer

    def _claims(self, granted: Granted, access_token: str) -> Claims:
        now, client_id = self.now(), granted.app.client_id
        claims: Claims = {"iss": self.issuer, "sub": granted.person.ids["oidc"], "aud": client_id, "azp": client_id}
        claims |= {"iat": now, "exp": now + 300, "at_hash": half_hash(access_token), "sid": granted.sid}
        if granted.nonce:
            claims["nonce"] = granted.nonce
        if granted.auth_time is not None:
            claims["auth_time"] = granted.auth_time
        if granted.acr:
            claims["acr"] = granted.acr
        claims |= self.told(granted.person, {})
        if self.faults.on("no_id"):
            del claims["sub"]
        if self.faults.on("other_person"):
            claims["sub"] = "somebody-else"
        return falsified(claims, self.faults)

    async def _userinfo(self, call: Call) -> Response:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        granted = self.tokens.look(token) if scheme == "Bearer" else None
        if granted is None:
            return json_answer({"error": "invalid_token"}, 401, WWW_Authenticate='Bearer error="invalid_token"')
        found = self.told(granted.person, profile(granted))
        if self.faults.on("email_as_text") and "email_verified" in found:
            found["email_verified"] = str(found["email_verified"]).lower()
        if self.faults.on("other_user_id"):
            found = {**found, "sub": "somebody-else"}
        if self.faults.on("signed_userinfo"):
            signed = self.signer().sign({**found, "iss": self.issuer, "aud": granted.app.client_id})
            return Response(signed, media_type="application/jwt")
        return json_answer(found)

    async def _end_session(self, call: Call) -> Response:
        """RP-Initiated Logout 1.0: the session of the hint ends, its app hears of it, the browser goes back."""
        granted = self.issued.get(call.get("id_token_hint"))
        if granted is None or call.get("client_id") not in {"", granted.app.client_id}:
            return self.refuse(call, "id_token_hint is no ID token from here")
        await self._end(granted, everywhere=False)
        back = call.get("post_logout_redirect_uri")
        if not back:
            return PlainTextResponse("You are logged out.")
        if not back.startswith(granted.app.extras.get("post_logout_redirect_uri", "\0")):
            return self.refuse(call, "post_logout_redirect_uri is not registered")
        return back_to(back, {"state": call.get("state")})

    async def _log_out(self, call: Call) -> Response:
        """The control API's order: the newest session of a person, or with `everywhere` all of them."""
        person, everywhere = call.json.get("person", "ada"), bool(call.json.get("everywhere"))
        known = [one for one in self.sessions.values() if one.person.key == person]
        told = await self._end(known[-1], everywhere=everywhere) if known else None
        return json_answer([asdict(told)] if told is not None else [])

    async def _end(self, granted: Granted, *, everywhere: bool) -> Told | None:
        for sid, one in list(self.sessions.items()):
            if sid == granted.sid or (everywhere and (one.person, one.app) == (granted.person, granted.app)):
                del self.sessions[sid]
        claims = logout_claims(granted, self.issuer, now=self.now(), jti=self.mint(), everywhere=everywhere)
        return await tell(granted.app, claims, self.signer(), self.faults, self.post)
