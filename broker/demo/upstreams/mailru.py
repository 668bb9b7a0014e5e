"""Mail.ru, the OAuth of oauth.mail.ru. From its page at id.vk.ru and from public clients (read 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from starlette.responses import Response

from broker.demo.call import Call, client_credentials
from broker.demo.faults import OAUTH
from broker.demo.people import Person
from broker.demo.rules import documented, guessed, measured
from broker.demo.upstreams.answers import back_to, json_answer
from broker.demo.upstreams.base import Emulator, Grant, Handler, OneTime, RegisteredApp
from broker.demo.upstreams.codes import redeemed
from broker.demo.upstreams.control import KitOrder

_HOUR, _YEAR = 3600, 365 * 86400
_BAD_CREDENTIALS, _NO_TOKEN = ("invalid username or password", 3), ("token not found", 6)
_OTHER_APP = "f" * 32


class MailRu(Emulator):
    """oauth.mail.ru: errors are a sentence with a number, and userinfo answers for the tokens of every app."""

    type = "mailru"
    port = 8423
    settings: ClassVar[Mapping[str, object]] = {"client_id": "7" * 32, "client_secret": "test-mailru-secret"}
    title = "Mail.ru"
    colour = "#005ff9"
    fronts = ("/login",)
    works = (
        "code flow with PKCE, refresh without rotation, userinfo by the token in the query; errors as sentences "
        "with a number"
    )
    rules = (
        documented("`redirect_uri` is the registered one, the final `/` included; otherwise a page of Mail's own"),
        documented("credentials in the header or in the form; a refresh token stays what it is"),
        documented("`mail.imap` is given beside `userinfo` only"),
        measured(
            "what userinfo answers, `client_id` among it; an error is a sentence with `error_code`: 3 bad "
            "credentials or code, 6 no such token"
        ),
        measured("calls without a User-Agent fail (fault `user_agent`)"),
        guessed("PKCE is checked; a code is good for ten minutes, a token for an hour"),
        guessed("statuses: 400 at the token endpoint, 200 at userinfo (faults `error_200`, `unauthorized`)"),
    )
    faults_known = (
        *OAUTH,
        "no_id",
        "other_app",
        "other_user_id",
        "unauthorized",
        "token_not_found",
        "no_token_type",
        "foreign_address",
        "no_birthday",
        "user_agent",
    )

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        return (
            ("/login", ("GET",), self._login),
            ("/token", ("POST",), self._token),
            ("/userinfo", ("GET",), self._userinfo),
            ("/_emulator/kit", ("POST",), self._kit),
        )

    def forget(self) -> None:
        self.codes = OneTime[Grant](600, self.clock, self.mint)
        self.tokens = OneTime[Grant](_HOUR, self.clock, self.mint)
        self.refreshers = OneTime[Grant](_YEAR, self.clock, self.mint)

    async def _login(self, call: Call) -> Response:
        app = self.registered(call, "unknown client_id", "redirect_uri is not the registered one, to the last /")
        where, state = app.redirect_uris[app.redirect_uris.index(call.get("redirect_uri"))], self.state_of(call)
        scope = call.get("scope").split() or ["userinfo"]
        if call.get("response_type") != "code" or not call.get("state"):
            return back_to(where, {"error": "invalid_request", "state": state})
        if "mail.imap" in scope and "userinfo" not in scope:
            return back_to(where, {"error": "invalid_scope", "state": state})
        refusal = {"error": "access_denied", "error_description": "User denied access", "state": state}
        person = self.ask(call, lambda: back_to(where, refusal))
        return back_to(where, {"code": self.codes.give(Grant.asked(call, person, app)), "state": state})

    async def _kit(self, call: Call) -> Response:
        """What an app on a phone has in the end."""
        order = KitOrder.model_validate(call.json)
        granted = Grant(self.living(order.person), self.app_of(order), "", ("userinfo",))
        return json_answer({"access_token": self.tokens.give(granted)})

    async def _token(self, call: Call) -> Response:
        client_id, secret = client_credentials(call)
        app = self.apps.get(client_id)
        if app is None or secret != app.client_secret or self._unnamed(call):
            return _sentence(_BAD_CREDENTIALS)
        if self.faults.on("error_200"):
            return _sentence(_BAD_CREDENTIALS, 200)
        if self.faults.on("invalid_grant"):
            return _sentence(_BAD_CREDENTIALS)
        if call.get("grant_type") == "refresh_token":
            return self._refreshed(call, app)
        if call.get("grant_type") != "authorization_code":
            return _sentence(("unsupported grant type", 1))
        granted = redeemed(self.codes, call, app)
        if granted is None:
            return _sentence(_BAD_CREDENTIALS)
        return json_answer({**self._fresh(granted), "refresh_token": self.refreshers.give(granted)})

    def _refreshed(self, call: Call, app: RegisteredApp) -> Response:
        """A refresh token stays what it is, and no other comes."""
        granted = self.refreshers.look(call.get("refresh_token"))
        if granted is None or granted.app.client_id != app.client_id:
            return _sentence(_NO_TOKEN)
        return json_answer(self._fresh(granted))

    def _fresh(self, granted: Grant) -> dict[str, object]:
        kind = {} if self.faults.on("no_token_type") else {"token_type": "Bearer"}
        return {"access_token": self.tokens.give(granted), **kind, "expires_in": _HOUR}

    def _unnamed(self, call: Call) -> bool:
        return self.faults.on("user_agent") and not call.headers.get("user-agent")

    # --- the profile ---

    async def _userinfo(self, call: Call) -> Response:
        granted = self.tokens.look(call.query.get("access_token", ""))
        if self.faults.on("unauthorized"):
            return _sentence(_NO_TOKEN, 401)
        if granted is None or self.faults.on("token_not_found"):
            return _sentence(_NO_TOKEN, 200)
        return json_answer(self._profile(granted))

    def _profile(self, granted: Grant) -> dict[str, object]:
        person = (granted.of_somebody_else() if self.faults.on("other_user_id") else granted).person
        found: dict[str, object] = {
            "id": self.subject(person),
            "client_id": _OTHER_APP if self.faults.on("other_app") else granted.app.client_id,
            "email": "somebody@example.org" if self.faults.on("foreign_address") else person.email_at(self.type),
            "name": person.name,
            "nickname": person.username or person.name,
            "first_name": person.given_name,
            "last_name": person.family_name,
            "gender": person.gender[:1],
            "birthday": "" if self.faults.on("no_birthday") else _birthday(person),
            "locale": {"ru": "ru_RU", "de": "de_DE"}.get(person.locale, "en_US"),
            "image": f"https://filin.mail.ru/pic?email={person.key}&width=180&height=180" if person.picture else "",
        }
        kept = {name: value for name, value in found.items() if value}
        return self.told(person, kept | ({"id": ""} if self.faults.on("no_id") else {}))


def _sentence(error: tuple[str, int], status: int = 400) -> Response:
    """quirk(mailru): `error` is a sentence; `error_code` is what can be relied on."""
    text, code = error
    return json_answer({"error": text, "error_code": code, "error_description": text}, status)


def _birthday(person: Person) -> str:
    """`15.03.1990`; nothing where the year is hidden."""
    year, _, rest = person.birthday.partition("-")
    month, _, day = rest.partition("-")
    return f"{day}.{month}.{year}" if year else ""
