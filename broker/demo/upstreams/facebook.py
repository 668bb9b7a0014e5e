"""Facebook: its dialog, the Graph calls of a login, and Limited Login. From developers.facebook.com (read 2026-11)."""

from __future__ import annotations

import hmac
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from hashlib import sha256
from typing import ClassVar

from starlette.responses import RedirectResponse, Response

from broker.demo.call import Call
from broker.demo.faults import OAUTH
from broker.demo.people import Person
from broker.demo.rules import documented, guessed, measured
from broker.demo.upstreams.answers import back_to, json_answer
from broker.demo.upstreams.base import Emulator, Grant, Handler, OneTime, Refused
from broker.demo.upstreams.control import KitOrder
from broker.demo.upstreams.events import event_routes
from broker.demo.upstreams.facebook_events import SIGNED_REQUEST_RULES, callback
from broker.demo.upstreams.id_tokens import ID_TOKEN_FAULTS, Claims, Signer, falsified, kit_claims
from broker.demo.upstreams.keys import key

ISSUER = "https://www.facebook.com"
_LIMITED = "https://limited.facebook.com/.well-known"
_VERSIONS = ("v25.0", "v26.0")
_LIFE = 60 * 86400
_PROOF_LIFE = 300
_RIGHTS = ("public_profile", "email")
_KEYS = ("emu-facebook-1", "emu-facebook-2", "emu-facebook-3")


@dataclass(frozen=True, slots=True)
class Granted(Grant):
    """`scope` is what was allowed, `declined` what was asked for and was not."""

    declined: tuple[str, ...] = ()
    issued_at: int = 0


