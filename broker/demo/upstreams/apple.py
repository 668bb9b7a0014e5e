"""Sign in with Apple: answers by form, signed client secrets, a name told once. From developer.apple.com (2026-11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import Any, ClassVar

import jwt
import orjson
from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from starlette.responses import HTMLResponse, Response

from broker.demo.call import Call
from broker.demo.faults import OAUTH
from broker.demo.pages import posting_page
from broker.demo.people import Person
from broker.demo.rules import documented, guessed, measured
from broker.demo.upstreams.answers import back_to, json_answer
from broker.demo.upstreams.apple_events import APPLE_EVENT_RULES, ISSUER, notification
from broker.demo.upstreams.base import Emulator, Grant, Handler, OneTime, RegisteredApp
from broker.demo.upstreams.control import KitOrder
from broker.demo.upstreams.events import event_routes
from broker.demo.upstreams.id_tokens import ID_TOKEN_FAULTS, Claims, Signer, falsified, kit_claims
from broker.demo.upstreams.keys import half_hash, key

TEST_KEY = (
    "-----BEGIN PRIVATE KEY-----"
    "MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgya+p2EW6dRZrXCFX"
    "Z7HWk05Qw9s26JsSe4piKxIPZyGhRANCAARg/tS6JVqdMclh63TGNW1owEm4kjth"
    "+mzmaWIuYPKftnkD/hAIuLyZpBrp6VYovGTy8bIMLX6fUXejwpTURiKZ"
    "-----END PRIVATE KEY-----"
)
"""The key of RFC 6979 appendix A.2.5, which everybody knows."""
_KEYS = ("emu-apple-1", "emu-apple-2", "emu-apple-3")
_SECRET_LIFE = 15_777_000  # seconds, the longest that a client secret may have
_ID_TOKEN_LIFE = 86400
_OF_SECRET = ("iss", "iat", "exp", "aud", "sub")


@dataclass(frozen=True, slots=True)
class Granted(Grant):
    """`client_id`: the Services ID or the app's bundle id that it was given to."""

    client_id: str = ""


