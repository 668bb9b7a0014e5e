"""VK ID: OAuth 2.1 with its own ideas. From id.vk.ru/about/business/go/docs and the official SDKs (read 2026-11)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

import orjson
from starlette.responses import Response

from broker.demo.call import Call
from broker.demo.faults import OAUTH
from broker.demo.people import Person
from broker.demo.rules import documented, guessed, measured
from broker.demo.upstreams.answers import back_to, json_answer
from broker.demo.upstreams.base import Emulator, Grant, Handler, Newest, OneTime, Refused, RegisteredApp
from broker.demo.upstreams.control import KitOrder
from broker.demo.upstreams.keys import challenge_of, key

_VERIFIER = re.compile(r"[A-Za-z0-9_-]{43,128}")
_SIX_MONTHS = 180 * 86400
_ID_TOKEN_LIFE = 31_104_000
_SEX = {"female": 1, "male": 2}


@dataclass(frozen=True, slots=True)
class Granted(Grant):
    """`session` ties all tokens of one login together."""

    device_id: str = ""
    session: str = ""


class VK(Emulator):
    """id.vk.ru. A client whose extras hold `service_token` is confidential and must send it."""

    type = "vk"
    port = 8411
    settings: ClassVar[Mapping[str, object]] = {
        "client_id": "51000009",
        "scopes": ("vkid.personal_info", "email", "phone"),
    }
    title = "VK ID"
    colour = "#0077ff"
    fronts = ("/authorize",)
    works = "code flow with PKCE and `device_id`, rotation, user_info, logout"
    rules = (
        documented("PKCE is required; `device_id` and `state` go with the exchange and come back"),
        documented("`redirect_uri` is one of the registered ones; otherwise VK's own page"),
        documented("errors have status 200 and a member `error`; a refresh token shown twice ends the session"),
        measured("a `state` of 16 characters is taken, although the documentation asks for 32"),
        measured("the exchange may have all but the code in the query, as VK's SDK does"),
        measured("a `client_secret` means nothing here, and passport's strategy sends one"),
        documented("a phone number is digits with country code, without a plus"),
        guessed("an access token is bound to an address only under the fault `ip_bound`"),
    )
    faults_known = (
        *OAUTH,
        "no_device_id",
        "payload_form",
        "error_400",
        "no_id",
        "other_user_id",
        "ip_bound",
        "no_id_token",
        "wrong_signature",
        "wrong_audience",
        "expired_token",
    )

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        """The paths of the real service, and the PEM of the key that signs ID tokens."""
        return (
            ("/authorize", ("GET",), self._authorize),
            ("/oauth2/auth", ("POST",), self._token),
            ("/oauth2/user_info", ("POST",), self._user_info),
            ("/oauth2/public_info", ("POST",), self._public_info),
            ("/oauth2/logout", ("POST",), self._logout),
            ("/oauth2/revoke", ("POST",), self._logout),
            ("/_emulator/public_key", ("GET",), self._public_key),
            ("/_emulator/kit", ("POST",), self._kit),
        )

    def forget(self) -> None:
        self.codes = OneTime[Granted](600, self.clock, lambda: "vk2.a." + self.mint() * 4)
        self.tokens = OneTime[Granted](3600, self.clock, lambda: "vk2.a." + self.mint() * 5)
        self.refreshers = OneTime[Granted](_SIX_MONTHS, self.clock, lambda: "vk2.a." + self.mint() * 5)
        self.spent = Newest[str]()  # refresh token -> session
        self.ended = Newest[bool]()

    def public_key(self) -> bytes:
        """PEM of the key that signs ID tokens: an adapter pins VK's, the demo's configuration pins this one."""
        return key("emu-vk", "RS256").pem()

    async def _public_key(self, call: Call) -> Response:
        return Response(self.public_key(), media_type="application/x-pem-file")

    async def _authorize(self, call: Call) -> Response:
        app = self.registered(call, "client_id is missing or invalid", "redirect_uri is missing or invalid")
        redirect_uri, state = call.get("redirect_uri"), call.get("state")
        problem = _problem(call)
        if problem:
            return back_to(redirect_uri, {"error": "invalid_request", "error_description": problem, "state": state})
        if call.get("prompt") == "none" and not self.control.choice.person:
            return back_to(redirect_uri, {"error": "login_required", "state": state})
        if self.faults.on("wrong_state"):
            state = "a-state-of-somebody-else-0123456789"
        refusal = {"error": "access_denied", "error_description": "User denied the request", "state": state}
        person = self.ask(call, lambda: back_to(redirect_uri, refusal))
        granted = Granted.asked(call, person, app)
        scope = granted.scope or ("vkid.personal_info",)
        granted = replace(granted, scope=scope, device_id=self.mint() * 3, session=self.mint())
        shown = "" if self.faults.on("no_device_id") else granted.device_id
        return self._return(redirect_uri, state, self.codes.give(granted), shown)

    async def _kit(self, call: Call) -> Response:
        """What VK's kit for phones hands to an app: a code for the challenge that it was given."""
        order = KitOrder.model_validate(call.json)
        app = self.app_of(order)
        granted = Granted(
            self.living(order.person),
            app,
            order.server or f"vk{app.client_id}://vk.ru/blank.html",
            ("vkid.personal_info", "email"),
            challenge=order.code_challenge,
            device_id=self.mint() * 3,
            session=self.mint(),
        )
        answer = {"code": self.codes.give(granted), "state": order.state, "device_id": granted.device_id}
        return json_answer(answer)

    def _return(self, redirect_uri: str, state: str, code: str, device_id: str) -> Response:
        answer = {"code": code, "state": state, "device_id": device_id, "type": "code_v2"}
        if self.faults.on("payload_form"):
            whole = {**{n: v for n, v in answer.items() if v}, "expires_in": 600, "ext_id": "e-1"}
            return back_to(redirect_uri, {"payload": orjson.dumps(whole).decode()})
        return back_to(redirect_uri, {**answer, "expires_in": "600", "ext_id": "e-1"})

    async def _token(self, call: Call) -> Response:
        """quirk(vk): errors have status 200 and echo the state of this request."""
        app = self.apps.get(call.get("client_id"))
        state = call.get("state")
        if app is None:
            return self._error("invalid_client", "client_id is missing or invalid", state)
        if app.extras.get("service_token", "") != call.get("service_token"):
            return self._error("invalid_client", "service_token is invalid", state)
        if self.faults.on("error_200"):
            return self._error("invalid_request", "device_id is invalid", state)
        if self.faults.on("invalid_grant"):
            return self._error("invalid_grant", "code is invalid or expired", state)
        if call.get("grant_type") == "refresh_token":
            return self._refreshed(call, app)
        if call.get("grant_type") != "authorization_code":
            return self._error("invalid_request", "grant_type is missing or invalid", state)
        return self._exchanged(call, app)

    def _exchanged(self, call: Call, app: RegisteredApp) -> Response:
        state, verifier = call.get("state"), call.get("code_verifier")
        granted = self.codes.take(call.get("code"))
        if granted is None or granted.app.client_id != app.client_id:
            return self._error("invalid_grant", "code is invalid or expired", state)
        if not call.get("device_id") or call.get("device_id") != granted.device_id:
            return self._error("invalid_request", "device_id is invalid", state)
        if call.get("redirect_uri") != granted.redirect_uri:
            return self._error("invalid_request", "redirect_uri is missing or invalid", state)
        if not _VERIFIER.fullmatch(verifier) or challenge_of(verifier) != granted.challenge:
            return self._error("invalid_request", "verifier is missing or invalid", state)
        answer = self._tokens_for(granted, state)
        if not self.faults.on("no_id_token"):
            answer["id_token"] = self._id_token(granted)
        return json_answer(answer)

    def _refreshed(self, call: Call, app: RegisteredApp) -> Response:
        """quirk(vk): the old refresh token is dead, and showing it again ends the session."""
        state, text = call.get("state"), call.get("refresh_token")
        if text in self.spent:
            self.ended[self.spent[text]] = True
        granted = self.refreshers.look(text)
        if granted is None or granted.app.client_id != app.client_id or granted.session in self.ended:
            return self._error("invalid_request", "refresh_token is missing or invalid", state)
        if call.get("device_id") != granted.device_id:
            return self._error("invalid_request", "device_id is invalid", state)
        self.refreshers.take(text)
        self.spent[text] = granted.session
        return json_answer(self._tokens_for(granted, state))

    def _tokens_for(self, granted: Granted, state: str) -> dict[str, object]:
        """quirk(vk): user_id is a number here and text in user_info."""
        return {
            "access_token": self.tokens.give(granted),
            "refresh_token": self.refreshers.give(granted),
            "token_type": "Bearer",
            "expires_in": 3600,
            "user_id": int(granted.person.ids["vk"]),
            "state": "a-state-of-somebody-else" if self.faults.on("wrong_state") else state,
            "scope": " ".join(granted.scope),
        }

    def _id_token(self, granted: Granted) -> str:
        """quirk(vk): `iis` instead of iss, `app` instead of aud, no kid, no nonce, 360 days."""
        now = self.now() - (_ID_TOKEN_LIFE + 86400 if self.faults.on("expired_token") else 0)
        app = 1 if self.faults.on("wrong_audience") else int(granted.app.client_id)
        signing = key("stranger" if self.faults.on("wrong_signature") else "emu-vk", "RS256")
        sub = int(granted.person.ids["vk"])
        return signing.sign({"iis": "VK", "sub": sub, "app": app, "exp": now + _ID_TOKEN_LIFE, "iat": now, "jti": 21})

    async def _user_info(self, call: Call) -> Response:
        granted = self._session(call)
        if self.faults.on("ip_bound"):
            return self._error("invalid_token", "access_token was given to another ip address", "")
        if self.faults.on("other_user_id"):
            granted = granted.of_somebody_else()
        user = self._user(granted)
        if self.faults.on("no_id"):
            user["user_id"] = ""
        return json_answer({"user": user})

    def _user(self, granted: Granted) -> dict[str, object]:
        person = granted.person
        user: dict[str, object] = {
            "user_id": person.ids["vk"],
            "first_name": person.given_name,
            "last_name": person.family_name,
            "avatar": f"https://sun1-1.userapi.com/s/v1/{person.key}.jpg?quality=95&as=100x100",
            "sex": _SEX.get(person.gender, 0),
            "verified": False,
            "birthday": _birthday(person),
        }
        if "email" in granted.scope:
            user["email"] = person.email_at("vk")
        if "phone" in granted.scope:
            user["phone"] = person.phone.removeprefix("+")
        return self.told(person, user)

    async def _public_info(self, call: Call) -> Response:
        """Masked values by ID token; the emulator knows none by heart, so it always refuses."""
        return self._error("invalid_request", "id_token is missing or invalid", "")

    async def _logout(self, call: Call) -> Response:
        self.ended[self._session(call).session] = True
        return json_answer({"response": 1})

    def _session(self, call: Call) -> Granted:
        bearer = call.headers.get("authorization", "").removeprefix("Bearer ")
        granted = self.tokens.look(call.get("access_token") or bearer)
        if granted is None or granted.session in self.ended or call.get("client_id") != granted.app.client_id:
            raise Refused(self._error("invalid_token", "access_token is missing or invalid", ""))
        return granted

    def _error(self, error: str, description: str, state: str) -> Response:
        """quirk(vk): status 200; only the member `error` tells."""
        body = {"error": error, "error_description": description} | ({"state": state} if state else {})
        return json_answer(body, 400 if self.faults.active("error_400") else 200)


def _problem(call: Call) -> str:
    if call.get("response_type") != "code":
        return "response_type is missing or invalid"
    if len(call.get("code_challenge")) != 43 or call.get("code_challenge_method").lower() != "s256":
        return "Invalid code_challenge"
    if len(call.get("state")) < 16:  # measured: the documentation says 32, and clients with 16 are in use (2026-11)
        return "state is missing or invalid"
    return ""


def _birthday(person: Person) -> str:
    """`DD.MM.YYYY`, or `D.M` where the year is hidden."""
    if person.birthday.startswith("--"):
        month, day = person.birthday[2:].split("-")
        return f"{int(day)}.{int(month)}"
    return ".".join(reversed(person.birthday.split("-"))) if person.birthday else ""
