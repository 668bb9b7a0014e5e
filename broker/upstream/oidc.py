"""OpenID Connect as a relying party: the code flow plus nonce and a verified ID token (OIDC Core 3.1)."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import replace
from typing import Annotated, ClassVar, Self

from pydantic import Field, model_validator

from broker.core.errors import UpstreamInvalid
from broker.core.people.identity import Identity, UpstreamSession
from broker.core.terms import PostedKind
from broker.core.upstream_tokens import UpstreamTokens
from broker.upstream.abilities import SignedIdentity
from broker.upstream.discovery import Metadata
from broker.upstream.extra_claims import ExtraSettings, with_extra
from broker.upstream.fields import Fields, SignedAnswer
from broker.upstream.jwt import point_in_time
from broker.upstream.model import Flow, IdTokenRules
from broker.upstream.oauth2 import OAuth2Provider
from broker.upstream.posted import Posted

NativeClientId = Annotated[str, Field(min_length=1, max_length=255)]


class NativeSettings(ExtraSettings):
    """Settings of an issuer that knows apps on phones and in pages as clients of their own."""

    posted = frozenset({PostedKind.ID_TOKEN})

    native_client_ids: tuple[NativeClientId, ...] = Field(
        default=(), description="Ids the upstream gave the app's own kits (Android, iOS), never ours; for accept_posted"
    )

    @model_validator(mode="after")
    def _native_ids_where_they_count(self) -> Self:
        if PostedKind.ID_TOKEN in self.accept_posted and not self.native_client_ids:
            raise ValueError("accept_posted: id_token needs native_client_ids, or nobody's token would be good")
        if self.client_id in self.native_client_ids:
            raise ValueError("native_client_ids must not have client_id: a token of our own pages could be posted then")
        return self


class OidcProvider(OAuth2Provider):
    """A type names its issuer and says in `describe` what the verified claims mean.

    `issuers`: spellings of `iss` that ID tokens may have, the first is that of the metadata. `userinfo_url`: called
    when set and wanted; its claims are added to those of the ID token, which win. `forwards`: which wishes of the app
    this upstream understands, out of `prompt`, `max_age`, `login_hint` and `ui_locales`; `create` is the prompt of that
    name. `skew` in seconds. `sole_audience`: its ID tokens are for one client each; others in `aud` are refused.
    `tenant_claim`: the one that says which tenant an issuer with `{tenantid}` in it is, "" where there is none such.
    `hashed_nonce`: apps give its kit the nonce of a challenge or, as usual there, SHA-256 of it in hexadecimal.
    """

    jwks_uri: ClassVar[str]
    algorithms: tuple[str, ...] = ("RS256",)
    userinfo_url: ClassVar[str] = ""
    nonce_optional: bool = False
    forwards: frozenset[str] = frozenset()
    skew: int = 60
    sole_audience: ClassVar[bool] = True
    tenant_claim: ClassVar[str] = ""
    hashed_nonce: ClassVar[bool] = False

    def authorize_params(self, flow: Flow) -> dict[str, str]:
        """The OAuth request with a nonce, and the client's wishes as far as the upstream knows them."""
        asked = flow.wishes
        wishes = {
            "prompt": " ".join(word for word in asked.prompt if word != "create" or word in self.forwards),
            "max_age": "" if asked.max_age is None else str(asked.max_age),
            "login_hint": asked.login_hint,
            "ui_locales": flow.ui_locale,
        }
        levels = {"acr_values": " ".join(asked.acr_values)} if asked.acr_values else {}
        wanted = {name: wish for name, wish in wishes.items() if wish and name in self.forwards}
        if flow.keeps_tokens and "offline_access" in self.scopes_of(flow):  # not given without a consent (section 11)
            wanted["prompt"] = " ".join(dict.fromkeys((*wanted.get("prompt", "").split(), "consent")))
        return super().authorize_params(flow) | {"nonce": flow.nonce} | wanted | levels

    async def metadata(self) -> Metadata:
        """As for OAuth, with the places of keys and claims."""
        places = self.authorize_url, self.token_url, self.jwks_uri, self.userinfo_url
        return Metadata(*places, revocation_endpoint=self.revocation_url)

    async def identity(self, flow: Flow, tokens: Fields) -> Identity:
        """The identity of a verified ID token."""
        metadata = await self.metadata()
        rules = self.rules(flow, tokens, metadata)
        signed = claims = await self.tools.jwt.verify_id_token(self.opened(tokens.text("id_token")), rules)
        self._check_login_time(claims, flow)
        if metadata.userinfo_endpoint and self.wants_userinfo(claims):
            claims = await self._with_userinfo(claims, rules, metadata.userinfo_endpoint)
        return replace(self._described(claims), session=self.keep(flow, tokens, signed))

    def wants_userinfo(self, claims: Fields) -> bool:
        """Whether the ID token's claims leave something to ask at userinfo. By default it is always asked."""
        return True

    def keep(self, flow: Flow, tokens: Fields, signed: Fields) -> UpstreamSession:
        """What outlives this login, out of the token response and the ID token's claims: by default nothing."""
        return UpstreamSession()

    def opened(self, id_token: str) -> str:
        """The signed token in one that is encrypted to us; by default nobody encrypts. Raises UpstreamInvalid."""
        return id_token

    def rules(self, flow: Flow, tokens: Fields, metadata: Metadata) -> IdTokenRules:
        """What the ID token of this flow must satisfy."""
        found = self.rules_without_flow(tokens.text("access_token"), metadata)
        return replace(found, nonce=flow.nonce, nonce_optional=self.nonce_optional, issued_after=flow.started_at)

    def rules_without_flow(self, access_token: str | None, metadata: Metadata) -> IdTokenRules:
        """What every ID token from here must satisfy, at the login and at a refresh; no nonce and no age."""
        return IdTokenRules(
            issuers=self.issuers,
            audience=self.settings.client_id,
            algorithms=self.algorithms_at(metadata),
            jwks_uri=metadata.jwks_uri,
            nonce="",
            skew=self.skew,
            access_token=access_token,
            sole=self.sole_audience,
            tenant_claim=self.tenant_claim,
        )

    async def verify_native(self, posted: Posted, native: tuple[str, ...], *, without_nonce: int = 0) -> SignedIdentity:
        """The identity of an ID token that one of our apps (`native`) got from the upstream's kit for this challenge.

        As in the code flow, but nothing came with it: what it does not say is not asked for. A token of the code flow
        is refused, as one of these is there, unless the upstream knows us by one id in both: then `native` is empty, as
        for one of the upstream's script in a page, and the nonce alone tells them apart. `without_nonce`: for kits that
        cannot carry one, a token may lack it that is younger than so many seconds. Raises as
        `AcceptsPosted.verify_posted`.
        """
        metadata, flow = await self.metadata(), posted.flow
        rules = self.rules_without_flow(None, metadata)
        rules = replace(rules, azp=native, nonce=flow.nonce, issued_after=flow.started_at, unasked=posted.unasked)
        rules = replace(rules, hashed_nonce=self.hashed_nonce)
        if without_nonce:
            made_after = int(self.tools.now()) - without_nonce + self.skew
            rules = replace(rules, nonce_optional=True, issued_after=max(flow.started_at, made_after))
        claims = await self.tools.jwt.verify_id_token(posted.token, rules)
        # Of some signatures there are two forms that both fit, so what they sign is what counts once.
        replay_key = posted.token.rpartition(".")[0]
        return SignedIdentity(self._described(claims), replay_key, int(point_in_time(claims, "exp")) + self.skew)

    async def read_renewed(self, answer: Fields, subject: str, kept: UpstreamTokens, /) -> UpstreamTokens:
        """As for OAuth; here it may say whose it is."""
        await self.check_renewed(answer, subject, nonce=kept.nonce)
        return await super().read_renewed(answer, subject, kept)

    async def check_renewed(self, tokens: Fields, subject: str, *, nonce: str, auth_time: int | None = None) -> None:
        """Raise UpstreamInvalid for an ID token, which need not come along, of another login (OIDC Core 12.2)."""
        id_token = tokens.maybe("id_token")
        if id_token is None:
            return
        rules = self.rules_without_flow(tokens.text("access_token"), await self.metadata())
        rules = replace(rules, nonce=nonce, nonce_optional=True, issued_after=int(self.tools.now()))
        claims = await self.tools.jwt.verify_id_token(self.opened(id_token), rules)
        # As the type reads it: at Microsoft the key of a person is another claim.
        if self.describe(claims).subject != subject:
            raise UpstreamInvalid("refreshed ID token: it is about somebody else")
        if auth_time is not None and "auth_time" in claims and claims.integer("auth_time") != auth_time:
            raise UpstreamInvalid("refreshed ID token: auth_time is of another login")

    async def finish_prompt(self, flow: Flow, credential: str) -> Identity:
        """The identity of an ID token that the upstream's script in a page of ours got, with the nonce of that page."""
        return (await self.verify_native(Posted(PostedKind.ID_TOKEN, credential, flow), ())).identity

    def algorithms_at(self, metadata: Metadata) -> tuple[str, ...]:
        """Signatures we accept, of those that the issuer says it makes."""
        return tuple(one for one in self.algorithms if one in (metadata.algorithms or self.algorithms))

    @abstractmethod
    def describe(self, claims: Fields) -> Identity:
        """The identity in verified claims. Every type says this for itself."""

    def _described(self, claims: Fields) -> Identity:
        return with_extra(self.describe(claims), self.settings, claims.members, self.tools.odd)

    def _check_login_time(self, claims: Fields, flow: Flow) -> None:
        """An upstream that was asked for `max_age` says when the person logged in (OIDC Core 3.1.3.7 point 13).

        Whether that is recent enough is the broker's to judge, for every upstream alike.
        """
        asked = flow.wishes.max_age is not None and "max_age" in self.forwards
        if asked and claims.integer("auth_time") > self.tools.now() + self.skew:
            raise UpstreamInvalid("ID token: auth_time is in the future")

    async def _with_userinfo(self, claims: Fields, rules: IdTokenRules, url: str) -> Fields:
        more = await self.http.get_json(url, headers={"Authorization": f"Bearer {rules.access_token}"})
        if isinstance(more, SignedAnswer):
            more = await self.tools.jwt.verify_userinfo(more.unverified_token, rules)
        # The two may come from different places; the same sub is what ties them (OIDC Core 5.3.2).
        if more.text("sub") != claims.text("sub"):
            raise UpstreamInvalid("userinfo is about somebody else")
        # quirk(zitadel): a claim may be null in the ID token and told at userinfo (a published token, read 2026-11)
        signed, added = (
            {name: source.raw(name) for name in source if source.raw(name) is not None} for source in (claims, more)
        )
        for name in ("email", "phone_number"):
            # The word on who checked an address belongs to the address it came with, and to no other.
            if signed.get(name) != added.get(name):
                (added if name in signed else signed).pop(f"{name}_verified", None)
        return Fields(added | signed, "claims", self.tools.odd)
