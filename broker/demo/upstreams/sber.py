"""Sber ID without its mutual TLS. From developers.sber.ru and api.developer.sber.ru (read 2026-11)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import ClassVar

from starlette.responses import Response

from broker.core.jose.compact import b64url
from broker.demo.call import Call
from broker.demo.faults import OAUTH
from broker.demo.people import Person
from broker.demo.rules import documented, guessed, measured
from broker.demo.upstreams.answers import back_to, error_answer, json_answer
from broker.demo.upstreams.base import Emulator, Grant, Handler, OneTime
from broker.demo.upstreams.codes import as_uuid, redeemed
from broker.demo.upstreams.id_tokens import falsified
from broker.demo.upstreams.keys import key, unsigned

ISSUER = "https://online.sberbank.ru/CSAFront/index.do"
_TOKEN, _INFO = "/ru/prod/tokens/v2/oidc", "/ru/prod/sberbankid/v2.1/userinfo"
_LIFE = 60
_RQUID = re.compile(r"[0-9a-fA-F]{32}")
_MEMBERS: Mapping[str, tuple[str, ...]] = {
    "name": ("family_name", "given_name", "middle_name"),
    "email": ("email",),
    "mobile": ("phone_number",),
    "birthdate": ("birthdate",),
    "gender": ("gender",),
}
_WRONG_TOKENS = (
    "wrong_nonce",
    "no_nonce",
    "wrong_issuer",
    "wrong_audience",
    "expired_token",
    "future_token",
    "no_id_token",
)


class Sber(Emulator):
    """online.sberbank.ru and oauth.sber.ru. Nobody asks for a certificate here; all else is asked for."""

    type = "sber"
    port = 8425
    settings: ClassVar[Mapping[str, object]] = {
        "client_id": "DA5278AC-A07F-C01A-B2D3-C231DBB2E20F",
        "client_secret": "test-sber-secret",
        "server_base": "http://127.0.0.1:8425",  # without a certificate it has to be somebody's
    }
    title = "Сбер ID"
    colour = "#21a038"
    fronts = ("/CSAFront/",)
    works = "code flow with PKCE and nonce, userinfo, the completion call; without mutual TLS"
    rules = (
        documented("`openid` is the first scope; `client_type`, `state` and `nonce` are needed"),
        documented("`rquid` and `x-introspect-rquid` are 32 hexadecimal digits; credentials go in the form"),
        documented(
            "the ID token says `gost34-10.2012`; here its signature is zeros (faults `alg_none`, `rs256_token`: it is "
            "not signed, or by a key of ours)"
        ),
        documented("the completion call, with the token and a number of its own"),
        measured("401 as the gateway words it; deployments with `none` and RS256"),
        guessed(
            "statuses of errors; a code is good for two minutes; 204 for the completion call; `gender` is a number"
        ),
        guessed("no certificate is asked for"),
    )
    faults_known = (
        *OAUTH,
        *_WRONG_TOKENS,
        "no_id",
        "other_app",
        "other_user_id",
        "unauthorized",
        "alg_none",
        "rs256_token",
        "gender_text",
        "completed_500",
    )

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        return (
            ("/CSAFront/oidc/authorize.do", ("GET", "POST"), self._authorize),
            (_TOKEN, ("POST",), self._token),
            (_INFO, ("GET",), self._userinfo),
            ("/api/v2/auth/completed", ("GET",), self._completed),
        )

    def forget(self) -> None:
        self.codes = OneTime[Grant](120, self.clock, lambda: as_uuid(self.mint()).upper())
        self.tokens = OneTime[Grant](_LIFE, self.clock, lambda: as_uuid(self.mint()))
        self.refreshers = OneTime[Grant](30 * 86400, self.clock, self.mint)

    def subject(self, person: Person) -> str:
        return as_uuid(person.id_at(self.type))

    async def _authorize(self, call: Call) -> Response:
        app = self.registered(call, "unauthorized_client", "redirect_uri is not registered")
        where, state = call.get("redirect_uri"), self.state_of(call)
        if problem := _problem(call):
            return back_to(where, {"error": problem, "description": "The request is not right", "state": state})
        refusal = {"error": "access_denied", "description": "The client declined", "state": state}
        person = self.ask(call, lambda: back_to(where, refusal))
        return back_to(where, {"code": self.codes.give(Grant.asked(call, person, app)), "state": state})

    async def _token(self, call: Call) -> Response:
        if _RQUID.fullmatch(call.headers.get("rquid", "")) is None:
            return error_answer("invalid_request", "rquid is missing or malformed")
        app = self.apps.get(call.form.get("client_id", ""))
        if app is None or call.form.get("client_secret") != app.client_secret:
            return error_answer("invalid_client", "Wrong client_id or client_secret", 401)
        if self.faults.on("error_200"):
            return error_answer("invalid_grant", "The code is used or expired", 200)
        if call.get("grant_type") == "refresh_token":
            granted = self.refreshers.look(call.get("refresh_token"))
            granted = granted if granted is not None and granted.app.client_id == app.client_id else None
        elif call.get("grant_type") == "authorization_code":
            granted = redeemed(self.codes, call, app)
        else:
            return error_answer("unsupported_grant_type", "Unknown grant_type")
        if granted is None or self.faults.on("invalid_grant"):
            return error_answer("invalid_grant", "The code is used or expired")
        return json_answer(self._answer(granted), Cache_Control="no-store", rquid=call.headers["rquid"])

    def _answer(self, granted: Grant) -> dict[str, object]:
        found: dict[str, object] = {
            "access_token": self.tokens.give(granted),
            "token_type": "Bearer",
            "expires_in": _LIFE,
            "scope": f"{' '.join(granted.scope)} https://api.sberbank.ru/sberbankid/userinfo",
            "session_state": self.mint(),
        }
        if "offline_access" in granted.scope:
            found["refresh_token"] = self.refreshers.give(granted)
        return found if self.faults.on("no_id_token") else {**found, "id_token": self._id_token(granted)}

    def _id_token(self, granted: Grant) -> str:
        """quirk(sber): the documentation's sample is signed by gost34-10.2012; here the signature is zeros."""
        now = self.now()
        times = {"nonce": granted.nonce, "exp": now + 600, "iat": now, "sid2": self.mint()}
        claims: dict[str, object] = {"iss": ISSUER, "sub": self.subject(granted.person), "aud": granted.app.client_id}
        claims = falsified(claims | times, self.faults)
        if self.faults.on("alg_none"):
            return unsigned(claims)
        if self.faults.on("rs256_token"):
            return key("emu-sber", "RS256").sign(claims)
        header = b64url(b'{"typ":"JWT","alg":"gost34-10.2012"}')
        return f"{header}.{unsigned(claims).split('.')[1]}.{b64url(bytes(64))}"

    # --- with the access token ---

    async def _userinfo(self, call: Call) -> Response:
        if _RQUID.fullmatch(call.headers.get("x-introspect-rquid", "")) is None:
            return error_answer("invalid_request", "x-introspect-rquid is missing or malformed")
        granted = self._bearer(call)
        if granted is None or self.faults.on("unauthorized"):
            more = {"httpMessage": "Unauthorized", "moreInformation": "The token is not known"}
            return json_answer({"httpCode": "401", **more}, 401)
        person = (granted.of_somebody_else() if self.faults.on("other_user_id") else granted).person
        found = {
            "sub": "" if self.faults.on("no_id") else self.subject(person),
            "iss": ISSUER,
            "aud": "ANOTHER-APP" if self.faults.on("other_app") else granted.app.client_id,
        }
        return json_answer(self.told(person, {**found, **self._profile(person, granted.scope)}))

    def _profile(self, person: Person, scope: Sequence[str]) -> dict[str, object]:
        gender = {"male": 1, "female": 2}.get(person.gender)
        known = {
            "family_name": person.family_name,
            "given_name": person.given_name,
            "middle_name": person.more.get("middle_name"),
            "birthdate": "" if person.birthday.startswith("--") else person.birthday,
            "email": person.email_at(self.type),
            "phone_number": f"{person.phone[:2]} ({person.phone[2:5]}) {person.phone[5:]}" if person.phone else "",
            "gender": str(gender) if gender and self.faults.on("gender_text") else gender,
        }
        asked = [member for item in scope for member in _MEMBERS.get(item, ())]
        return {name: known[name] for name in asked if known[name]}

    async def _completed(self, call: Call) -> Response:
        if self.faults.on("completed_500"):
            return json_answer({"httpCode": "500", "httpMessage": "Internal Server Error"}, 500)
        if self._bearer(call) is None or _RQUID.fullmatch(call.headers.get("rquid", "")) is None:
            return json_answer({"httpCode": "401", "httpMessage": "Unauthorized"}, 401)
        return Response(status_code=204)

    def _bearer(self, call: Call) -> Grant | None:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        return self.tokens.look(token) if scheme == "Bearer" else None


def _problem(call: Call) -> str:
    """What the bank says of such a request, "" where it shows its page."""
    if not call.get("state"):
        return "invalid_state"
    if call.get("response_type") != "code":
        return "unsupported_response_type"
    if call.get("scope").split()[:1] != ["openid"]:
        return "invalid_scope"
    return "" if call.get("client_type") == "PRIVATE" and call.get("nonce") else "invalid_request"
