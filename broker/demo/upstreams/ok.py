"""Odnoklassniki: OAuth 2.0 and a REST API where every call is signed. From apiok.ru (read 2026-11)."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from starlette.responses import Response

from broker.demo.call import Call
from broker.demo.faults import OAUTH
from broker.demo.rules import documented, guessed, measured
from broker.demo.upstreams.answers import back_to, error_answer, json_answer
from broker.demo.upstreams.base import Emulator, Grant, Handler, Newest, OneTime, RegisteredApp
from broker.demo.upstreams.control import KitOrder

_MESSAGES = {
    2: "SERVICE : Service temporarily unavailable",
    3: "METHOD : Method does not exist",
    100: "PARAM : Missed required parameter: access_token",
    101: "PARAM_API_KEY : No application key",
    102: "PARAM_SESSION_EXPIRED : Session expired",
    103: "PARAM_SESSION_KEY : Invalid session key",
    104: "PARAM_SIGNATURE : Invalid signature",
}
_UNSIGNED = frozenset({"sig", "access_token", "session_key"})
_ALWAYS = ("uid", "first_name", "last_name", "name", "gender", "birthday", "locale", "pic_1", "pic_2", "pic_3")


@dataclass(frozen=True, slots=True)
class Granted(Grant):
    """`session_secret` signs the calls of this session."""

    session_secret: str = ""
    until: float = 0


def md5(text: str) -> str:
    """The upstream's checksum, lower-case hex of the UTF-8 text."""
    return hashlib.md5(text.encode(), usedforsecurity=False).hexdigest()


def signature(params: Mapping[str, str], secret: str) -> str:
    """`sig` of a call: sorted `name=value` without separator, then the secret."""
    signed = sorted((name, value) for name, value in params.items() if name not in _UNSIGNED)
    return md5("".join(f"{name}={value}" for name, value in signed) + secret)


