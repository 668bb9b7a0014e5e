"""Yandex ID: OAuth 2.0 and a profile endpoint of its own. From yandex.ru/dev/id/doc (read 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar
from xml.sax.saxutils import escape

import jwt
from starlette.responses import PlainTextResponse, Response

from broker.demo.call import Call, read_basic
from broker.demo.faults import OAUTH
from broker.demo.people import Person
from broker.demo.rules import documented, guessed
from broker.demo.upstreams.answers import back_to, error_answer, json_answer
from broker.demo.upstreams.base import Emulator, Grant, Handler, OneTime, Refused, RegisteredApp
from broker.demo.upstreams.control import KitOrder
from broker.demo.upstreams.keys import challenge_of

_YEAR = 365 * 86400
_RIGHTS = "login:info login:email login:avatar login:birthday login:default_phone"
_OTHER_APP = "ffffffffffffffffffffffffffffffff"


@dataclass(frozen=True, slots=True)
class Granted(Grant):
    """`method` is that of the challenge; a token of a `device_id` can be revoked."""

    method: str = ""
    device_id: str = ""
    issued_at: float = 0


class Yandex(Emulator):
    """oauth.yandex.ru and login.yandex.ru. Extras of an app: `scopes`, the rights registered in the console."""

    type = "yandex"
    port = 8413
    settings: ClassVar[Mapping[str, object]] = {"client_id": "9" * 32, "client_secret": "test-yandex-secret"}
    title = "Яндекс ID"
    colour = "#fc3f1d"
    fronts = ("/authorize",)
    works = "code flow with PKCE, refresh, revocation, profile as JSON, JWT and XML"
    missing = "the device flow"
    rules = (
        documented("a code is good once, for ten minutes, and with its verifier where there was a challenge"),
        documented("the profile is given to `OAuth` and `Bearer` headers, and for `oauth_token` in the query"),
        documented("`client_id` in the profile says whose token it is"),
        documented("with an Authorization header, credentials in the body are ignored"),
        guessed("the same access token again at a refresh, in its first half year"),
    )
    faults_known = (
        *OAUTH,
        "no_id",
        "other_app",
        "other_user_id",
        "unauthorized",
    )

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        return (
            ("/authorize", ("GET",), self._authorize),
            ("/token", ("POST",), self._token),
            ("/revoke_token", ("POST",), self._revoke),
            ("/info", ("GET",), self._info),
            ("/_emulator/kit", ("POST",), self._kit),
        )

    def forget(self) -> None:
        self.codes = OneTime[Granted](600, self.clock, lambda: self.mint()[:16])
        self.tokens = OneTime[Granted](_YEAR, self.clock, lambda: "y0_" + self.mint() * 2)
        self.refreshers = OneTime[tuple[Granted, str]](_YEAR, self.clock, lambda: f"1:{self.mint()}:{self.mint()}")

    async def _authorize(self, call: Call) -> Response:
        app = self.apps.get(call.get("client_id"))
        if app is None:
            return self.refuse(call, "unknown client_id")
        redirect_uri = call.get("redirect_uri") or app.redirect_uris[0]
        if redirect_uri not in app.redirect_uris:
            return self.refuse(call, "redirect_uri does not match")
        state = self.state_of(call)
        rights = tuple(app.extras.get("scopes", _RIGHTS).split())
        asked = tuple(call.get("scope").split()) or rights
        if set(asked) - set(rights):
            return back_to(redirect_uri, {"error": "invalid_scope", "state": state})
        if call.get("response_type") != "code" or len(call.get("state")) > 1024:
            return back_to(redirect_uri, {"error": "invalid_request", "state": state})
        refusal = {"error": "access_denied", "error_description": "User denied access", "state": state}
        person = self.ask(call, lambda: back_to(redirect_uri, refusal))
        method, device_id = call.get("code_challenge_method") or "plain", call.get("device_id")
        granted = replace(Granted.asked(call, person, app), scope=asked, method=method, device_id=device_id)
        return back_to(redirect_uri, {"code": self.codes.give(granted), "state": state, "cid": self.mint()[:10]})

    async def _kit(self, call: Call) -> Response:
        """What Yandex's kit for phones hands to an app."""
        order = KitOrder.model_validate(call.json)
        app = self.app_of(order)
        rights = tuple(app.extras.get("scopes", _RIGHTS).split())
        granted = Granted(self.living(order.person), app, "", rights, issued_at=self.clock())
        return json_answer({"access_token": self.tokens.give(granted)})

    # --- the token endpoint ---

    async def _token(self, call: Call) -> Response:
        app = self._authenticated(call)
        if self.faults.on("error_200"):
            return error_answer("invalid_grant", "Code has expired", 200)
        if self.faults.on("invalid_grant"):
            return error_answer("invalid_grant", "Code has expired")
        if call.get("grant_type") == "refresh_token":
            return self._refreshed(call, app)
        if call.get("grant_type") != "authorization_code":
            return error_answer("unsupported_grant_type", "Unknown grant_type")
        return self._exchanged(call, app)

    def _exchanged(self, call: Call, app: RegisteredApp) -> Response:
        granted = self.codes.take(call.get("code"))
        if granted is None:
            return error_answer("bad_verification_code", "Invalid code")
        if granted.app.client_id != app.client_id:
            return error_answer("invalid_grant", "Code was issued for another client")
        if granted.challenge and not _proved(granted, call.get("code_verifier")):
            return error_answer("invalid_grant", "Invalid code_verifier")
        return self._fresh(granted)

    def _refreshed(self, call: Call, app: RegisteredApp) -> Response:
        """quirk(yandex): always a new refresh token, but maybe the very same access token."""
        kept = self.refreshers.take(call.get("refresh_token"))
        if kept is None or kept[0].app.client_id != app.client_id:
            return error_answer("invalid_grant", "expired_token")
        granted, access_token = kept
        young = self.clock() < granted.issued_at + _YEAR / 2
        return self._answer(granted, access_token) if young else self._fresh(granted)

    def _fresh(self, granted: Granted) -> Response:
        granted = replace(granted, issued_at=self.clock())
        return self._answer(granted, self.tokens.give(granted))

    def _answer(self, granted: Granted, access_token: str) -> Response:
        answer = {"token_type": "bearer", "access_token": access_token, "expires_in": _YEAR}
        return json_answer({**answer, "refresh_token": self.refreshers.give((granted, access_token))})

    def _authenticated(self, call: Call) -> RegisteredApp:
        """quirk(yandex): with an Authorization header, credentials in the body are ignored."""
        header = call.headers.get("authorization", "")
        if header:
            scheme, _, text = header.partition(" ")
            if scheme.lower() != "basic":
                raise Refused(error_answer("Basic auth required", "Basic auth required"))
            client_id, secret = read_basic(text)
        else:
            client_id, secret = call.get("client_id"), call.get("client_secret")
            if bool(client_id) != bool(secret):
                raise Refused(error_answer("invalid_request", "client_id and client_secret come as a pair"))
        app = self.apps.get(client_id)
        if app is None:
            raise Refused(error_answer("invalid_client", "Client not found"))
        if secret != app.client_secret:
            raise Refused(error_answer("invalid_client", "Wrong client secret"))
        return app

    async def _revoke(self, call: Call) -> Response:
        app = self._authenticated(call)
        granted = self.tokens.look(call.get("access_token"))
        if granted is None or granted.app.client_id != app.client_id:
            return error_answer("invalid_grant", "Invalid token")
        if not granted.device_id:
            return error_answer("unsupported_token_type", "Token has no device_id")
        self.tokens.take(call.get("access_token"))
        return json_answer({"status": "ok"})

    # --- the profile ---

    async def _info(self, call: Call) -> Response:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        # The token may as well be in the query, where several libraries have it.
        granted = self.tokens.look(token if scheme in {"OAuth", "Bearer"} else call.query.get("oauth_token", ""))
        if granted is None or self.faults.on("unauthorized"):
            return PlainTextResponse("", status_code=401)
        profile = self._profile(granted)
        if call.get("format") == "jwt":
            secret = call.get("jwt_secret") or granted.app.client_secret
            return PlainTextResponse(info_jwt(self._jwt_claims(profile), secret))
        if call.get("format") == "xml":
            inner = "".join(f"<{n}>{escape(str(v))}</{n}>" for n, v in profile.items() if isinstance(v, str))
            return Response(f"<?xml version='1.0'?><user>{inner}</user>", media_type="text/xml")
        return json_answer(profile)

    def _profile(self, granted: Granted) -> dict[str, object]:
        person = (granted.of_somebody_else() if self.faults.on("other_user_id") else granted).person
        address = person.email_at("yandex")
        uid = person.ids["yandex"]
        parts: dict[str, dict[str, object]] = {
            "login:info": {
                "first_name": person.given_name,
                "last_name": person.family_name,
                "display_name": person.username or person.given_name,
                "real_name": person.name,
                "sex": person.gender or None,
            },
            "login:email": {"default_email": address, "emails": [address] if address else []},
            "login:avatar": {
                "default_avatar_id": f"20706/{person.key}-1" if person.picture else "0/0-0",
                "is_avatar_empty": not person.picture,
            },
            "login:birthday": {"birthday": _birthday(person)},
            "login:default_phone": {"default_phone": {"id": 12345678, "number": person.phone}} if person.phone else {},
        }
        found: dict[str, object] = {
            "login": person.username or f"uid-{uid}",
            "id": "" if self.faults.on("no_id") else uid,
            "client_id": _OTHER_APP if self.faults.on("other_app") else granted.app.client_id,
            "psuid": f"1.AAceCw.{granted.app.client_id[:6]}.{uid}",
        }
        for scope in () if found["client_id"] == _OTHER_APP else granted.scope:
            found |= parts.get(scope, {})
        return self.told(person, found)

    def _jwt_claims(self, profile: dict[str, object]) -> dict[str, object]:
        """The names of the JWT form; `uid` is a number there, and there is no audience."""
        now = self.now()
        renamed = {"login": "login", "psuid": "psuid", "real_name": "name", "default_email": "email"}
        renamed |= {"birthday": "birthday", "sex": "gender", "display_name": "display_name"}
        renamed |= {"default_avatar_id": "avatar_id"}
        head = {"iat": now, "jti": self.mint(), "exp": now + _YEAR, "iss": "login.yandex.ru"}
        return {**head, "uid": int(str(profile["id"])), **{n: profile[o] for o, n in renamed.items() if o in profile}}


def info_jwt(claims: dict[str, object], secret: str) -> str:
    """The profile as a compact JWT: HS256 by the app's secret as ASCII bytes."""
    return jwt.encode(claims, secret, algorithm="HS256")


def _proved(granted: Granted, verifier: str) -> bool:
    return granted.challenge == (challenge_of(verifier) if granted.method == "S256" else verifier)


def _birthday(person: Person) -> str | None:
    """quirk(yandex): an unknown year is `0000`."""
    return f"0000-{person.birthday[2:]}" if person.birthday.startswith("--") else person.birthday or None
