"""X, formerly Twitter: OAuth 2.0 with PKCE, OAuth 1.0a, and both profile calls. From docs.x.com (read 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar, Final

from starlette.responses import Response

from broker.demo.call import Call, client_credentials
from broker.demo.faults import OAUTH
from broker.demo.people import Person
from broker.demo.rules import documented, guessed, measured
from broker.demo.upstreams.answers import back_to, error_answer, json_answer
from broker.demo.upstreams.base import Grant, Handler, Newest, OneTime, Refused, RegisteredApp
from broker.demo.upstreams.control import KitOrder
from broker.demo.upstreams.keys import challenge_of
from broker.demo.upstreams.oauth1_server import HandedOut, OAuth1Emulator, header_params

_SCOPES: Final = frozenset({"users.read", "tweet.read", "users.email", "offline.access"})
_PROBLEMS: Final[Mapping[str, tuple[int, int, str]]] = {  # name -> status, code, message
    "header": (400, 215, "Bad Authentication data."),
    "client": (401, 32, "Could not authenticate you."),
    "signature": (401, 32, "Could not authenticate you."),
    "nonce": (401, 32, "Could not authenticate you."),
    "time": (401, 135, "Timestamp out of bounds."),
    "token": (401, 89, "Invalid or expired token."),
    "callback": (403, 415, "Callback URL not approved for this client application."),
    "plan": (403, 453, "You currently have access to a subset of X API V2 endpoints and limited v1.1 endpoints"),
}


class X(OAuth1Emulator):
    """x.com and api.x.com. Extras of an app: `email`, "no" where it may not ask for addresses."""

    type = "x"
    port = 8420
    settings: ClassVar[Mapping[str, object]] = {"client_id": "dGVzdC14LWNsaWVudA", "client_secret": "test-x-secret"}
    title = "X"
    colour = "#0f1419"
    fronts = ("/i/oauth2/authorize", "/oauth/authenticate", "/oauth/authorize")
    bases = ("https://api.x.com", "https://api.twitter.com")
    works = (
        "OAuth 2.0 with PKCE, refresh, revocation; OAuth 1.0a with signed calls; `/2/users/me`, `verify_credentials`"
    )
    rules = (
        documented("a code of OAuth 2.0 lives for 30 seconds, needs S256 and is redeemed with Basic"),
        measured("`s256` is taken for `S256`, and a verifier of 32 characters, as python-social-auth sends them"),
        measured(
            "`oauth_callback` and `oauth_verifier` may be in the query beside the header, as django-allauth has them"
        ),
        documented("a refresh token changes"),
        documented("the answers of the token steps of OAuth 1.0a are forms, called text/html"),
        documented("every call of OAuth 1.0a is signed, and a nonce counts once"),
        measured(
            "signatures count for `api.x.com` and for `api.twitter.com`, where two printed in X's own guide belong"
        ),
        documented("`email` is null unless it was confirmed; 403 with code 453 for apps whose plan lacks version 1.1"),
        documented("429 with `x-rate-limit-reset`; 200 with `errors` and no `data`"),
        documented("a token goes only with the key of its own application (codes 89 and 32)"),
        guessed("a refusal comes as `denied`, or as `error=access_denied`"),
        guessed("a callback may have a query that is not registered"),
        guessed("codes 32, 135 and 215, and which of several errors is told first"),
    )
    faults_known = (
        *OAUTH,
        "no_id",
        "other_user_id",
        "callback_unconfirmed",
        "other_request_token",
        "no_user_id",
        "only_v2",
        "errors_200",
        "too_many_calls",
        "unauthorized",
    )

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        return (
            ("/i/oauth2/authorize", ("GET",), self._authorize),
            ("/2/oauth2/token", ("POST",), self._token),
            ("/2/oauth2/revoke", ("POST",), self._revoke),
            ("/2/users/me", ("GET",), self._me),
            ("/oauth/request_token", ("POST",), self.request_token),
            ("/oauth/authenticate", ("GET",), self.authorize),
            ("/oauth/authorize", ("GET",), self.authorize),
            ("/oauth/access_token", ("POST",), self._access_token),
            ("/1.1/account/verify_credentials.json", ("GET",), self._verify_credentials),
            ("/1.1/oauth/invalidate_token", ("POST",), self._invalidate),
            ("/_emulator/kit", ("POST",), self._kit),
        )

    def forget(self) -> None:
        super().forget()
        # quirk(x): a code lives for 30 seconds
        self.codes = OneTime[Grant](30, self.clock, self.mint)
        self.tokens = OneTime[Grant](7200, self.clock, self.mint)
        self.refreshers = OneTime[Grant](180 * 86400, self.clock, self.mint)

    def subject(self, person: Person) -> str:
        """Ids of people who came late are above 2^53."""
        return str(1_600_000_000_000_000_000 + int(person.id_at("x")))

    # --- OAuth 2.0 ---

    async def _authorize(self, call: Call) -> Response:
        """quirk(x): whatever is wrong with a request ends on X's own page, and the app hears nothing."""
        app = self.registered(call, "Something went wrong: client_id", "Something went wrong: redirect_uri")
        proof = call.get("code_challenge_method").upper() == "S256" and len(call.get("code_challenge")) == 43
        scopes = set(call.get("scope").split())
        if call.get("response_type") != "code" or not scopes or scopes - _SCOPES:
            return self.refuse(call, "Something went wrong: response_type or scope")
        if not proof or not 0 < len(call.get("state")) <= 500:
            return self.refuse(call, "Something went wrong: state or code_challenge")
        redirect_uri, state = call.get("redirect_uri"), self.state_of(call)
        person = self.ask(call, lambda: back_to(redirect_uri, {"error": "access_denied", "state": state}))
        return back_to(redirect_uri, {"state": state, "code": self.codes.give(Grant.asked(call, person, app))})

    async def _token(self, call: Call) -> Response:
        app = self._client(call)
        if self.faults.on("error_200"):
            return error_answer("invalid_request", "Value passed for the authorization code was invalid.", 200)
        if call.get("grant_type") == "refresh_token":
            granted = self.refreshers.take(call.get("refresh_token"))
            if granted is None or granted.app != app:
                return error_answer("invalid_request", "Value passed for the token was invalid.")
            return self._answer(granted)
        if call.get("grant_type") != "authorization_code":
            return error_answer("unsupported_grant_type", "Value passed for the grant type was invalid.")
        granted = self.codes.take(call.get("code"))
        if granted is None or granted.app != app or not _fits(granted, call) or self.faults.on("invalid_grant"):
            return error_answer("invalid_request", "Value passed for the authorization code was invalid.")
        return self._answer(granted)

    def _answer(self, granted: Grant) -> Response:
        answer = {"token_type": "bearer", "expires_in": 7200, "access_token": self.tokens.give(granted)}
        more = {"refresh_token": self.refreshers.give(granted)} if "offline.access" in granted.scope else {}
        return json_answer({**answer, "scope": " ".join(granted.scope), **more})

    def _client(self, call: Call) -> RegisteredApp:
        """Every app here has a secret, so every one has to show it in the header."""
        client_id, secret = client_credentials(call)
        app = self.apps.get(client_id)
        if not call.headers.get("authorization", "") or app is None or app.client_secret != secret:
            raise Refused(error_answer("unauthorized_client", "Missing valid authorization header", 401))
        return app

    async def _revoke(self, call: Call) -> Response:
        self._client(call)
        self.tokens.take(call.get("token"))
        self.refreshers.take(call.get("token"))
        return json_answer({"revoked": True})

    # --- OAuth 1.0a ---

    def problem(self, name: str) -> Response:
        status, code, message = _PROBLEMS[name]
        return json_answer({"errors": [{"code": code, "message": message}]}, status)

    def about(self, held: HandedOut) -> Mapping[str, str]:
        """quirk(x): one official sample has neither (fault `no_user_id`)."""
        if self.faults.on("no_user_id"):
            return {}
        return {"user_id": self.subject(held.person), "screen_name": held.person.username or held.person.key}

    async def _access_token(self, call: Call) -> Response:
        if self.faults.on("error_200"):
            return json_answer({"errors": [{"code": 89, "message": "Invalid or expired token."}]})
        return await self.access_token(call)

    async def _invalidate(self, call: Call) -> Response:
        holder = self.holder(call)
        self.held = Newest({token: held for token, held in self.held.items() if held is not holder})
        return json_answer({"access_token": header_params(call)["oauth_token"]})

    # --- who it is ---

    async def _verify_credentials(self, call: Call) -> Response:
        held = self.holder(call)
        if self.faults.on("only_v2"):
            return self.problem("plan")
        self._check_calls()
        person = (held.of_somebody_else() if self.faults.on("other_user_id") else held).person
        number, told = self.subject(person), {"email": person.email_at("x") or None}
        found: dict[str, object] = {
            "id": int(number),
            "id_str": None if self.faults.on("no_id") else number,
            "name": person.name,
            "screen_name": person.username or person.key,
            "profile_image_url_https": _picture(person),
            "verified": False,
            "lang": None,
            **(told if call.get("include_email") == "true" and held.app.extras.get("email") != "no" else {}),
        }
        return json_answer(self.told(person, found))

    async def _me(self, call: Call) -> Response:
        if call.headers.get("authorization", "").startswith("OAuth "):
            held = self.holder(call)
            return self._profile(call, held.person, held.app, "users.email" * (held.app.extras.get("email") != "no"))
        granted = self.tokens.look(call.headers.get("authorization", "").removeprefix("Bearer "))
        if granted is None:
            return _problem(401, "Unauthorized", "about:blank")
        if not {"users.read", "tweet.read"} <= set(granted.scope):
            return _problem(403, "Client Forbidden", "https://api.x.com/2/problems/client-forbidden")
        granted = granted.of_somebody_else() if self.faults.on("other_user_id") else granted
        return self._profile(call, granted.person, granted.app, " ".join(granted.scope))

    def _profile(self, call: Call, person: Person, app: RegisteredApp, scope: str) -> Response:
        """`id`, `name` and `username` always, the rest where it was asked for."""
        self._check_calls()
        if self.faults.on("errors_200"):
            return json_answer({"errors": [{"title": "Not Found Error", "type": "https://api.x.com/2/problems/x"}]})
        address = person.email_at("x") if "users.email" in scope and app.extras.get("email") != "no" else ""
        asked = set(call.get("user.fields").split(","))
        more = {"profile_image_url": _picture(person), "verified": False, "confirmed_email": address}
        found: dict[str, object] = {
            "id": "" if self.faults.on("no_id") else self.subject(person),
            "name": person.name,
            "username": person.username or person.key,
            **{name: value for name, value in more.items() if name in asked and value != ""},
        }
        return json_answer({"data": self.told(person, found)})

    def _check_calls(self) -> None:
        if self.faults.on("too_many_calls"):
            reset = {"x_rate_limit_reset": str(self.now() + 900)}
            raise Refused(json_answer({"errors": [{"code": 88, "message": "Rate limit exceeded."}]}, 429, **reset))
        if self.faults.on("unauthorized"):
            raise Refused(self.problem("token"))

    async def _kit(self, call: Call) -> Response:
        """What an app on a phone has: a token and its secret or, with `kind` code, a code for a challenge."""
        order = KitOrder.model_validate(call.json)
        if order.kind != "code":
            return json_answer(self.of_kit(order))
        app, person = self.app_of(order), self.living(order.person)
        redirect_uri = order.server or app.extras.get("native_redirect_uri", "")
        granted = Grant(person, app, redirect_uri, tuple(sorted(_SCOPES)), challenge=order.code_challenge)
        return json_answer({"code": self.codes.give(granted), "state": order.state})


def _fits(granted: Grant, call: Call) -> bool:
    proved = granted.challenge == challenge_of(call.get("code_verifier"))
    return proved and granted.redirect_uri == call.get("redirect_uri")


def _problem(status: int, title: str, kind: str) -> Response:
    return json_answer({"title": title, "detail": title, "type": kind, "status": status}, status)


def _picture(person: Person) -> str:
    return f"https://pbs.twimg.com/profile_images/{person.key}_normal.jpg" if person.picture else ""
