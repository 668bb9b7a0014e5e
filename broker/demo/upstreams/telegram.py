"""Telegram Login: OpenID Connect, the legacy widget, login_url buttons, Mini Apps; and bots.

From core.telegram.org (2026-11).
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar
from urllib.parse import urlsplit

from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from broker.demo.call import Call, read_basic
from broker.demo.faults import OAUTH
from broker.demo.pages import chat_page, environment
from broker.demo.people import Person
from broker.demo.upstreams.answers import back_to, json_answer
from broker.demo.upstreams.base import Emulator, Grant, Handler, OneTime, Refused, RegisteredApp
from broker.demo.upstreams.bot_api import BOT_FAULTS, BotApi
from broker.demo.upstreams.bot_chat import UPDATE_FAULTS, BotChat
from broker.demo.upstreams.control import KitOrder
from broker.demo.upstreams.deliver import post_json
from broker.demo.upstreams.id_tokens import ID_TOKEN_FAULTS, Claims, Signer, falsified
from broker.demo.upstreams.keys import Key, challenge_of, key
from broker.demo.upstreams.telegram_rules import MISSING, RULES, WORKS
from broker.demo.upstreams.telegram_signed import (
    auth_result,
    embed_page,
    fields_of,
    init_data,
    query_of,
    signed,
    user_of,
    with_fields,
)

ISSUER = "https://oauth.telegram.org"
_KIDS = {"RS256": "oidc-1", "ES256": "oidc-es256-1", "EdDSA": "oidc-eddsa-1", "ES256K": "oidc-es256k-1"}


class Telegram(Emulator):
    """oauth.telegram.org, telegram.org and api.telegram.org.

    Extras of an app: `bot_token` and `username` for the legacy ways, `domain` as set by /setdomain (several separated
    by spaces), `algorithm` of its ID tokens (RS256 unless given).
    """

    type = "telegram"
    port = 8414
    settings: ClassVar[Mapping[str, object]] = {
        "client_id": "7000000009",
        "client_secret": "test-telegram-secret",
        "bot_token": "7000000009:test",
    }
    title = "Telegram"
    colour = "#229ed9"
    fronts = ("/auth", "/embed/", "/js/")
    post = staticmethod(post_json)
    works, missing, rules = WORKS, MISSING, RULES
    faults_known = (
        *OAUTH,
        *(fault for fault in ID_TOKEN_FAULTS if fault != "no_nonce"),
        "echoed_nonce",
        "es256k",
        "number_audience",
        "more_claims",
        "wrong_hash",
        "old_auth_date",
        "future_auth_date",
        "new_field",
        "result_false",
        "no_user",
        "no_signature",
        "test_environment",
        *BOT_FAULTS,
        *UPDATE_FAULTS,
    )

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        """The paths of the real service, and a minter of what a login_url button opens."""
        return (
            ("/.well-known/openid-configuration", ("GET",), self._discovery),
            ("/.well-known/jwks.json", ("GET",), self._jwks),
            ("/auth", ("GET",), self._auth),
            ("/token", ("POST",), self._token),
            ("/embed/{username}", ("GET",), self._embed),
            ("/js/telegram-widget.js", ("GET",), self._script),
            ("/bot{token}/{method:path}", ("GET", "POST"), self._bot),
            ("/_emulator/login_url", ("POST",), self._login_url),
            ("/_emulator/kit", ("POST",), self._kit),
            ("/_emulator/messages", ("GET",), self._bot),
            ("/_emulator/block", ("POST",), self._bot),
            ("/_emulator/say", ("POST",), self._order),
            ("/{username}", ("GET", "POST"), self._chat),
        )

    def forget(self) -> None:
        self.codes = OneTime[Grant](600, self.clock, self.mint)
        self.bots = BotApi(self.apps, self.faults, lambda: self.people, self.clock)
        self.chats = BotChat(self.bots, self.faults, self.told, self.post, self.sleep)

    def signer(self) -> Signer:
        """Four published keys; a rotation replaces every one."""
        return Signer(self.faults, _keys(""), _keys("-next"))

    # --- OpenID Connect ---

    async def _discovery(self, call: Call) -> Response:
        return json_answer(DISCOVERY)

    async def _jwks(self, call: Call) -> Response:
        """quirk(telegram): the RSA key has no `use`, and a curve is among them that few libraries know."""
        keys = []
        for published in self.signer().published():
            extra = {"ext": True, "key_ops": ["verify"]} if published.alg == "RS256" else {"use": "sig"}
            keys.append(published.jwk(**extra))
        return json_answer({"keys": keys})

    async def _auth(self, call: Call) -> Response:
        """quirk(telegram): one address for both; `bot_id`, `origin` or `return_to` select the legacy flow."""
        if {"bot_id", "origin", "return_to"} & call.params.keys():
            return self._legacy(call)
        app = self.registered(call, "Invalid client id", "Invalid redirect uri")
        redirect_uri, state = call.get("redirect_uri"), self.state_of(call)
        plain = call.get("code_challenge") and call.get("code_challenge_method") != "S256"
        if call.get("response_type") != "code" or "openid" not in call.get("scope").split() or plain:
            return back_to(redirect_uri, {"error": "invalid_request", "state": state})
        person = self.ask(call, lambda: back_to(redirect_uri, {"error": "access_denied", "state": state}))
        return back_to(redirect_uri, {"code": self.codes.give(Grant.asked(call, person, app)), "state": state})

    async def _token(self, call: Call) -> Response:
        """quirk(telegram): errors are bare, without a description."""
        app = self._authenticated(call)
        if app is None:
            return json_answer({"error": "invalid_client"}, 401)
        if call.get("grant_type") != "authorization_code":
            return json_answer({"error": "unsupported_grant_type"}, 400)
        if self.faults.on("error_200"):
            return json_answer({"error": "invalid_grant"}, 200)
        granted = self.codes.take(call.get("code"))
        if granted is None or not _redeemable(granted, app, call) or self.faults.on("invalid_grant"):
            return json_answer({"error": "invalid_grant"}, 400)
        answer: Claims = {"access_token": self.mint(), "token_type": "Bearer", "expires_in": 3600}
        if not self.faults.on("no_id_token"):
            answer["id_token"] = self._id_token(granted)
        return json_answer(answer)

    def _authenticated(self, call: Call) -> RegisteredApp | None:
        """Basic with `client_id` in the body as well, or the two form fields; never both."""
        scheme, _, text = call.headers.get("authorization", "").partition(" ")
        client_id, secret = call.get("client_id"), call.get("client_secret")
        if scheme.lower() == "basic":
            named, mixed = client_id, bool(secret)
            client_id, secret = read_basic(text)
            if mixed or named not in {"", client_id}:
                return None
        app = self.apps.get(client_id)
        return app if app is not None and secret == app.client_secret else None

    def _id_token(self, granted: Grant) -> str:
        return self._token_of(self._claims(granted), granted.app)

    def _token_of(self, claims: Claims, app: RegisteredApp) -> str:
        claims = falsified(claims, self.faults)
        if self.faults.on("no_id"):
            claims.pop("id", None)
        algorithm = app.extras.get("algorithm", "RS256")
        return self.signer().sign(claims, alg="ES256K" if self.faults.on("es256k") else algorithm)

    def _claims(self, granted: Grant) -> Claims:
        """quirk(telegram): `sub` is another number than the person's `id`, the phone has no plus, there is no nonce."""
        person, now = granted.person, self.now()
        number = int(person.ids["telegram"])
        claims: Claims = {"iss": ISSUER, "aud": granted.app.client_id, "sub": str(4611686018427387904 + number)}
        claims |= {"iat": now, "exp": now + 3600}
        if granted.nonce and self.faults.on("echoed_nonce"):
            claims["nonce"] = granted.nonce
        if "profile" in granted.scope:
            picture = f"https://cdn4.telesco.pe/file/{person.key}.jpg" if person.picture else ""
            shown = {"name": person.name, "preferred_username": person.username, "picture": picture}
            claims |= {"id": number, **{name: text for name, text in shown.items() if text}}
        if "phone" in granted.scope and person.phone:
            claims["phone_number"] = person.phone.removeprefix("+")
        if self.faults.on("more_claims"):
            claims |= {"given_name": person.given_name, "family_name": person.family_name}
            claims |= {"phone_number_verified": True}
        return self.told(person, claims)

    # --- the legacy widget and login_url buttons ---

    def _legacy(self, call: Call) -> Response:
        app = self.apps.get(call.get("bot_id"))
        if app is None:
            return PlainTextResponse("bot_id required")
        if not call.get("origin"):
            return PlainTextResponse("origin required")
        _check_domain(app, call)

        def answer(fields: Mapping[str, str] | None) -> Response:
            target = (call.get("return_to") or call.get("origin")).partition("#")[0]
            return RedirectResponse(f"{target}#tgAuthResult={auth_result(fields)}", status_code=302)

        person = self.ask(call, lambda: answer(None))
        return answer(None if self.faults.on("result_false") else self._signed(person, app))

    def _auth_date(self) -> int:
        return self.now() - 86400 * self.faults.on("old_auth_date") + 3600 * self.faults.on("future_auth_date")

    def _signed(self, person: Person, app: RegisteredApp, *, ago: int = 0) -> dict[str, str]:
        more = {"language_code": person.locale} if self.faults.on("new_field") else {}
        told = self.told(person, fields_of(person, self._auth_date() - ago) | more)
        found = signed({name: str(value) for name, value in told.items()}, app.extras["bot_token"])
        return {**found, "hash": "0" * 64} if self.faults.on("wrong_hash") else found

    async def _embed(self, call: Call) -> Response:
        """The widget's frame: a button that starts the login and hands the signed fields to the page around it."""
        username = call.path.rpartition("/")[2]
        app = next((a for a in self.apps.values() if a.extras.get("username") == username), None)
        if app is None:
            return PlainTextResponse("Username invalid")
        _check_domain(app, call)
        person = self.ask(call, lambda: HTMLResponse(embed_page(call.get("origin"), None)))
        return HTMLResponse(embed_page(call.get("origin"), self._signed(person, app)))

    async def _script(self, call: Call) -> Response:
        script = environment().get_template("telegram-widget.js").render()
        return Response(script, media_type="text/javascript", headers={"Cache-Control": "no-cache"})

    async def _login_url(self, call: Call) -> Response:
        """`{"person", "url"}` and for several bots `"bot_id"`: what a tap on the button opens."""
        person = self.people.get(str(call.json.get("person")))
        app = self.apps.get(str(call.json.get("bot_id", next(iter(self.apps)))))
        if person is None or app is None:
            return json_answer({"error": "no such person or bot"}, 400)
        url = with_fields(str(call.json.get("url", "")), self._signed(person, app))
        return json_answer({"url": url})

    # --- what apps are given ---

    async def _kit(self, call: Call) -> Response:
        """By `kind`: what the page of a widget has, what a Mini App is opened with, or an ID token of a kit."""
        order = KitOrder.model_validate(call.json)
        person, app = self.living(order.person), self.app_of(order)
        if order.kind == "widget":
            return json_answer({"widget": query_of(self._signed(person, app, ago=order.issued_ago))})
        if order.kind == "init_data":
            user, made_at = self.told(person, user_of(person)), self._auth_date() - order.issued_ago
            query_id = f"AA{self.mint()}"
            data = init_data(user, app, made_at, self.faults, query_id=query_id, start_param=order.start_param)
            return json_answer({"init_data": data})
        claims, made_at = self._claims(Grant(person, app, "", ("openid", "profile"))), self.now() - order.issued_ago
        claims |= {"iat": made_at, "exp": made_at + 3600} | ({"nonce": order.nonce} if order.nonce else {})
        return json_answer({"id_token": self._token_of(claims, app)})

    async def _bot(self, call: Call) -> Response:
        return self.bots.answer(call)

    async def _order(self, call: Call) -> Response:
        return await self.chats.order(call)

    async def _chat(self, call: Call) -> Response:
        """t.me: a person's own chat with the bot of this name."""
        return await self.chats.visit(call, self.ask, partial(chat_page, self, call))