class Facebook(Emulator):
    """www.facebook.com, graph.facebook.com and limited.facebook.com. Every app requires the app secret."""

    type = "facebook"
    port = 8416
    settings: ClassVar[Mapping[str, object]] = {
        "client_id": "138483919580948",
        "client_secret": "test-facebook-secret",
    }
    title = "Facebook"
    colour = "#1877f2"
    fronts = tuple(f"/{version}/dialog/oauth" for version in _VERSIONS)
    works = (
        "dialog, code exchange by form or query, `/me`, `/me/permissions`, `debug_token`, Limited Login, "
        "deauthorize and data deletion callbacks (`POST /_emulator/event`)"
    )
    missing = "OpenID Connect with PKCE in the browser"
    rules = (
        documented("every call of the Graph API needs `appsecret_proof`; one with a time is good for five minutes"),
        documented("`debug_token` answers to the token's own app; it is an error for another app's token"),
        documented("a code is good once, for its app and redirect URI; errors are objects with a number, status 400"),
        documented("Limited Login: RS256, `aud` is the App ID, the kit's `nonce`, no word on who checked an address"),
        measured("`app_id` is text, where the documentation has a number (fault `number_app_id`)"),
        measured("`#_=_` behind the callback; `iss` of Limited Login is `https://www.facebook.com`"),
        measured("a dialog error may be a number alone (fault `dialog_error`), and `/me` `false` (`false_profile`)"),
        guessed("the code exchange by POST, 200 for an invalid token at `debug_token`, which number an error has"),
        guessed("a person has the same id in every app; in life another one in each"),
        *SIGNED_REQUEST_RULES,
    )
    faults_known = (
        *OAUTH,
        "dialog_error",
        "email_declined",
        "false_profile",
        "unauthorized",
        "other_user_id",
        "other_app",
        "number_app_id",
        "token_invalid",
        "token_expired",
        "page_token",
        *ID_TOKEN_FAULTS,
    )

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        graph: tuple[tuple[str, tuple[str, ...], Handler], ...] = (
            ("dialog/oauth", ("GET",), self._dialog),
            ("oauth/access_token", ("GET", "POST"), self._token),
            ("me", ("GET",), self._me),
            ("me/permissions", ("GET",), self._permissions),
            ("debug_token", ("GET",), self._debug_token),
        )
        return (
            *((f"/{version}/{path}", methods, show) for version in _VERSIONS for path, methods, show in graph),
            ("/.well-known/openid-configuration/", ("GET",), self._discovery),
            ("/.well-known/oauth/openid/jwks/", ("GET",), self._jwks),
            ("/_emulator/kit", ("POST",), self._kit),
            *event_routes(self, partial(callback, self)),
        )

    def forget(self) -> None:
        self.codes = OneTime[Granted](600, self.clock, lambda: "AQ" + self.mint())
        self.tokens = OneTime[Granted](_LIFE, self.clock, lambda: "EAA" + self.mint().replace("-", "").replace("_", ""))

    def subject(self, person: Person) -> str:
        """Seventeen digits. In life it is another one in every app."""
        return f"1015{person.id_at(self.type):0>13}"

    def signer(self) -> Signer:
        """Of Limited Login: two keys are published at any time."""
        first, second, third = (key(kid, "RS256") for kid in _KEYS)
        return Signer(self.faults, (first, second), (second, third))

    # --- the dialog ---

    async def _dialog(self, call: Call) -> Response:
        app = self.registered(call, "Invalid App ID", "URL Blocked: this redirect failed")
        redirect_uri, state = call.get("redirect_uri"), self.state_of(call)
        if not state or call.get("response_type") not in {"", "code"}:
            return self.refuse(call, "Missing or wrong parameter")
        if self.faults.on("dialog_error"):
            refusal = {"error_code": "1349126", "error_message": "App Not Setup", "state": state}
            return back_to(redirect_uri, refusal)
        no = {"error": "access_denied", "error_code": "200", "error_reason": "user_denied", "state": state}
        no |= {"error_description": "Permissions error."}
        person = self.ask(call, lambda: back_to(redirect_uri, no))
        granted = self._allowed(Granted.asked(call, person, app), call.get("scope").replace(",", " ").split())
        answer = back_to(redirect_uri, {"code": self.codes.give(granted), "state": state})
        return RedirectResponse(f"{answer.headers['location']}#_=_", status_code=302)

    def _allowed(self, granted: Granted, asked: Sequence[str]) -> Granted:
        declined = ("email",) if self.faults.on("email_declined") and "email" in asked else ()
        scope = tuple(dict.fromkeys(["public_profile", *(right for right in asked if right not in declined)]))
        return replace(granted, scope=scope, declined=declined, issued_at=self.now())

    async def _kit(self, call: Call) -> Response:
        """What Facebook's kit hands to an app: a token, or the ID token of Limited Login (`kind` is `id_token`)."""
        order = KitOrder.model_validate(call.json)
        app, person = self.app_of(order), self.living(order.person)
        granted = Granted(person, app, "", _RIGHTS, issued_at=self.now() - order.issued_ago)
        if order.kind != "id_token":
            return json_answer({"access_token": self.tokens.give(granted)})
        claims = kit_claims(order, self.apps.values(), self.now())
        del claims["azp"]
        claims |= {"iss": ISSUER, "jti": self.mint(), **self._claims(granted)}
        if self.faults.on("no_id"):
            del claims["sub"]
        return json_answer({"id_token": self.signer().sign(falsified(claims, self.faults))})

    def _claims(self, granted: Granted) -> Claims:
        profile = self._profile(granted)
        names = {"name": "name", "first_name": "given_name", "middle_name": "middle_name", "last_name": "family_name"}
        found: Claims = {
            ours: profile[theirs] for theirs, ours in {**names, "email": "email"}.items() if theirs in profile
        }
        return {"sub": profile["id"], **found, "picture": _photo(granted.person)["url"]}

    # --- the Graph ---

    async def _token(self, call: Call) -> Response:
        app = self.apps.get(call.get("client_id"))
        if app is None:
            return graph_error(101, "Error validating application. Invalid application ID.")
        if call.get("client_secret") != app.client_secret:
            return graph_error(1, "Error validating client secret.")
        if self.faults.on("error_200"):
            return graph_error(100, "This authorization code has been used.", status=200)
        granted = None if self.faults.on("invalid_grant") else self.codes.take(call.get("code"))
        if granted is None or granted.app.client_id != app.client_id:
            return graph_error(100, "Invalid verification code format.", subcode=36007)
        if granted.redirect_uri != call.get("redirect_uri"):
            return graph_error(100, "Error validating verification code.", subcode=36008)
        return json_answer({"access_token": self.tokens.give(granted), "token_type": "bearer", "expires_in": _LIFE})

    def _signed(self, call: Call) -> Granted:
        """Whose token it is, in a call that the app signed; raises Refused."""
        scheme, _, given = call.headers.get("authorization", "").partition(" ")
        token = given if scheme.lower() == "bearer" else call.get("access_token")
        granted = self.tokens.look(token)
        if granted is None or self.faults.on("unauthorized"):
            raise Refused(graph_error(190, "Invalid OAuth access token.", subcode=467))
        at, problem = call.get("appsecret_time"), ""
        if not call.get("appsecret_proof"):
            problem = "API calls from the server require an appsecret_proof argument"
        elif call.get("appsecret_proof") != proof(token, granted.app.client_secret, at) or not self._timely(at):
            problem = "Invalid appsecret_proof provided in the API argument"
        if problem:
            raise Refused(graph_error(100, problem, kind="GraphMethodException"))
        return granted

    def _timely(self, at: str) -> bool:
        return not at or (at.isdecimal() and abs(self.now() - int(at)) <= _PROOF_LIFE)

    async def _me(self, call: Call) -> Response:
        granted = self._signed(call)
        if self.faults.on("false_profile"):
            return json_answer(False)
        granted = granted.of_somebody_else() if self.faults.on("other_user_id") else granted
        asked = [field.partition(".")[0] for field in (call.get("fields") or "name").split(",")]
        profile = self._profile(granted)
        found = {name: profile[name] for name in dict.fromkeys(["id", *asked]) if name in profile}
        if self.faults.on("no_id"):
            del found["id"]
        return json_answer(found)

    def _profile(self, granted: Granted) -> Claims:
        """Every field there is; what a person does not have, or does not allow, is not there."""
        person = granted.person
        found: Claims = {
            "id": self.subject(person),
            "name": person.name,
            "first_name": person.given_name,
            "middle_name": person.more.get("middle_name"),
            "last_name": person.family_name,
            "short_name": person.given_name,
            "name_format": "{first} {last}",
            "picture": {"data": _photo(person)},
            "email": person.email_at(self.type) if "email" in granted.scope else "",
        }
        return self.told(person, {name: value for name, value in found.items() if value})

    async def _permissions(self, call: Call) -> Response:
        granted = self._signed(call)
        rows = [{"permission": name, "status": "granted"} for name in granted.scope]
        return json_answer({"data": [*rows, *({"permission": n, "status": "declined"} for n in granted.declined)]})

    async def _debug_token(self, call: Call) -> Response:
        client_id, _, secret = call.get("access_token").partition("|")
        viewer = self.apps.get(client_id)
        if viewer is None or secret != viewer.client_secret:
            return graph_error(100, "(#100) You must provide an app access token")
        granted = self.tokens.look(call.get("input_token"))
        if granted is None or self.faults.on("token_invalid"):
            error = {"code": 190, "message": "Error validating access token.", "subcode": 463}
            return json_answer({"data": {"error": error, "is_valid": False, "scopes": []}})
        if granted.app.client_id != client_id:
            text = "(#100) The App_id in the input_token did not match the Viewing App"
            return graph_error(100, text)
        return json_answer({"data": self._debugged(granted)})

    def _debugged(self, granted: Granted) -> Claims:
        app_id: object = "4242" if self.faults.on("other_app") else granted.app.client_id
        expires_at = self.now() - 1 if self.faults.on("token_expired") else granted.issued_at + _LIFE
        return {
            "app_id": int(str(app_id)) if self.faults.on("number_app_id") else app_id,
            "type": "PAGE" if self.faults.on("page_token") else "USER",
            "application": "An app",
            "expires_at": expires_at,
            "data_access_expires_at": granted.issued_at + _LIFE,
            "is_valid": True,
            "issued_at": granted.issued_at,
            "scopes": list(granted.scope),
            "user_id": self.subject(granted.person),
        }

    # --- Limited Login ---

    async def _discovery(self, call: Call) -> Response:
        signed = {"id_token_signing_alg_values_supported": ["RS256"], "subject_types_supported": ["pairwise"]}
        return json_answer({"issuer": ISSUER, "jwks_uri": f"{_LIMITED}/oauth/openid/jwks/", **signed})

    async def _jwks(self, call: Call) -> Response:
        return json_answer({"keys": [k.jwk(use="sig") for k in self.signer().published()]})


def graph_error(
    code: int, message: str, *, kind: str = "OAuthException", subcode: int = 0, status: int = 400
) -> Response:
    """An error of the Graph API, which is never one of OAuth's."""
    error: Claims = {"message": message, "type": kind, "code": code, "fbtrace_id": "AbC"}
    return json_answer({"error": error | ({"error_subcode": subcode} if subcode else {})}, status)


def proof(token: str, secret: str, at: str = "") -> str:
    """`appsecret_proof`, of a point in time where one is named."""
    return hmac.new(secret.encode(), (f"{token}|{at}" if at else token).encode(), sha256).hexdigest()


def _photo(person: Person) -> Claims:
    url = f"https://platform-lookaside.fbsbx.com/{person.key}.jpg"
    return {"height": 256, "width": 256, "is_silhouette": not person.picture, "url": url}
