"""Google: OpenID Connect, RS256, two published keys. From developers.google.com/identity (read 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

from starlette.responses import Response

from broker.demo.call import Call, client_credentials
from broker.demo.faults import OAUTH
from broker.demo.people import Person
from broker.demo.rules import documented, guessed, measured
from broker.demo.upstreams.answers import back_to, error_answer, json_answer
from broker.demo.upstreams.base import Emulator, Grant, Handler, OneTime, RegisteredApp
from broker.demo.upstreams.control import KitOrder
from broker.demo.upstreams.events import event_routes
from broker.demo.upstreams.google_events import DOCUMENT, RISC_RULES, security_event, show_configuration
from broker.demo.upstreams.google_gsi import GSI, GSI_RULES
from broker.demo.upstreams.id_tokens import ID_TOKEN_FAULTS, Claims, Signer, falsified, kit_claims
from broker.demo.upstreams.keys import challenge_of, half_hash, key

ISSUER = "https://accounts.google.com"
_URL = "https://www.googleapis.com/auth/userinfo."
_LONG_SCOPES = {"email": _URL + "email", "profile": _URL + "profile"}
_KEYS = ("emu-google-1", "emu-google-2", "emu-google-3")


@dataclass(frozen=True, slots=True)
class Granted(Grant):
    """`offline` has a refresh token."""

    offline: bool = False


class Google(Emulator):
    """accounts.google.com, oauth2.googleapis.com, openidconnect.googleapis.com and www.googleapis.com in one."""

    type = "google"
    port = 8410
    settings: ClassVar[Mapping[str, object]] = {
        "client_id": "test-google.apps.googleusercontent.com",
        "client_secret": "test-google-secret",
    }
    title = "Google"
    colour = "#4285f4"
    fronts = ("/o/oauth2/", "/gsi/")
    works = (
        "discovery, keys, code flow with PKCE, refresh, userinfo, revocation, tokeninfo; `/gsi/client` with One Tap"
        " and the button: callback, and a POST to `login_uri` with `g_csrf_token`; security events"
    )
    missing = "FedCM (One Tap is a frame here, which a browser would draw itself), how security events are ordered"
    rules = (
        documented("`redirect_uri` is one of the registered ones, letter by letter; otherwise Google's own error page"),
        documented("a code is good once, for its client and redirect URI, and with the verifier of its challenge"),
        documented("`iss` in the callback; two spellings of `iss` in ID tokens"),
        documented("`hd` only for accounts of an organization"),
        measured("short scope names come back as URLs"),
        measured("former addresses, and the access token in the query of userinfo, as passport's strategy has them"),
        guessed("the exact words of errors at the token endpoint"),
        *GSI_RULES,
        *RISC_RULES,
    )
    faults_known = (
        *OAUTH,
        "wrong_iss_param",
        *ID_TOKEN_FAULTS,
        "bare_issuer",
        "wrong_azp",
        "many_audiences",
        "wrong_at_hash",
        "email_as_text",
        "hosted_domain",
        "hd_gmail",
        "other_user_id",
    )

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        return (
            ("/.well-known/openid-configuration", ("GET",), self._discovery),
            ("/oauth2/v3/certs", ("GET",), self._jwks),
            *((path, ("GET",), self._authorize) for path in ("/o/oauth2/v2/auth", "/o/oauth2/auth")),
            *((path, ("POST",), self._token) for path in ("/token", "/oauth2/v4/token", "/o/oauth2/token")),
            *((path, ("GET", "POST"), self._userinfo) for path in ("/v1/userinfo", "/oauth2/v3/userinfo")),
            ("/revoke", ("POST",), self._revoke),
            ("/tokeninfo", ("GET", "POST"), self._tokeninfo),
            ("/_emulator/kit", ("POST",), self._kit),
            (DOCUMENT, ("GET",), show_configuration),
            *event_routes(self, partial(security_event, self)),
            *(("/gsi/" + page, ("GET",), partial(show, self)) for page, show in GSI.items()),
        )

    def forget(self) -> None:
        self.codes = OneTime[Granted](600, self.clock, lambda: "4/0" + self.mint())
        self.tokens = OneTime[Granted](3599, self.clock, lambda: "ya29." + self.mint())
        self.refreshers = OneTime[Granted](180 * 86400, self.clock, lambda: "1//0" + self.mint())

    def signer(self) -> Signer:
        """Two keys are published at any time; a rotation drops the first and adds a third."""
        first, second, third = (key(kid, "RS256") for kid in _KEYS)
        return Signer(self.faults, (first, second), (second, third))

    async def _discovery(self, call: Call) -> Response:
        return json_answer(DISCOVERY, Cache_Control="public, max-age=3600")

    async def _jwks(self, call: Call) -> Response:
        keys = [k.jwk(use="sig") for k in self.signer().published()]
        return json_answer({"keys": keys}, Cache_Control="public, max-age=19800, must-revalidate")

    async def _authorize(self, call: Call) -> Response:
        app = self.registered(call, "invalid_client", "redirect_uri_mismatch")
        if problem := _problem(call):
            return self.refuse(call, problem)
        redirect_uri, state = call.get("redirect_uri"), self.state_of(call)
        if call.get("prompt") == "none" and not self.control.choice.person:
            denied = {"error": "interaction_required", "error_subtype": "access_denied", "state": state}
            return back_to(redirect_uri, denied)
        person = self.ask(call, lambda: back_to(redirect_uri, {"error": "access_denied", "state": state}))
        granted = replace(Granted.asked(call, person, app), offline=call.get("access_type") == "offline")
        iss = "https://accounts.example.com" if self.faults.on("wrong_iss_param") else ISSUER
        answer = {"state": state, "iss": iss, "code": self.codes.give(granted), "scope": _long(granted.scope)}
        return back_to(redirect_uri, {**answer, "authuser": "0", "hd": self._hd(), "prompt": "consent"})

    async def _kit(self, call: Call) -> Response:
        """What Credential Manager, or Google's kit for iOS, hands to an app."""
        order = KitOrder.model_validate(call.json)
        claims = kit_claims(order, self.apps.values(), self.now())
        granted = Granted(self.living(order.person), next(iter(self.apps.values())), "", ("openid", "email", "profile"))
        claims |= {"iss": ISSUER, **self._profile(granted)}
        if self.faults.on("no_id"):
            del claims["sub"]
        return json_answer({"id_token": self.signer().sign(falsified(claims, self.faults))})

    def credential(self, person: Person, app: RegisteredApp, nonce: str) -> str:
        """What Google Identity Services hand to a page of this app; no access token comes with it."""
        granted = Granted(person, app, "", ("openid", "email", "profile"), nonce)
        claims = self._claims(granted, "") | {"nbf": self.now(), "jti": self.mint()}
        del claims["at_hash"]
        return self.signer().sign(claims)

    async def _token(self, call: Call) -> Response:
        client_id, secret = client_credentials(call)
        app = self.apps.get(client_id)
        if app is None:
            return error_answer("invalid_client", "The OAuth client was not found.", 401)
        if secret != app.client_secret:
            return error_answer("invalid_client", "Unauthorized", 401)
        if self.faults.on("error_200"):
            return error_answer("invalid_grant", "Bad Request", 200)
        if self.faults.on("invalid_grant"):
            return error_answer("invalid_grant", "Bad Request")
        if call.get("grant_type") == "refresh_token":
            return self._refreshed(call, app)
        if call.get("grant_type") != "authorization_code":
            return error_answer("unsupported_grant_type", f"Invalid grant_type: {call.get('grant_type')}")
        return self._exchanged(call, app)

    def _exchanged(self, call: Call, app: RegisteredApp) -> Response:
        code = call.get("code")
        if not code:
            return error_answer("invalid_request", "Missing required parameter: code")
        if not code.startswith("4/"):
            return error_answer("invalid_grant", "Malformed auth code.")
        granted = self.codes.take(code)
        if granted is None or granted.app.client_id != app.client_id:
            return error_answer("invalid_grant", "Bad Request")
        if granted.redirect_uri != call.get("redirect_uri"):
            return error_answer("redirect_uri_mismatch", "Bad Request")
        verifier = call.get("code_verifier")
        if granted.challenge and not verifier:
            return error_answer("invalid_grant", "Missing code verifier.")
        if granted.challenge and challenge_of(verifier) != granted.challenge:
            return error_answer("invalid_grant", "Invalid code verifier.")
        return json_answer(self._tokens_for(granted), Cache_Control="no-store")

    def _refreshed(self, call: Call, app: RegisteredApp) -> Response:
        granted = self.refreshers.look(call.get("refresh_token"))
        if granted is None or granted.app.client_id != app.client_id:
            return error_answer("invalid_grant", "Token has been expired or revoked.")
        answer = self._tokens_for(granted)
        answer.pop("refresh_token", None)
        return json_answer(answer, Cache_Control="no-store")

    def _tokens_for(self, granted: Granted) -> Claims:
        access_token = self.tokens.give(granted)
        answer: Claims = {
            "access_token": access_token,
            "expires_in": 3599,
            "scope": _long(granted.scope),
            "token_type": "Bearer",
        }
        if "openid" in granted.scope and not self.faults.on("no_id_token"):
            answer["id_token"] = self.signer().sign(self._claims(granted, access_token))
        if granted.offline:
            answer["refresh_token"] = self.refreshers.give(granted)
        return answer

    def _claims(self, granted: Granted, access_token: str) -> Claims:
        now = self.now()
        claims: Claims = {
            "iss": ISSUER,
            "azp": granted.app.client_id,
            "aud": granted.app.client_id,
            **self._profile(granted),
            "at_hash": half_hash(access_token),
            "iat": now,
            "exp": now + 3600,
        }
        if granted.nonce:
            claims["nonce"] = granted.nonce
        if self.faults.on("no_id"):
            del claims["sub"]
        return falsified(claims, self.faults)

    def _profile(self, granted: Granted) -> Claims:
        """The members of UserInfo; what a person does not have is not there."""
        person = granted.person
        found: Claims = {"sub": person.ids["google"]}
        if "profile" in granted.scope:
            picture = f"https://lh3.googleusercontent.com/a/{person.key}=s96-c" if person.picture else ""
            found |= {"name": person.name, "given_name": person.given_name, "family_name": person.family_name}
            found |= {"picture": picture}
        if "email" in granted.scope and person.email:
            found |= {"email": person.email_at("google"), "email_verified": True, "hd": self._hd()}
        return self.told(person, {name: value for name, value in found.items() if value})

    def _hd(self) -> str:
        if self.faults.active("hosted_domain"):
            return "example.org"
        return "gmail.com" if self.faults.active("hd_gmail") else ""

    async def _userinfo(self, call: Call) -> Response:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        granted = self.tokens.look(token if scheme == "Bearer" else call.query.get("access_token", ""))
        if granted is None:
            return error_answer("invalid_request", "Invalid Credentials", 401)
        found = self._profile(granted)
        return json_answer({**found, "sub": "1"} if self.faults.on("other_user_id") else found)

    async def _revoke(self, call: Call) -> Response:
        token = call.get("token")
        if self.tokens.take(token) is None and self.refreshers.take(token) is None:
            return error_answer("invalid_token", "Token expired or revoked")
        return json_answer({})

    async def _tokeninfo(self, call: Call) -> Response:
        """quirk(google): every value is text; an access token is all this emulator looks up."""
        granted = self.tokens.look(call.get("access_token"))
        if granted is None:
            return error_answer("invalid_token", "Invalid Value")
        client_id = granted.app.client_id
        return json_answer({"aud": client_id, "azp": client_id, "scope": _long(granted.scope), **self._texts(granted)})

    def _texts(self, granted: Granted) -> Claims:
        return {name: str(value).lower() if value is True else value for name, value in self._profile(granted).items()}


