"""Microsoft: one service, many tenants, each an issuer. From learn.microsoft.com/entra/identity-platform (2026-11)."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from hashlib import sha256
from typing import ClassVar, Final

from starlette.responses import HTMLResponse, Response

from broker.core.jose.compact import b64url
from broker.demo.call import Call, client_credentials
from broker.demo.faults import OAUTH
from broker.demo.pages import posting_page
from broker.demo.people import Person
from broker.demo.upstreams.answers import back_to, json_answer
from broker.demo.upstreams.base import Emulator, Grant, Handler, OneTime, Refused, RegisteredApp
from broker.demo.upstreams.control import KitOrder
from broker.demo.upstreams.id_tokens import ID_TOKEN_FAULTS, Changes, Claims, Signer, falsified, kit_claims
from broker.demo.upstreams.keys import Key, challenge_of, key
from broker.demo.upstreams.microsoft_answers import DISCOVERY, graph_person, graph_problem, graph_selected, problem
from broker.demo.upstreams.microsoft_rules import RULES, WORKS

HOST: Final = "https://login.microsoftonline.com"
PERSONAL: Final = "9188040d-6c67-4c5b-b112-36a304b66dad"
TENANT_A, TENANT_B = "11111111-2222-3333-4444-555555555555", "66666666-7777-8888-9999-aaaaaaaaaaaa"
TEMPLATE: Final = f"{HOST}/{{tenantid}}/v2.0"
_GUID = re.compile(r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}")
_SHARED = ("common", "organizations", "consumers")
_PROMPTS = frozenset({"", "login", "none", "consent", "select_account"})


@dataclass(frozen=True, slots=True)
class Granted(Grant):
    """`audience`: the client id that it was given to, of our server or of an app."""

    audience: str = ""


def _v1(claims: Claims) -> Claims:
    return {**claims, "iss": f"https://sts.windows.net/{claims['tid']}/", "ver": "1.0"}


_CHANGES: Final[Changes] = {
    "other_tenant": lambda c: {**c, "tid": TENANT_A if c["tid"] != TENANT_A else TENANT_B},
    "template_issuer": lambda c: {**c, "iss": TEMPLATE},
    "v1_token": _v1,
}


class Microsoft(Emulator):
    """login.microsoftonline.com and Graph: Ada works in one tenant, Zoe in another, Boris has a personal account.

    Extras of an app: `tenant`; where that is an id, it is the tenant of Ada and of everybody else who works.
    """

    type = "microsoft"
    port = 8422
    settings: ClassVar[Mapping[str, object]] = {
        "client_id": "cccccccc-0000-4000-8000-000000000009",
        "client_secret": "test~microsoft.secret",
    }
    rules, works = RULES, WORKS
    title = "Microsoft"
    colour = "#0067b8"
    fronts = ("/common/oauth2/v2.0/authorize",)
    faults_known = (
        *OAUTH,
        *ID_TOKEN_FAULTS,
        "many_audiences",
        "other_discovery",
        "other_tenant",
        "template_issuer",
        "v1_token",
        "other_key",
    )

    def is_front(self, path: str) -> bool:
        """Of whatever tenant."""
        return path.endswith("/oauth2/v2.0/authorize")

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        return (
            ("/{tenant}/v2.0/.well-known/openid-configuration", ("GET",), self._discovery),
            ("/{tenant}/discovery/v2.0/keys", ("GET",), self._jwks),
            ("/{tenant}/oauth2/v2.0/authorize", ("GET",), self._authorize),
            ("/{tenant}/oauth2/v2.0/token", ("POST",), self._token),
            ("/v1.0/me", ("GET",), self._me),
            ("/_emulator/kit", ("POST",), self._kit),
        )

    def forget(self) -> None:
        self.codes = OneTime[Granted](600, self.clock, lambda: "1.A" + self.mint() * 40)
        self.tokens = OneTime[Granted](3599, self.clock, lambda: "EwB" + self.mint())
        self.refreshers = OneTime[Granted](90 * 86400, self.clock, lambda: "M.C5" + self.mint())

    # --- people and tenants ---

    @property
    def home(self) -> str:
        """The tenant of who works where nothing else is said."""
        named = (app.extras.get("tenant", "") for app in self.apps.values())
        return next((tenant for tenant in named if _GUID.fullmatch(tenant)), TENANT_A)

    def tenant_of(self, person: Person) -> str:
        """Where they are at home."""
        return {"boris": PERSONAL, "zoe": TENANT_B}.get(person.key, self.home)

    def oid(self, person: Person) -> str:
        """The object id: of a personal account it begins with zeros."""
        number = int(person.id_at(self.type))
        text = f"{number:032x}" if self.tenant_of(person) == PERSONAL else sha256(f"{number}".encode()).hexdigest()[:32]
        return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))

    def subject(self, person: Person) -> str:
        """Of a person in their tenant, as Microsoft's own kits name accounts."""
        return f"{self.oid(person)}.{self.tenant_of(person)}"

    # --- metadata and keys ---

    async def _discovery(self, call: Call) -> Response:
        """quirk(microsoft): where many tenants share an address, `issuer` is a template with literal braces."""
        tenant = self._named(call)
        issuer = {"common": TEMPLATE, "organizations": TEMPLATE, "consumers": f"{HOST}/{PERSONAL}/v2.0"}.get(tenant)
        if self.faults.active("other_discovery"):
            issuer = "https://accounts.example.com"
        at = f"{HOST}/{tenant}"
        return json_answer(
            {
                "issuer": issuer or f"{at}/v2.0",
                "authorization_endpoint": f"{at}/oauth2/v2.0/authorize",
                "token_endpoint": f"{at}/oauth2/v2.0/token",
                "jwks_uri": f"{at}/discovery/v2.0/keys",
                **DISCOVERY,
            }
        )

    def _keys(self) -> dict[str, tuple[Key, Key]]:
        """By the issuer that they sign for: the one that signs now, and the one after a rotation."""
        found = {"work": TEMPLATE, "personal": f"{HOST}/{PERSONAL}/v2.0"}
        return {
            issuer: (key(f"emu-microsoft-{name}-1", "RS256"), key(f"emu-microsoft-{name}-2", "RS256"))
            for name, issuer in found.items()
        }

    async def _jwks(self, call: Call) -> Response:
        """quirk(microsoft): keys name the issuer that they sign for."""
        self._named(call)
        turned = self.faults.active("rotated_keys")
        keys = [pair[turned].jwk(use="sig", issuer=issuer) for issuer, pair in self._keys().items()]
        return json_answer({"keys": keys}, Cache_Control="max-age=86400, private")

    def _signer(self, tenant: str) -> Signer:
        work, personal = self._keys().values()
        now, after = personal if (tenant == PERSONAL) is not self.faults.on("other_key") else work
        return Signer(self.faults, (now,), (after,))

    # --- there and back ---

    def _named(self, call: Call) -> str:
        """The tenant of the path; raises Refused for one that is nobody's."""
        tenant = call.path.split("/")[1]
        if tenant not in (*_SHARED, TENANT_A, TENANT_B, self.home):
            raise Refused(problem("invalid_tenant", 90002, f"Tenant '{tenant}' not found."))
        return tenant

    async def _authorize(self, call: Call) -> Response:
        tenant = self._named(call)
        app = self.registered(call, "AADSTS700016: unknown application", "AADSTS50011: the redirect URI does not match")
        if problem := _problem(call):
            return self._answer(call, {"error": problem, "error_description": "AADSTS900144"})
        if call.get("prompt") == "none" and not self.control.choice.person:
            return self._answer(call, {"error": "login_required", "error_description": "AADSTS50058"})
        person = self.ask(call, lambda: self._answer(call, {"error": "access_denied", "error_subcode": "cancel"}))
        if not _admits(tenant, self.tenant_of(person)):
            return self.refuse(call, "AADSTS50020: this account is not of this tenant")
        granted = replace(Granted.asked(call, person, app), audience=app.client_id)
        return self._answer(call, {"code": self.codes.give(granted), "session_state": self.mint()})

    def _answer(self, call: Call, params: Mapping[str, str]) -> Response:
        full, where = {**params, "state": self.state_of(call)}, call.get("redirect_uri")
        if call.get("response_mode") == "form_post":
            return HTMLResponse(posting_page(self, call, where, full))
        return back_to(where, full, fragment=call.get("response_mode") == "fragment")

    async def _kit(self, call: Call) -> Response:
        """The ID token that an app on a phone has in the end, which is a registration of its own."""
        order = KitOrder.model_validate(call.json)
        claims = kit_claims(order, self.apps.values(), self.now())
        granted = Granted(self.living(order.person), next(iter(self.apps.values())), "", _ALL, order.nonce)
        times = {"iat": claims["iat"], "nbf": claims["iat"], "exp": claims["exp"]}
        return json_answer({"id_token": self._sign(replace(granted, audience=order.app), **times)})

    # --- the token endpoint ---

    async def _token(self, call: Call) -> Response:
        self._named(call)
        client_id, secret = client_credentials(call)
        app = self.apps.get(client_id)
        if app is None:
            return problem("unauthorized_client", 700016, "Application was not found in the directory.")
        if secret != app.client_secret:
            return problem("invalid_client", 7000215, "Invalid client secret provided.", 401)
        if self.faults.on("error_200"):
            return problem("invalid_grant", 70008, "The provided authorization code has expired.", 200)
        kind = call.get("grant_type")
        if kind not in {"authorization_code", "refresh_token"}:
            return problem("unsupported_grant_type", 70003, "The grant type is not supported.")
        granted = self._refreshed(call, app) if kind == "refresh_token" else self._redeemed(call, app)
        if isinstance(granted, int) or self.faults.on("invalid_grant"):
            return problem("invalid_grant", granted if isinstance(granted, int) else 70008, "The grant is not valid.")
        return json_answer(self._tokens_for(granted), Cache_Control="no-store")

    def _redeemed(self, call: Call, app: RegisteredApp) -> Granted | int:
        """What the code stands for, or the number of the error."""
        granted = self.codes.take(call.get("code"))
        if granted is None or granted.app != app:
            return 54005
        if granted.redirect_uri != call.get("redirect_uri"):
            return 50011
        proof = challenge_of(call.get("code_verifier")) if call.get("code_verifier") else ""
        return granted if proof == granted.challenge else 501481

    def _refreshed(self, call: Call, app: RegisteredApp) -> Granted | int:
        granted = self.refreshers.look(call.get("refresh_token"))
        return replace(granted, nonce="") if granted is not None and granted.app == app else 70008

    def _tokens_for(self, granted: Granted) -> Claims:
        scope = " ".join(word for word in granted.scope if word != "offline_access")
        answer: Claims = {"token_type": "Bearer", "scope": scope, "expires_in": 3599, "ext_expires_in": 3599}
        answer["access_token"] = self.tokens.give(granted)
        if "openid" in granted.scope and not self.faults.on("no_id_token"):
            answer["id_token"] = self._sign(granted)
        if "offline_access" in granted.scope:
            answer["refresh_token"] = self.refreshers.give(granted)
        return answer

    # --- Microsoft Graph ---

    async def _me(self, call: Call) -> Response:
        scheme, _, token = call.headers.get("authorization", "").partition(" ")
        granted = self.tokens.look(token) if scheme.lower() == "bearer" else None
        if granted is None or granted.audience not in self.apps:
            return graph_problem("InvalidAuthenticationToken", "Access token validation failure.", 401)
        if "user.read" not in {word.rpartition("/")[2].lower() for word in granted.scope}:
            return graph_problem("Authorization_RequestDenied", "Insufficient privileges to complete the operation.")
        person = granted.person
        about = self.told(person, graph_person(person, self._graph_id(person), person.email_at(self.type)))
        return json_answer(graph_selected(about, call.query.get("$select", "")))

    def _graph_id(self, person: Person) -> str:
        """`oid`; of a personal account without its zeros."""
        oid = self.oid(person)
        return oid.replace("-", "")[16:] if self.tenant_of(person) == PERSONAL else oid

    def _sign(self, granted: Granted, **more: object) -> str:
        now, person, tenant = self.now(), granted.person, self.tenant_of(granted.person)
        claims: Claims = {"ver": "2.0", "iss": f"{HOST}/{tenant}/v2.0", "aud": granted.audience, "tid": tenant}
        pairwise = b64url(sha256(f"{self.oid(person)} {granted.audience}".encode()).digest())
        claims |= {"sub": pairwise, "iat": now, "nbf": now, "exp": now + 3900, "uti": self.mint()[:22], **more}
        if granted.nonce:
            claims["nonce"] = granted.nonce
        claims |= self.told(person, self._profile(granted))
        if self.faults.on("no_id"):
            claims = {name: value for name, value in claims.items() if name not in {"sub", "oid"}}
        signer = self._signer(tenant)
        return signer.sign(falsified(falsified(claims, self.faults, _CHANGES), self.faults))

    def _profile(self, granted: Granted) -> Claims:
        """`email` and `xms_edov` are registered as optional claims; Zoe's tenant has not proved the domain of hers."""
        person, found = granted.person, Claims()
        if "profile" in granted.scope:
            login = person.email_at(self.type) or f"{person.key}@outlook.com"
            found |= {"oid": self.oid(person), "name": person.name, "preferred_username": login}
        if "email" in granted.scope and person.email_at(self.type):
            found["email"] = person.email_at(self.type)
            found |= {"xms_edov": True} if self.tenant_of(person) == self.home else {}
        return found


_ALL: Final = ("openid", "profile", "email")


def _admits(named: str, tenant: str) -> bool:
    """Whether an account of this tenant may come by that path."""
    kinds = {"common": True, "organizations": tenant != PERSONAL, "consumers": tenant == PERSONAL}
    return kinds.get(named, named == tenant)


def _problem(call: Call) -> str:
    """The error of an authorization request, or ""."""
    if call.get("response_type") != "code":
        return "unsupported_response_type"
    if call.get("prompt") not in _PROMPTS or call.get("response_mode") not in {"", "query", "fragment", "form_post"}:
        return "invalid_request"
    plain = call.get("code_challenge") and call.get("code_challenge_method") != "S256"
    return "invalid_request" if plain or not call.get("scope") else ""
