"""T-ID of T-Bank. From developer.tbank.ru and tinkoff.github.io/tinkoff-id (read 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from starlette.responses import PlainTextResponse, Response

from broker.demo.call import Call, client_credentials
from broker.demo.faults import OAUTH
from broker.demo.people import ADA, Person
from broker.demo.rules import documented, guessed
from broker.demo.upstreams.answers import back_to, error_answer, json_answer
from broker.demo.upstreams.base import Emulator, Grant, Handler, OneTime, Refused, RegisteredApp
from broker.demo.upstreams.codes import as_uuid, redeemed
from broker.demo.upstreams.control import KitOrder

_LIFE = 1791
_TICKED = ("profile", "email", "phone")


class TID(Emulator):
    """id.tbank.ru. What a partner may read is fixed; what people untick is a fault here."""

    type = "tid"
    port = 8424
    settings: ClassVar[Mapping[str, object]] = {"client_id": "2424242424", "client_secret": "test-tid-secret"}
    title = "T-ID"
    colour = "#ffdd2d"
    fronts = ("/auth/authorize",)
    works = "code flow with PKCE, rotation, introspection, userinfo by POST, revocation"
    rules = (
        documented(
            "Basic at the token, introspection and revocation endpoints; userinfo is a POST with the token in the "
            "header and credentials in the body"
        ),
        documented("introspection answers `scope` as a list, `client_id`, and `iss` with the former domain"),
        documented("a refresh token is replaced and dies; an app without a secret proves itself by PKCE"),
        documented("people may untick what they do not share (fault `unticked_email`, in place of a page with boxes)"),
        guessed("PKCE is checked in the browser's flow, too; statuses of errors; a code is good for five minutes"),
        guessed("`email_verified` is true for Ada alone; plain http and ports are taken here, not there"),
    )
    faults_known = (
        *OAUTH,
        "no_id",
        "other_app",
        "other_user_id",
        "unauthorized",
        "inactive_token",
        "unticked_email",
        "unverified_email",
        "scope_text",
        "new_issuer",
    )

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        return (
            ("/auth/authorize", ("GET",), self._authorize),
            ("/auth/token", ("POST",), self._token),
            ("/auth/introspect", ("POST",), self._introspect),
            ("/auth/revoke", ("POST",), self._revoke),
            ("/userinfo/userinfo", ("GET", "POST"), self._userinfo),
            ("/_emulator/kit", ("POST",), self._kit),
        )

    def forget(self) -> None:
        self.codes = OneTime[Grant](300, self.clock, lambda: f"c.1{self.mint()}")
        self.tokens = OneTime[Grant](_LIFE, self.clock, lambda: f"t.{self.mint()}")
        self.refreshers = OneTime[Grant](30 * 86400, self.clock, self.mint)

    def subject(self, person: Person) -> str:
        return as_uuid(person.id_at(self.type))

    async def _authorize(self, call: Call) -> Response:
        app = self.registered(call, "unknown client_id", "redirect_uri is not registered")
        where, state = call.get("redirect_uri"), self.state_of(call)
        if call.get("response_type") != "code" or not call.get("state"):
            return back_to(where, {"error": "invalid_request", "state": state})
        refusal = {"error": "access_denied", "error_description": "The user declined", "state": state}
        person = self.ask(call, lambda: back_to(where, refusal))
        code = self.codes.give(Grant.asked(call, person, app))
        return back_to(where, {"state": state, "code": code, "session_state": self.mint()})

    async def _kit(self, call: Call) -> Response:
        """What the bank's kit for phones hands to an app."""
        order = KitOrder.model_validate(call.json)
        granted = Grant(self.living(order.person), self.app_of(order), "", ())
        return json_answer({"access_token": self.tokens.give(granted)})

    def _authenticated(self, call: Call) -> RegisteredApp:
        """The app, by the header and nothing else; one without a secret proves itself by PKCE."""
        basic = call.headers.get("authorization", "").lower().startswith("basic ")
        client_id, secret = client_credentials(call) if basic else ("", "")
        app = self.apps.get(client_id)
        if app is None or secret not in {app.client_secret, ""} or (not secret and not call.get("code_verifier")):
            raise Refused(error_answer("invalid_client", "Client authentication failed", 401))
        return app

    async def _token(self, call: Call) -> Response:
        app = self._authenticated(call)
        if self.faults.on("error_200"):
            return error_answer("invalid_grant", "The code has expired", 200)
        if self.faults.on("invalid_grant"):
            return error_answer("invalid_grant", "The code has expired")
        if call.get("grant_type") == "refresh_token":
            granted = self.refreshers.take(call.get("refresh_token"))
            granted = granted if granted is not None and granted.app.client_id == app.client_id else None
        elif call.get("grant_type") == "authorization_code":
            granted = redeemed(self.codes, call, app)
        else:
            return error_answer("unsupported_grant_type", "Unknown grant_type")
        if granted is None:
            return error_answer("invalid_grant", "The grant is used, expired or of somebody else")
        given = {"access_token": self.tokens.give(granted), "token_type": "Bearer", "expires_in": _LIFE}
        return json_answer({**given, "refresh_token": self.refreshers.give(granted)})

    async def _introspect(self, call: Call) -> Response:
        self._authenticated(call)
        granted = self.tokens.look(call.get("token"))
        if granted is None or self.faults.on("inactive_token"):
            return json_answer({"active": False})
        now, ticked = self.now(), self._ticked()
        found = {
            "active": True,
            "scope": " ".join(ticked) if self.faults.on("scope_text") else ticked,
            "client_id": "somebody-elses-app" if self.faults.on("other_app") else granted.app.client_id,
            "token_type": "access_token",
            "exp": now + _LIFE,
            "iat": now,
            "sub": self.subject(granted.person),
            "aud": ["some-bank-service"],
            "iss": "https://id.tbank.ru/" if self.faults.on("new_issuer") else "https://id.tinkoff.ru/",
        }
        return json_answer(found)

    async def _revoke(self, call: Call) -> Response:
        self._authenticated(call)
        for kept in (self.tokens, self.refreshers):
            kept.take(call.get("token"))
        return json_answer({})

    # --- the profile ---

    async def _userinfo(self, call: Call) -> Response:
        if call.method != "POST":
            return PlainTextResponse("Method Not Allowed", status_code=405)
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        granted = self.tokens.look(token) if scheme == "Bearer" else None
        app = self.apps.get(call.form.get("client_id", ""))
        ours = app is not None and call.form.get("client_secret") == app.client_secret
        if granted is None or not ours or self.faults.on("unauthorized"):
            return error_answer("invalid_token", "The token or the client is not known", 401)
        person = (granted.of_somebody_else() if self.faults.on("other_user_id") else granted).person
        return json_answer(self.told(person, self._profile(person)))

    def _ticked(self) -> list[str]:
        return [name for name in _TICKED if name != "email" or not self.faults.active("unticked_email")]

    def _profile(self, person: Person) -> dict[str, object]:
        """What is known and ticked; a member that a person has not got is missing."""
        parts: dict[str, dict[str, object]] = {
            "profile": {
                "name": f"{person.family_name} {person.given_name}".strip(),
                "family_name": person.family_name,
                "given_name": person.given_name,
                "middle_name": person.more.get("middle_name"),
                "birthdate": "" if person.birthday.startswith("--") else person.birthday,
                "gender": person.gender,
            },
            "email": {"email": person.email_at(self.type)},
            "phone": {"phone_number": person.phone},
        }
        found = {name: value for part in self._ticked() for name, value in parts[part].items() if value}
        if "email" in found:
            found["email_verified"] = person.key == ADA.key and not self.faults.on("unverified_email")
        if "phone_number" in found:
            found["phone_number_verified"] = True
        return {"sub": "" if self.faults.on("no_id") else self.subject(person), **found}