class Apple(Emulator):
    """appleid.apple.com. Extras of an app: `team_id`, `key_id`, `private_key` (PEM), `native_client_ids`."""

    type = "apple"
    port = 8421
    settings: ClassVar[Mapping[str, object]] = {
        "client_id": "com.example.test.web",
        "team_id": "TESTTEAM09",
        "key_id": "TESTKEY009",
        "private_key": TEST_KEY,
    }
    title = "Apple"
    colour = "#000000"
    fronts = ("/auth/authorize",)
    works = (
        "code flow answered by form, `code id_token`, signed client secrets, the name once, refresh, revocation, "
        "kits, notifications (`POST /_emulator/event`); not checked: that a return URL is https with a name"
    )
    rules = (
        documented("with a scope the answer is a form, and a query or fragment is refused on Apple's own page"),
        documented(
            "the client secret is ES256 by the team's key, for the client id of the call, and lives half a year at most"
        ),
        documented(
            "the form has the name the first time only; the address is in the ID token; a code is good once, for "
            "five minutes, and for its own client id"
        ),
        documented("a refresh gives no new refresh token; revoking a dead token is 200, too"),
        measured("discovery may name another issuer than tokens do (fault `other_discovery`)"),
        guessed(
            "PKCE parameters are ignored; a kit's code is refused with a redirect URI; without a scope the answer "
            "may come by query"
        ),
        *APPLE_EVENT_RULES,
    )
    faults_known = (
        *OAUTH,
        *ID_TOKEN_FAULTS,
        "many_audiences",
        "wrong_at_hash",
        "other_discovery",
        "email_as_text",
        "private_email",
        "odd_user",
    )

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        return (
            ("/.well-known/openid-configuration", ("GET",), self._discovery),
            ("/auth/keys", ("GET",), self._jwks),
            ("/auth/authorize", ("GET",), self._authorize),
            ("/auth/token", ("POST",), self._token),
            ("/auth/revoke", ("POST",), self._revoke),
            ("/_emulator/kit", ("POST",), self._kit),
            *event_routes(self, partial(notification, self)),
        )

    def forget(self) -> None:
        self.codes = OneTime[Granted](300, self.clock, lambda: f"c{self.mint()}.0.{self.mint()}")
        self.tokens = OneTime[Granted](3600, self.clock, lambda: "a" + self.mint())
        self.refreshers = OneTime[Granted](10 * 365 * 86400, self.clock, lambda: "r" + self.mint())
        self.known: set[tuple[str, str]] = set()

    def subject(self, person: Person) -> str:
        """Three parts, and the same at every client id of a team; this emulator knows one team's people."""
        number = person.id_at(self.type)
        return f"00{number[:4]}.{sha256(number.encode()).hexdigest()[:32]}.{number[-4:]}"

    def signer(self) -> Signer:
        """Several keys are published; a rotation drops the first and adds one."""
        first, second, third = (key(kid, "RS256") for kid in _KEYS)
        return Signer(self.faults, (first, second), (second, third))

    async def _discovery(self, call: Call) -> Response:
        """The `issuer` of June 2025 under a fault; nobody should read it."""
        issuer = "https://account.apple.com" if self.faults.active("other_discovery") else ISSUER
        return json_answer({**DISCOVERY, "issuer": issuer})

    async def _jwks(self, call: Call) -> Response:
        return json_answer({"keys": [k.jwk(use="sig") for k in self.signer().published()]})

    async def _authorize(self, call: Call) -> Response:
        app = self.registered(call, "invalid_client", "invalid_request")
        if problem := _problem(call):
            return self.refuse(call, problem)
        person = self.ask(call, lambda: self._answer(call, {"error": "user_cancelled_authorize"}))
        granted = replace(Granted.asked(call, person, app), client_id=app.client_id)
        code = self.codes.give(granted)
        answer = {"code": code}
        if "id_token" in call.get("response_type"):
            answer["id_token"] = self._sign(granted, c_hash=half_hash(code))
        if granted.scope and (person.key, app.client_id) not in self.known:
            answer["user"] = "not JSON" if self.faults.on("odd_user") else _user(granted)
        self.known.add((person.key, app.client_id))
        return self._answer(call, answer)

    def _answer(self, call: Call, params: Mapping[str, str]) -> Response:
        full, where = {"state": self.state_of(call), **params}, call.get("redirect_uri")
        if call.get("response_mode") == "form_post":
            return HTMLResponse(posting_page(self, call, where, full))
        return back_to(where, full, fragment=call.get("response_mode") == "fragment")

    async def _kit(self, call: Call) -> Response:
        """What AuthenticationServices hand to an app: an ID token for it, and a code that it alone may redeem.

        `kind` `code`: that alone, so that faults of ID tokens wait for the one that Apple gives for it.
        """
        order = KitOrder.model_validate(call.json)
        claims = kit_claims(order, self.apps.values(), self.now())
        app = next(app for app in self.apps.values() if order.app in _ids_of(app))
        granted = Granted(self.living(order.person), app, "", ("name", "email"), order.nonce, client_id=order.app)
        code = self.codes.give(granted)
        if order.kind == "code":
            return json_answer({"code": code})
        times = {"iat": claims["iat"], "exp": claims["exp"]}
        return json_answer({"id_token": self._sign(granted, **times, c_hash=half_hash(code)), "code": code})

    # --- the token endpoint ---

    async def _token(self, call: Call) -> Response:
        if not self._is_proved(call):
            return json_answer({"error": "invalid_client"}, 400)
        if self.faults.on("error_200"):
            return json_answer({"error": "invalid_grant"})
        if call.get("grant_type") not in {"authorization_code", "refresh_token"}:
            return json_answer({"error": "unsupported_grant_type"}, 400)
        again = call.get("grant_type") == "refresh_token"
        granted = self._refreshed(call) if again else self._redeemed(call)
        if granted is None or self.faults.on("invalid_grant"):
            return json_answer({"error": "invalid_grant"}, 400)
        access_token = self.tokens.give(granted)
        answer: Claims = {"access_token": access_token, "token_type": "Bearer", "expires_in": 3600}
        if not again:
            answer["refresh_token"] = self.refreshers.give(replace(granted, nonce=""))
        if not self.faults.on("no_id_token"):
            answer["id_token"] = self._sign(granted, at_hash=half_hash(access_token))
        return json_answer(answer, Cache_Control="no-store")

    def _is_proved(self, call: Call) -> bool:
        """Whether the secret is one that the app's team has just signed for this client id."""
        client_id, secret = call.get("client_id"), call.get("client_secret")
        app = next((app for app in self.apps.values() if client_id in _ids_of(app)), None)
        if app is None or "private_key" not in app.extras:
            return False
        private = load_pem_private_key(app.extras["private_key"].encode(), None)
        if not isinstance(private, EllipticCurvePrivateKey):
            return False
        told = _read_secret(secret, private.public_key(), app.extras)
        if told is None:
            return False
        in_time = self.now() < told["exp"] <= told["iat"] + _SECRET_LIFE
        return bool(in_time and told["sub"] == client_id)

    def _redeemed(self, call: Call) -> Granted | None:
        granted = self.codes.take(call.get("code"))
        asked = call.get("client_id"), call.get("redirect_uri")
        return granted if granted is not None and (granted.client_id, granted.redirect_uri) == asked else None

    def _refreshed(self, call: Call) -> Granted | None:
        granted = self.refreshers.look(call.get("refresh_token"))
        return granted if granted is not None and granted.client_id == call.get("client_id") else None

    async def _revoke(self, call: Call) -> Response:
        """A dead token is as good as revoked, and the answer has no body."""
        if not self._is_proved(call):
            return json_answer({"error": "invalid_client"}, 400)
        for kept in (self.refreshers, self.tokens):
            granted = kept.look(call.get("token"))
            if granted is not None and granted.client_id == call.get("client_id"):
                kept.take(call.get("token"))
        return Response(b"")

    # --- ID tokens ---

    def _sign(self, granted: Granted, **more: object) -> str:
        now, person = self.now(), granted.person
        claims: Claims = {"iss": ISSUER, "aud": granted.client_id, "exp": now + _ID_TOKEN_LIFE, "iat": now}
        claims |= {"sub": self.subject(person), "nonce_supported": True, **more}
        if granted.client_id == granted.app.client_id:
            claims["auth_time"] = now
        if granted.nonce:
            claims["nonce"] = granted.nonce
        claims |= self.told(person, self._address(granted))
        if self.faults.on("no_id"):
            del claims["sub"]
        return self.signer().sign(falsified(claims, self.faults), typ=None)

    def _address(self, granted: Granted) -> Claims:
        """A managed account has none; one that is hidden is a relay's."""
        address, private = granted.person.email_at(self.type), self.faults.active("private_email")
        if not address or "email" not in granted.scope:
            return {}
        told = f"{granted.person.key}{granted.person.id_at(self.type)[-6:]}@privaterelay.appleid.com"
        flag: object = str(private).lower() if self.faults.active("email_as_text") else private
        return {"email": told if private else address, "email_verified": True, "is_private_email": flag}