class OK(Emulator):
    """connect.ok.ru and api.ok.ru. Extras of an app: `public_key`, and `scopes` that support has granted."""

    type = "ok"
    port = 8412
    settings: ClassVar[Mapping[str, object]] = {
        "client_id": "512000000009",
        "client_secret": "test-ok-secret",
        "public_key": "CTESTPUBLICKEY",
    }
    title = "OK"
    colour = "#ff7700"
    fronts = ("/oauth/authorize",)
    works = "server and client flow, signed calls"
    rules = (
        documented("every API call is signed; the key of a session is MD5 of its token and the application's secret"),
        guessed("the same key signs calls with tokens of the client flow"),
        guessed("a token goes only with the `application_key` of its own application (fault `any_app_key`: with any)"),
        documented("a code is good once and for two minutes; API errors have status 200"),
        documented("answers are JSON, with or without `format`"),
        measured("an empty `scope` is taken; a scope that support has not granted is refused"),
        measured("a refusal comes in the fragment, in the server flow as well"),
        guessed("which of several errors is told first"),
    )
    faults_known = (
        *OAUTH,
        "error_in_query",
        "empty_callback",
        "session_expired",
        "text_codes",
        "number_expiry",
        "no_id",
        "other_user_id",
        "any_app_key",
    )

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        return (
            ("/oauth/authorize", ("GET",), self._authorize),
            ("/oauth/token.do", ("GET", "POST"), self._token),
            ("/fb.do", ("GET", "POST"), self._fb),
            ("/api/users/{method}", ("GET", "POST"), self._rest),
            ("/_emulator/kit", ("POST",), self._kit),
        )

    def forget(self) -> None:
        self.codes = OneTime[Granted](120, self.clock, self.mint)
        self.sessions = Newest[Granted]()
        self.refreshers = OneTime[Granted](30 * 86400, self.clock, self.mint)

    # --- the browser's part ---

    async def _authorize(self, call: Call) -> Response:
        app = self.apps.get(call.get("client_id"))
        redirect_uri = call.get("redirect_uri")
        if app is None:
            return self.refuse(call, "Application not exist")
        if not any(redirect_uri.partition("?")[0] == uri.partition("?")[0] for uri in app.redirect_uris):
            return self.refuse(call, "redirect_uri is not registered")
        scope = tuple(name for name in call.get("scope").split(";") if name)
        if call.get("response_type") not in {"code", "token"} or set(scope) - _allowed(app):
            return self.refuse(call, "invalid response_type or scope")
        state = self.state_of(call)

        def no() -> Response:
            """quirk(ok): a refusal comes in the fragment, in the server flow as well."""
            refusal = {"error": "access_denied", "state": state}
            return back_to(redirect_uri, refusal, fragment=not self.faults.on("error_in_query"))

        granted = Granted(self.ask(call, no), app, redirect_uri, scope)
        if self.faults.on("empty_callback"):
            return back_to(redirect_uri, {})
        if call.get("response_type") == "token":
            return self._implicit(granted, state)
        return back_to(redirect_uri, {"code": self.codes.give(granted), "state": state})

    def _implicit(self, granted: Granted, state: str) -> Response:
        token, session = self._open(granted)
        answer = {
            "access_token": token,
            "session_secret_key": session.session_secret,
            "permissions_granted": ";".join(granted.scope),
            "expires_in": "1800",
            "state": state,
        }
        return back_to(granted.redirect_uri, answer, fragment=True)

    def _open(self, granted: Granted) -> tuple[str, Granted]:
        """A session; its secret is made from the token and the application's secret (apiok.ru/dev/methods)."""
        token = f"tkn1{self.mint()}:a"
        secret = md5(token + granted.app.client_secret)
        long = "LONG_ACCESS_TOKEN" in granted.scope
        session = replace(granted, session_secret=secret, until=self.clock() + (30 * 86400 if long else 1800))
        self.sessions[token] = session
        return token, session

    async def _kit(self, call: Call) -> Response:
        """What OK's kit for phones hands to an app."""
        order = KitOrder.model_validate(call.json)
        granted = Granted(self.living(order.person), self.app_of(order), "", ("VALUABLE_ACCESS", "GET_EMAIL"))
        token, session = self._open(granted)
        return json_answer({"access_token": token, "session_secret_key": session.session_secret})

    # --- the token endpoint ---

    async def _token(self, call: Call) -> Response:
        """quirk(ok): errors have status 200, `expires_in` is text, `token_type` is `session`."""
        app = self.apps.get(call.get("client_id"))
        if app is None or call.get("client_secret") != app.client_secret:
            return error_answer("invalid_client", "Invalid client", 200)
        if self.faults.on("error_200"):
            return self._api_error(2)
        if call.get("grant_type") == "refresh_token":
            granted = self.refreshers.look(call.get("refresh_token"))
        elif call.get("grant_type") == "authorization_code":
            granted = self.codes.take(call.get("code"))
        else:
            return error_answer("unsupported_grant_type", "Unsupported grant type", 200)
        refreshing = call.get("grant_type") == "refresh_token"
        wrong_uri = granted is not None and not refreshing and call.get("redirect_uri") != granted.redirect_uri
        if granted is None or granted.app.client_id != app.client_id or wrong_uri or self.faults.on("invalid_grant"):
            return error_answer("invalid_grant", "Expired code", 200)
        token, _ = self._open(granted)
        life = 1800 if self.faults.on("number_expiry") else "1800"
        answer = {"access_token": token, "token_type": "session", "expires_in": life}
        return json_answer(answer if refreshing else {**answer, "refresh_token": self.refreshers.give(granted)})

    # --- the API ---

    async def _fb(self, call: Call) -> Response:
        return self._method(call, call.get("method"))

    async def _rest(self, call: Call) -> Response:
        """quirk(ok): here the method is in the path and not among the signed parameters."""
        return self._method(call, "users." + call.path.rpartition("/")[2])

    def _method(self, call: Call, method: str) -> Response:
        """Application key, session, signature, method: the first that is wrong is the error."""
        app = next((a for a in self.apps.values() if a.extras.get("public_key") == call.get("application_key")), None)
        if app is None or not call.get("application_key"):
            return self._api_error(101)
        session, problem = self._session(call, app, method)
        if problem:
            return self._api_error(problem)
        secret = session.session_secret if session else app.client_secret
        if call.get("sig") != signature(call.params, secret):
            return self._api_error(104)
        if session is not None and self.faults.on("other_user_id"):
            session = session.of_somebody_else()
        return self._perform(call, method, session)

    def _session(self, call: Call, app: RegisteredApp, method: str) -> tuple[Granted | None, int]:
        token = call.get("access_token")
        if not token:
            return None, 0 if method == "users.getInfo" else 100
        session = self.sessions.get(token)
        if session is None or (session.app.client_id != app.client_id and not self.faults.active("any_app_key")):
            return None, 103
        expired = self.clock() >= session.until or self.faults.on("session_expired")
        return session, 102 if expired else 0

    def _perform(self, call: Call, method: str, session: Granted | None) -> Response:
        fields = [name for name in call.get("fields").split(",") if name]
        if session is not None and method == "users.getCurrentUser":
            return json_answer(self._user(session, fields))
        if session is not None and method == "users.getLoggedInUser":
            return json_answer("" if self.faults.on("no_id") else session.person.ids["ok"])
        if method == "users.getInfo":
            return json_answer([])
        return self._api_error(3)

    def _user(self, session: Granted, fields: Sequence[str]) -> dict[str, object]:
        person = session.person
        address = person.email_at("ok")
        picture = f"https://i.mycdn.me/i?r={person.key}&t=1" if person.picture else ""
        pictures = ("pic_1", "pic_2", "pic_3", "pic_full", "pic190x190", "pic640x480")
        known: dict[str, object] = {
            "uid": "" if self.faults.on("no_id") else person.ids["ok"],
            "first_name": person.given_name,
            "last_name": person.family_name,
            "name": person.name,
            "gender": person.gender,
            "birthday": person.birthday.removeprefix("--"),
            "locale": person.locale,
            "has_email": bool(address),
            "location": {
                "city": "Москва",
                "country": "RUSSIAN_FEDERATION",
                "countryCode": "RU",
                "countryName": "Россия",
            },
            **dict.fromkeys(pictures, picture),
        }
        if "GET_EMAIL" in session.scope:
            known["email"] = address
        known = self.told(person, known)
        wanted = set(fields) or set(_ALWAYS)
        return {name: value for name, value in known.items() if name in wanted and value not in ("", None)}

    def _api_error(self, code: int) -> Response:
        """quirk(ok): status 200, the code as a number or as text."""
        shown = str(code) if self.faults.on("text_codes") else code
        body = {"error_code": shown, "error_data": None, "error_msg": _MESSAGES[code]}
        return json_answer(body, invocation_error=str(code))


def _allowed(app: RegisteredApp) -> set[str]:
    return {"VALUABLE_ACCESS"} | set(app.extras.get("scopes", "GET_EMAIL;LONG_ACCESS_TOKEN").split(";"))