def _redeemable(granted: Grant, app: RegisteredApp, call: Call) -> bool:
    """Same client, same redirect URI, and the verifier where a challenge was sent."""
    proved = not granted.challenge or challenge_of(call.get("code_verifier")) == granted.challenge
    return proved and granted.app.client_id == app.client_id and granted.redirect_uri == call.get("redirect_uri")


def _check_domain(app: RegisteredApp, call: Call) -> None:
    """The bot's widget may be where /setdomain was told, else at the hosts of the redirect URIs; raises Refused."""
    told = app.extras.get("domain", "").split() or [urlsplit(uri).netloc for uri in app.redirect_uris]
    if urlsplit(call.get("origin")).netloc not in told:
        raise Refused(PlainTextResponse("Bot domain invalid"))


def _keys(suffix: str) -> tuple[Key, ...]:
    return tuple(key(kid + suffix, alg) for alg, kid in _KIDS.items())


DISCOVERY: Mapping[str, object] = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/auth",
    "token_endpoint": f"{ISSUER}/token",
    "jwks_uri": f"{ISSUER}/.well-known/jwks.json",
    "response_types_supported": ["code"],
    "grant_types_supported": ["authorization_code"],
    "token_endpoint_auth_methods_supported": ["client_secret_basic", "client_secret_post"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["RS256", "ES256", "EdDSA", "ES256K"],
    "scopes_supported": ["openid", "phone", "profile", "telegram:bot_access", "ton:wallet"],
    "claims_supported": ["aud", "preferred_username", "phone_number", "exp", "iat", "iss", "name", "picture", "sub"],
    "code_challenge_methods_supported": ["plain", "S256"],
}
