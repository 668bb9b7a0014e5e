"""Any OpenID Provider: discovery, RS256 and ES256, answers by query or form. From OIDC Core 1.0 and Discovery 1.0."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse, Response

from broker.demo.pages import posting_page
from broker.demo.people import Person
from broker.demo.upstreams.base import (
    Call,
    Emulator,
    Handler,
    OneTime,
    RegisteredApp,
    back_to,
    client_credentials,
    json_answer,
)
from broker.demo.upstreams.id_tokens import ID_TOKEN_FAULTS, Claims, Signer, falsified
from broker.demo.upstreams.keys import challenge_of, half_hash, key

ISSUER = "https://sso.example.com"
_TOLD = ("name", "given_name", "family_name", "gender", "locale")


@dataclass(frozen=True, slots=True)
class Granted:
    """What a code or token stands for. `auth_time` in epoch seconds, None where nobody asked for it."""

    person: Person
    app: RegisteredApp
    redirect_uri: str
    scope: tuple[str, ...]
    nonce: str
    challenge: str
    auth_time: int | None


class Oidc(Emulator):
    """One issuer: that of the first app whose `extras` name one. ID tokens are thin, claims come from userinfo."""

    type = "oidc"
    title = "Example SSO"
    colour = "#334155"
    fronts = ("/authorize",)
    faults_known = (
        "decline",
        "wrong_state",
        "wrong_iss_param",
        "no_iss_param",
        "error_200",
        "invalid_grant",
        *ID_TOKEN_FAULTS,
        "no_iat",
        "wrong_azp",
        "wrong_at_hash",
        "rotated_at_signing",
        "no_kid",
        "two_keys",
        "other_discovery",
        "other_user_id",
        "email_as_text",
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
        """All below the issuer's path."""
        table: tuple[tuple[str, tuple[str, ...], Handler], ...] = (
            ("/.well-known/openid-configuration", ("GET",), self._discovery),
            ("/jwks", ("GET",), self._jwks),
            ("/authorize", ("GET",), self._authorize),
            ("/token", ("POST",), self._token),
            ("/userinfo", ("GET", "POST"), self._userinfo),
        )
        return [(self._prefix + path, methods, handler) for path, methods, handler in table]

    def forget(self) -> None:
        """No code and no token survives."""
        self.codes = OneTime[Granted](60, self.clock, self.mint)
        self.tokens = OneTime[Granted](300, self.clock, self.mint)

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

    async def _jwks(self, call: Call) -> Response:
        return json_answer({"keys": [k.jwk(use="sig") for k in self.signer().published()]})

    async def _authorize(self, call: Call) -> Response:
        app = self.apps.get(call.get("client_id"))
        if app is None or call.get("redirect_uri") not in app.redirect_uris:
            return self.refuse(call, "unknown client or redirect_uri")
        problem = _problem(call)
        if problem or (call.get("prompt") == "none" and not self.control.choice.person):
            return self._answer(call, {"error": problem or "login_required"})
        granted = app

        def yes(person: Person) -> Response:
            scope, asked = tuple(call.get("scope").split()), call.get("max_age") or call.get("prompt") == "login"
            found = Granted(
                person,
                granted,
                call.get("redirect_uri"),
                scope,
                call.get("nonce"),
                call.get("code_challenge"),
                self.now() if asked else None,
            )
            return self._answer(call, {"code": self.codes.give(found)})

        return self.ask(call, yes, lambda: self._answer(call, {"error": "access_denied"}))

    def _answer(self, call: Call, params: Mapping[str, str]) -> Response:
        """The authorization response, by the way that was asked for, with `state` and `iss` (RFC 9207)."""
        state = "a-state-of-somebody-else" if self.faults.on("wrong_state") else call.get("state")
        iss = "https://accounts.example.com" if self.faults.on("wrong_iss_param") else self.issuer
        full = {**params, "state": state} | ({} if self.faults.on("no_iss_param") else {"iss": iss})
        if call.get("response_mode") == "form_post":
            return HTMLResponse(posting_page(self, call, call.get("redirect_uri"), full))
        return back_to(call.get("redirect_uri"), full)

    async def _token(self, call: Call) -> Response:
        client_id, secret = client_credentials(call)
        app = self.apps.get(client_id)
        if app is None or secret != app.client_secret:
            return json_answer({"error": "invalid_client"}, 401, WWW_Authenticate='Basic realm="token"')
        if self.faults.on("error_200"):
            return json_answer({"error": "invalid_grant"})
        granted = self.codes.take(call.get("code"))
        good = granted is not None and _fits(granted, app, call) and not self.faults.on("invalid_grant")
        if granted is None or not good:
            return json_answer({"error": "invalid_grant"}, 400)
        if call.get("grant_type") != "authorization_code":
            return json_answer({"error": "unsupported_grant_type"}, 400)
        return json_answer(self._tokens_for(granted), Cache_Control="no-store")

    def _tokens_for(self, granted: Granted) -> Claims:
        access_token = self.tokens.give(granted)
        answer: Claims = {"access_token": access_token, "expires_in": 300, "token_type": "Bearer"}
        if self.faults.on("rotated_at_signing"):
            self.faults.switch("rotated_keys", on=True)
        if not self.faults.on("no_id_token"):
            answer["id_token"] = self.signer().sign(self._claims(granted, access_token))
        return answer

    def _claims(self, granted: Granted, access_token: str) -> Claims:
        now, client_id = self.now(), granted.app.client_id
        claims: Claims = {"iss": self.issuer, "sub": granted.person.ids["oidc"], "aud": client_id, "azp": client_id}
        claims |= {"iat": now, "exp": now + 300, "at_hash": half_hash(access_token)}
        if granted.nonce:
            claims["nonce"] = granted.nonce
        if granted.auth_time is not None:
            claims["auth_time"] = granted.auth_time
        if self.faults.on("no_id"):
            del claims["sub"]
        return falsified(claims, self.faults)

    async def _userinfo(self, call: Call) -> Response:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        granted = self.tokens.look(token) if scheme == "Bearer" else None
        if granted is None:
            return json_answer({"error": "invalid_token"}, 401, WWW_Authenticate='Bearer error="invalid_token"')
        found = _profile(granted)
        if self.faults.on("email_as_text") and "email_verified" in found:
            found["email_verified"] = str(found["email_verified"]).lower()
        return json_answer({**found, "sub": "somebody-else"} if self.faults.on("other_user_id") else found)


