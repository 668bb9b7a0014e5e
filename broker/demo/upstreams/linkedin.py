"""LinkedIn: its thin OpenID Connect. From learn.microsoft.com/en-us/linkedin (read 2026-11)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import ClassVar

from starlette.responses import Response

from broker.demo.call import Call
from broker.demo.faults import OAUTH
from broker.demo.people import Person
from broker.demo.rules import documented, guessed, measured
from broker.demo.upstreams.answers import back_to, error_answer, json_answer
from broker.demo.upstreams.base import Emulator, Grant, Handler, OneTime, Refused, RegisteredApp
from broker.demo.upstreams.control import KitOrder
from broker.demo.upstreams.id_tokens import ID_TOKEN_FAULTS, Claims, Signer, falsified
from broker.demo.upstreams.keys import key

ISSUER, OLD_ISSUER = "https://www.linkedin.com/oauth", "https://www.linkedin.com"
_KEYS = ("d929668a-bab1-4c69-9598-4373149723ff", "5c1d8e50-6f0b-4c0f-9c2e-0f8f2f2d9a11")
_SIXTY_DAYS = 60 * 86400
_CLAIMS = "iss aud iat exp sub name given_name family_name picture email email_verified locale"
_GIVEN = {"openid", "profile", "email"}


class LinkedIn(Emulator):
    """www.linkedin.com and api.linkedin.com in one."""

    type = "linkedin"
    port = 8419
    settings: ClassVar[Mapping[str, object]] = {
        "client_id": "86testclientid9",
        "client_secret": "test-linkedin-secret",
    }
    title = "LinkedIn"
    colour = "#0a66c2"
    fronts = ("/oauth/v2/authorization",)
    works = "discovery, keys, code flow without PKCE, userinfo, introspection"
    rules = (
        documented("the secret in the form; a code is good once, for half an hour, for its client and redirect URL"),
        documented("`email_verified` is text in the ID token and a boolean at userinfo; scopes are told with commas"),
        documented("introspection: a token of another app is not active"),
        documented("a refusal is `user_cancelled_login` or `user_cancelled_authorize`"),
        measured(
            "no nonce in the ID token, whatever was asked; a `code_verifier` or a header ends the exchange with "
            "`invalid_client`"
        ),
        measured("the issuer until 2024 (fault `old_issuer`)"),
        guessed("`unauthorized_scope_error`; the bodies of errors at userinfo; which of several errors is told first"),
    )
    faults_known = (
        *OAUTH,
        *(fault for fault in ID_TOKEN_FAULTS if fault != "no_nonce"),
        "echoed_nonce",
        "old_issuer",
        "cancelled_login",
        "no_product",
        "email_as_flag",
        "no_verified_flag",
        "thin_id_token",
        "other_user_id",
        "unauthorized",
        "other_app",
        "of_an_app",
        "revoked",
    )

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        return (
            ("/oauth/.well-known/openid-configuration", ("GET",), self._discovery),
            ("/oauth/openid/jwks", ("GET",), self._jwks),
            ("/oauth/v2/authorization", ("GET",), self._authorize),
            ("/oauth/v2/accessToken", ("POST",), self._token),
            ("/oauth/v2/introspectToken", ("POST",), self._introspect),
            ("/v2/userinfo", ("GET",), self._userinfo),
            ("/_emulator/kit", ("POST",), self._kit),
        )

    def forget(self) -> None:
        self.codes = OneTime[Grant](1800, self.clock, lambda: "AQ" + self.mint() * 3)
        self.tokens = OneTime[tuple[Grant, int]](_SIXTY_DAYS, self.clock, lambda: "AQX" + self.mint() * 14)

    def subject(self, person: Person) -> str:
        """quirk(linkedin): ten letters and digits, another ten in every app; here the same in all."""
        return f"aB{int(person.id_at(self.type)):08x}"[:12]

    def signer(self) -> Signer:
        """One key at any time."""
        first, second = (key(kid, "RS256") for kid in _KEYS)
        return Signer(self.faults, (first,), (second,))

    async def _discovery(self, call: Call) -> Response:
        return json_answer(DISCOVERY)

    async def _jwks(self, call: Call) -> Response:
        return json_answer({"keys": [one.jwk(use="sig") for one in self.signer().published()]})

    # --- what browsers visit ---

    async def _authorize(self, call: Call) -> Response:
        app, asked = self.apps.get(call.get("client_id")), set(call.get("scope").split())
        if app is None or call.get("redirect_uri") not in app.redirect_uris or call.get("response_type") != "code":
            return self.refuse(call, "Bummer, something went wrong.", status=401)
        if not asked or asked - _GIVEN or self.faults.on("no_product"):
            wrong = " ".join(sorted(asked - _GIVEN)) or "openid"
            text = f'Scope "{wrong}" is not authorized for your application'
            return self._back(call, error="unauthorized_scope_error", error_description=text)
        if self.faults.on("cancelled_login"):
            return self._back(call, error="user_cancelled_login", error_description="The user cancelled LinkedIn login")
        text = "The user cancelled the authorization"
        refused = {"error": "user_cancelled_authorize", "error_description": text}
        person = self.ask(call, lambda: self._back(call, **refused))
        return self._back(call, code=self.codes.give(Grant.asked(call, person, app)))

    def _back(self, call: Call, **answer: str) -> Response:
        return back_to(call.get("redirect_uri"), {**answer, "state": self.state_of(call)})

    async def _kit(self, call: Call) -> Response:
        """What an app gets in the end that sent somebody to LinkedIn itself."""
        order = KitOrder.model_validate(call.json)
        granted = Grant(self.living(order.person), self.app_of(order), "", ("openid", "profile", "email"))
        return json_answer({"access_token": self.tokens.give((granted, self.now()))})

    # --- the token endpoint ---

    async def _token(self, call: Call) -> Response:
        app = self._authenticated(call)
        for name in ("grant_type", "code", "redirect_uri"):
            if not call.form.get(name):
                return error_answer("invalid_request", f'A required parameter "{name}" is missing')
        if "code_verifier" in call.form:
            return error_answer("invalid_client", "Client authentication failed", 401)
        if self.faults.on("error_200"):
            return error_answer("invalid_request", "Unable to retrieve access token", 200)
        granted = self.codes.take(call.get("code"))
        if granted is None:
            return error_answer("invalid_request", "authorization code not found", 401)
        fits = (granted.app.client_id, granted.redirect_uri) == (app.client_id, call.get("redirect_uri"))
        if not fits or self.faults.on("invalid_grant"):
            text = "appid/redirect uri/code verifier does not match authorization code. Or authorization code expired."
            return error_answer("invalid_redirect_uri", text)
        return json_answer(self._tokens_for(granted))

    def _authenticated(self, call: Call) -> RegisteredApp:
        """By the form alone; raises Refused."""
        app = self.apps.get(call.form.get("client_id", ""))
        if app is None or call.form.get("client_secret") != app.client_secret or "authorization" in call.headers:
            raise Refused(error_answer("invalid_client", "Client authentication failed", 401))
        return app

    def _tokens_for(self, granted: Grant) -> dict[str, object]:
        # quirk(linkedin): in the order of letters, between commas (vendor docs read 2026-11)
        scope = ",".join(sorted(granted.scope))
        answer: dict[str, object] = {"access_token": self.tokens.give((granted, self.now())), "scope": scope}
        if "openid" in granted.scope and not self.faults.on("no_id_token"):
            answer["id_token"] = self.signer().sign(self._claims(granted))
        return {**answer, "expires_in": _SIXTY_DAYS - 1, "token_type": "Bearer"}

    def _claims(self, granted: Grant) -> Claims:
        """quirk(linkedin): no nonce, whatever was asked; a flag as text, a locale as one word."""
        now, issuer = self.now(), OLD_ISSUER if self.faults.on("old_issuer") else ISSUER
        claims: Claims = {"iss": issuer, "aud": granted.app.client_id, "iat": now, "exp": now + 3600}
        told = self._profile(granted)
        claims |= {"sub": told["sub"]} if self.faults.active("thin_id_token") else told
        if isinstance(claims.get("email_verified"), bool) and not self.faults.active("email_as_flag"):
            claims["email_verified"] = str(claims["email_verified"]).lower()
        if isinstance(locale := claims.get("locale"), dict):
            claims["locale"] = f"{locale['language']}_{locale['country']}"
        if self.faults.on("echoed_nonce"):
            claims["nonce"] = granted.nonce
        if self.faults.on("no_id"):
            del claims["sub"]
        return falsified(claims, self.faults)

    def _profile(self, granted: Grant) -> Claims:
        person = granted.person
        found: Claims = {"sub": self.subject(person)}
        if "profile" in granted.scope:
            found |= {"name": person.name, "given_name": person.given_name, "family_name": person.family_name}
            found["picture"] = f"https://media.licdn.com/dms/image/{person.key}?e=1800000000" if person.picture else ""
            found["locale"] = {"country": "US", "language": person.locale}
        if "email" in granted.scope and person.email_at(self.type):
            found["email"] = person.email_at(self.type)
            found |= {} if self.faults.active("no_verified_flag") else {"email_verified": True}
        return self.told(person, {name: value for name, value in found.items() if value})

    # --- the API ---

    async def _userinfo(self, call: Call) -> Response:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        kept = self.tokens.look(token) if scheme.lower() == "bearer" else None
        if kept is None or self.faults.on("unauthorized"):
            refusal = {"status": 401, "serviceErrorCode": 65600, "code": "INVALID_ACCESS_TOKEN"}
            return json_answer({**refusal, "message": "Invalid access token"}, 401)
        granted = kept[0].of_somebody_else() if self.faults.on("other_user_id") else kept[0]
        if "openid" not in granted.scope:
            refusal = {"status": 403, "serviceErrorCode": 100, "code": "ACCESS_DENIED"}
            return json_answer({**refusal, "message": "Not enough permissions to access: userinfo.GET.NO_VERSION"}, 403)
        found = self._profile(granted)
        if self.faults.on("no_id"):
            del found["sub"]
        return json_answer(found)

    async def _introspect(self, call: Call) -> Response:
        """quirk(linkedin): of another app's token it says no more than of one that never was."""
        app = self._authenticated(call)
        if not call.get("token"):
            return error_answer("invalid_request", "token is missing")
        kept = self.tokens.look(call.get("token"))
        if kept is None or kept[0].app.client_id != app.client_id:
            return json_answer({"active": False})
        granted, made_at = kept
        if self.faults.on("revoked"):
            return json_answer({"active": False, "status": "revoked"})
        return json_answer(
            {
                "active": True,
                "client_id": "86somebodyelse" if self.faults.on("other_app") else app.client_id,
                "authorized_at": made_at,
                "created_at": made_at,
                "status": "active",
                "expires_at": made_at + _SIXTY_DAYS,
                "scope": ",".join(sorted(granted.scope)),
                "auth_type": "2L" if self.faults.on("of_an_app") else "3L",
            }
        )


DISCOVERY = {
    "issuer": ISSUER,
    "authorization_endpoint": "https://www.linkedin.com/oauth/v2/authorization",
    "token_endpoint": "https://www.linkedin.com/oauth/v2/accessToken",
    "userinfo_endpoint": "https://api.linkedin.com/v2/userinfo",
    "jwks_uri": "https://www.linkedin.com/oauth/openid/jwks",
    "response_types_supported": ["code"],
    "subject_types_supported": ["pairwise"],
    "id_token_signing_alg_values_supported": ["RS256"],
    "scopes_supported": ["openid", "profile", "email"],
    "claims_supported": _CLAIMS.split(),
}
