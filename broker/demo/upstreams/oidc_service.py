"""What issuers share that are the OpenID Connect of one service: paths, document and claims of their own."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping, Sequence
from typing import ClassVar

from starlette.responses import Response

from broker.demo.call import Call
from broker.demo.faults import OAUTH
from broker.demo.upstreams.answers import json_answer
from broker.demo.upstreams.base import Handler
from broker.demo.upstreams.control import KitOrder
from broker.demo.upstreams.id_tokens import ID_TOKEN_FAULTS, Claims, falsified, kit_claims
from broker.demo.upstreams.keys import half_hash
from broker.demo.upstreams.oidc import Oidc
from broker.demo.upstreams.oidc_logins import Granted


class OidcService(Oidc):
    """An issuer whose ID tokens tell everything. `home` is what it calls itself, unless the apps name another.

    `places`: members of its discovery document that are addresses, and where they are below the issuer; the others of
    them are in `document`.
    """

    home: ClassVar[str]
    places: ClassVar[Mapping[str, str]]
    document: ClassVar[Mapping[str, object]]
    faults_known = (*OAUTH, *ID_TOKEN_FAULTS, "no_kid", "two_keys", "other_discovery", "email_as_text", "other_user_id")

    @property
    def issuer(self) -> str:
        """What the first app names, else `home`."""
        return next((app.extras["issuer"] for app in self.apps.values() if "issuer" in app.extras), self.home)

    @abstractmethod
    def claims_of(self, granted: Granted) -> Claims:
        """What an ID token says of a person, as far as it was asked for and is there."""

    def also_in_userinfo(self, granted: Granted) -> Claims:
        """What only userinfo says."""
        return {}

    def beside(self, granted: Granted) -> Claims:
        """Members of the token answer beside those of OIDC Core 3.1.3.3."""
        return {}

    def sub(self, granted: Granted) -> str:
        """The `sub` of a person."""
        return self.subject(granted.person)

    def routes(self) -> Sequence[tuple[str, tuple[str, ...], Handler]]:
        """Its document, what that names, and the kit."""
        handlers: Mapping[str, tuple[tuple[str, ...], Handler]] = {
            "authorization_endpoint": (("GET",), self._authorize),
            "token_endpoint": (("POST",), self._token),
            "userinfo_endpoint": (("GET", "POST"), self._userinfo),
            "jwks_uri": (("GET",), self._jwks),
            "revocation_endpoint": (("POST",), self._revoke),
        }
        return [
            (f"{self._prefix}/.well-known/openid-configuration", ("GET",), self._discovery),
            *((self._prefix + path, *handlers[member]) for member, path in self.places.items()),
            ("/_emulator/kit", ("POST",), self._kit),
        ]

    async def _discovery(self, call: Call) -> Response:
        addresses = {member: self.issuer.removesuffix("/") + path for member, path in self.places.items()}
        issuer = "https://accounts.example.com" if self.faults.on("other_discovery") else self.issuer
        return json_answer({"issuer": issuer, **addresses, **self.document}, Cache_Control="public, max-age=3600")

    async def _kit(self, call: Call) -> Response:
        order = KitOrder.model_validate(call.json)
        granted = self.kept(self.living(order.person), next(iter(self.apps.values())), "", self._all_scopes)
        of_the_kit = kit_claims(order, self.apps.values(), self.now())  # in place of what one of our pages would have
        claims = {"iss": self.issuer, **self._about(granted, of_the_kit)}
        return json_answer({"id_token": self.signer().sign(falsified(claims, self.faults))})

    @property
    def _all_scopes(self) -> tuple[str, ...]:
        return ("openid", "profile", "email")

    def _about(self, granted: Granted, instead: Claims | None = None) -> Claims:
        found = {"sub": self.sub(granted), **self.told(granted.person, {**self.claims_of(granted), **(instead or {})})}
        return {name: value for name, value in found.items() if name != "sub" or not self.faults.on("no_id")}

    def _tokens_for(self, granted: Granted) -> Claims:
        answer = super()._tokens_for(granted) | self.beside(granted)
        return {name: value for name, value in answer.items() if name != "id_token" or "openid" in granted.scope}

    def _claims(self, granted: Granted, access_token: str) -> Claims:
        now = self.now()
        claims: Claims = {"iss": self.issuer, "aud": granted.app.client_id, "iat": now, "exp": now + 300}
        claims |= {"at_hash": half_hash(access_token), **self._about(granted)}
        return falsified(claims | ({"nonce": granted.nonce} if granted.nonce else {}), self.faults)

    async def _userinfo(self, call: Call) -> Response:
        granted = self.tokens.look(call.headers.get("authorization", "").partition(" ")[2])
        if granted is None:
            return json_answer({"error": "invalid_token"}, 401, WWW_Authenticate='Bearer error="invalid_token"')
        about = granted.of_somebody_else() if self.faults.on("other_user_id") else granted
        return json_answer({**self._about(about), **self.also_in_userinfo(about)})