def _problem(call: Call) -> str:
    """The error of an authorization request, or ""."""
    if call.get("response_type") != "code":
        return "unsupported_response_type"
    if "openid" not in call.get("scope").split():
        return "invalid_scope"
    if call.get("code_challenge") and call.get("code_challenge_method") != "S256":
        return "invalid_request"
    return "" if call.get("response_mode") in {"", "query", "form_post"} else "invalid_request"


def _fits(granted: Granted, app: RegisteredApp, call: Call) -> bool:
    """Whether a code is this app's, for this redirect URI, and its verifier came along (or neither was there)."""
    verifier = call.get("code_verifier")
    proof = challenge_of(verifier) if verifier else ""
    return (granted.app, granted.redirect_uri, granted.challenge) == (app, call.get("redirect_uri"), proof)


def _profile(granted: Granted) -> Claims:
    """The members of userinfo; what a person does not have is not there."""
    person = granted.person
    found: Claims = {"sub": person.ids["oidc"]}
    if "profile" in granted.scope:
        found |= {name: getattr(person, name) for name in _TOLD} | {"preferred_username": person.username}
    if "email" in granted.scope and person.email:
        found |= {"email": person.email_at("oidc"), "email_verified": person.key == "ada"}
    if "phone" in granted.scope and person.phone:
        found |= {"phone_number": person.phone, "phone_number_verified": True}
    return {name: value for name, value in found.items() if value != ""}


def discovery_of(issuer: str) -> Claims:
    """The document (OIDC Discovery 3)."""
    base = issuer.removesuffix("/")
    return {
        "issuer": issuer,
        "authorization_endpoint": f"{base}/authorize",
        "token_endpoint": f"{base}/token",
        "userinfo_endpoint": f"{base}/userinfo",
        "jwks_uri": f"{base}/jwks",
        "response_types_supported": ["code"],
        "response_modes_supported": ["query", "form_post"],
        "subject_types_supported": ["public"],
        "id_token_signing_alg_values_supported": ["RS256", "ES256"],
        "scopes_supported": ["openid", "profile", "email", "phone"],
        "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
        "code_challenge_methods_supported": ["S256"],
        "authorization_response_iss_parameter_supported": True,
    }