def _read_secret(secret: str, public: EllipticCurvePublicKey, extras: Mapping[str, str]) -> dict[str, Any] | None:
    """The claims of a secret that this team signed with the key of that id; when is the caller's to check."""
    options: jwt.types.Options = {"require": [*_OF_SECRET], "verify_exp": False, "verify_iat": False}
    try:
        told: dict[str, Any] = jwt.decode(
            secret, public, algorithms=["ES256"], audience=ISSUER, issuer=extras.get("team_id"), options=options
        )
        return told if jwt.get_unverified_header(secret).get("kid") == extras.get("key_id") else None
    except jwt.InvalidTokenError:
        return None


def _ids_of(app: RegisteredApp) -> set[str]:
    return {app.client_id, *app.extras.get("native_client_ids", "").split()}


def _problem(call: Call) -> str:
    """What Apple shows on its own page instead of answering, or ""."""
    kind, mode = call.get("response_type"), call.get("response_mode") or "query"
    if kind not in {"code", "code id_token", "id_token code"}:
        return "unsupported_response_type"
    if set(call.get("scope").split()) - {"name", "email", "openid"}:
        return "invalid_scope"
    modes = {"form_post"} if call.get("scope") else {"form_post", "fragment"} | ({"query"} if kind == "code" else set())
    return "" if mode in modes else "invalid_request"


def _user(granted: Granted) -> str:
    """quirk(apple): the first time only, and signed by nobody."""
    person = granted.person
    name = {"firstName": person.given_name, "lastName": person.family_name}
    told = {"name": name if "name" in granted.scope else {}, "email": person.email if "email" in granted.scope else ""}
    return orjson.dumps({member: value for member, value in told.items() if value}).decode()


DISCOVERY: Mapping[str, object] = {
    "authorization_endpoint": f"{ISSUER}/auth/authorize",
    "token_endpoint": f"{ISSUER}/auth/token",
    "revocation_endpoint": f"{ISSUER}/auth/revoke",
    "jwks_uri": f"{ISSUER}/auth/keys",
    "response_types_supported": ["code"],
    "response_modes_supported": ["query", "fragment", "form_post"],
    "subject_types_supported": ["pairwise"],
    "id_token_signing_alg_values_supported": ["RS256"],
    "scopes_supported": ["openid", "email", "name"],
    "token_endpoint_auth_methods_supported": ["client_secret_post"],
    "claims_supported": [
        *("aud", "email", "email_verified", "exp", "iat", "is_private_email", "iss", "nonce", "nonce_supported"),
        *("real_user_status", "sub", "transfer_sub"),
    ],
}