def _problem(call: Call) -> str:
    """What the service shows on its own page instead of answering, or ""."""
    if call.get("response_type") != "code" or not call.get("scope"):
        return "invalid_request"
    if call.get("code_challenge") and call.get("code_challenge_method") != "S256":
        return "invalid_grant"
    return ""


def _long(scope: tuple[str, ...]) -> str:
    """quirk(google): short scope names come back as URLs."""
    return " ".join(_LONG_SCOPES.get(name, name) for name in scope)


DISCOVERY = {
    "issuer": ISSUER,
    "authorization_endpoint": f"{ISSUER}/o/oauth2/v2/auth",
    "device_authorization_endpoint": "https://oauth2.googleapis.com/device/code",
    "token_endpoint": "https://oauth2.googleapis.com/token",
    "userinfo_endpoint": "https://openidconnect.googleapis.com/v1/userinfo",
    "revocation_endpoint": "https://oauth2.googleapis.com/revoke",
    "jwks_uri": "https://www.googleapis.com/oauth2/v3/certs",
    "response_types_supported": ["code", "token", "id_token", "code token", "code id_token", "none"],
    "subject_types_supported": ["public"],
    "id_token_signing_alg_values_supported": ["RS256"],
    "scopes_supported": ["openid", "email", "profile"],
    "token_endpoint_auth_methods_supported": ["client_secret_post", "client_secret_basic"],
    "claims_supported": [
        *("aud", "email", "email_verified", "exp", "family_name", "given_name", "iat", "iss", "name", "picture", "sub"),
    ],
    "code_challenge_methods_supported": ["plain", "S256"],
    "grant_types_supported": ["authorization_code", "refresh_token"],
}
