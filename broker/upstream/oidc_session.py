"""An OpenID Provider whose own session matters after the login: it ends ours, ours ends it, or it is asked again."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

from broker.core.errors import UpstreamInvalid
from broker.core.people.identity import UpstreamSession
from broker.core.wire.query import encode_query
from broker.upstream.abilities import Abilities, EndsSession, ReceivesLogout, RefreshesIdentity, UpstreamLogout
from broker.upstream.extra_claims import lacks_extra
from broker.upstream.fields import Fields
from broker.upstream.model import Flow
from broker.upstream.oidc import OidcProvider
from broker.upstream.standard_claims import Asked, ClaimNames, SubjectClaim, Trust, asks_userinfo
from broker.upstream.statements import ID_LIMIT, StatementRules, check_statement, short_text
from broker.upstream.tokens import TokenSettings

EVENT = "http://schemas.openid.net/event/backchannel-logout"
MAX_AGE = 600  # seconds: a logout is told at once, or after a few tries
_WITHOUT_EXPIRY = 120  # seconds that a logout token counts which does not say when it expires
_DOTS_OF_ENCRYPTED = 4
_WHAT = "logout token"


Level = Annotated[str, Field(pattern=r"^[\x21\x23-\x5b\x5d-\x7e]{1,128}$")]


class LogoutSettings(BaseModel):
    """What logging out at one side does at the other; nothing by default."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    backchannel: bool = Field(default=False, description="Its logout tokens, sent to /backchannel/<name>, end sessions")
    rp_initiated: bool = Field(default=False, description="Who logs out here is sent to its end_session_endpoint")


class SessionSettings(TokenSettings):
    """What an operator may want of an issuer's claims and clock, and of it after the login."""

    userinfo: Asked = Field(default=True, description="Ask for claims the ID token lacks; always: at every login")
    claims: ClaimNames = Field(default={}, description="Standard claim: the name that this issuer has for it")
    email_trust: Trust = Field(default="claim", description="Are addresses verified: as the issuer says, always, never")
    subject_claim: SubjectClaim = Field(default="sub", description="A person's key; nothing that can change hands")
    subject_within: str = Field(
        default="", max_length=128, description="A claim in whose values keys are unique, and in nothing larger"
    )
    clock_skew: int = Field(default=60, ge=0, le=300, description="Seconds its clock may differ from ours")
    logout: LogoutSettings = Field(default=LogoutSettings(), description="What logging out does at the other side")
    acr_values: tuple[Level, ...] = Field(
        default=(), max_length=20, description="Levels it is asked to reach and believed; apps ask by `acr_values`"
    )
    amr_values: tuple[Level, ...] = Field(
        default=(), max_length=20, description="Methods (`amr`) it is believed; others do not reach apps"
    )
    use_refresh_token: bool = Field(
        default=False, description="Keep its refresh token, sealed, and ask it again when an app refreshes"
    )

    @model_validator(mode="after")
    def _check_subject_claim(self) -> Self:
        other = "subject_within" if self.subject_within else "" if self.subject_claim == "sub" else "subject_claim"
        if other and (self.logout.backchannel or self.use_refresh_token or self.keep_tokens):
            raise ValueError(
                f"logout.backchannel, use_refresh_token and keep_tokens know people by sub: leave {other} out"
            )
        return self

    @model_validator(mode="after")
    def _one_holder_of_a_refresh_token(self) -> Self:
        if self.use_refresh_token and self.keep_tokens:
            # An issuer that changes it at every use would take the second of us for a thief, and end both.
            raise ValueError("use_refresh_token and keep_tokens would use one refresh token twice; choose one of them")
        return self


class SessionOidcProvider(OidcProvider):
    """Asks for and keeps of a login what its settings want, and nothing else."""

    def wants_userinfo(self, claims: Fields) -> bool:
        """Where something that was asked for is missing, unless the operator has decided."""
        chosen: SessionSettings = self.settings
        wanted = asks_userinfo(chosen.userinfo, claims, self.scopes, chosen.claims)
        return wanted or (bool(chosen.userinfo) and lacks_extra(self.settings, claims.members))

    def keep(self, flow: Flow, tokens: Fields, signed: Fields) -> UpstreamSession:
        """The names and tokens that what is switched on needs."""
        chosen: SessionSettings = self.settings
        sid = signed.raw("sid") if chosen.logout.backchannel else ""
        kept = UpstreamSession(
            sid=sid if isinstance(sid, str) and len(sid) <= ID_LIMIT else "",
            id_token=self.opened(tokens.text("id_token")) if chosen.logout.rp_initiated else "",
        )
        refresh_token = tokens.maybe("refresh_token") if chosen.use_refresh_token else None
        if refresh_token is None:
            return kept
        auth_time = signed.maybe_integer("auth_time")
        return replace(kept, refresh_token=refresh_token, nonce=flow.nonce, auth_time=auth_time)

    def abilities(self) -> Abilities:
        """Those that the settings ask for."""
        chosen: SessionSettings = self.settings
        receives: ReceivesLogout | None = _LogoutTokens(self) if chosen.logout.backchannel else None
        ends: EndsSession | None = _EndSession(self) if chosen.logout.rp_initiated else None
        refreshes: RefreshesIdentity | None = _Refresh(self) if chosen.use_refresh_token else None
        return replace(
            super().abilities(),
            receives_logout=receives,
            ends_session=ends,
            refreshes=refreshes,
            levels=chosen.acr_values,
            methods=chosen.amr_values,
        )


class _LogoutTokens:
    """ReceivesLogout (OIDC Back-Channel Logout 1.0 section 2.6)."""

    def __init__(self, provider: OidcProvider) -> None:
        self._provider = provider

    async def verify_logout(self, logout_token: str) -> UpstreamLogout:
        provider = self._provider
        metadata = await provider.metadata()
        encrypted = logout_token.count(".") == _DOTS_OF_ENCRYPTED  # few issuers do that, even where ID tokens are
        claims = await provider.tools.jwt.verify_logout_token(
            provider.opened(logout_token) if encrypted else logout_token,
            jwks_uri=metadata.jwks_uri,
            algorithms=provider.algorithms_at(metadata),
        )
        audience, now = provider.settings.client_id, provider.tools.now()
        return read_logout(claims, issuers=provider.issuers, audience=audience, now=now, skew=provider.skew)


def read_logout(claims: Fields, *, issuers: tuple[str, ...], audience: str, now: float, skew: int) -> UpstreamLogout:
    """What a logout token of one of these issuers for us says, once its signature is good; raises UpstreamInvalid.

    OIDC Back-Channel Logout 1.0, sections 2.4 and 2.6; `now` and `skew` in seconds.
    """
    rules = StatementRules(_WHAT, issuers, (audience,), MAX_AGE, skew, without_expiry=_WITHOUT_EXPIRY)
    jti = check_statement(claims, rules, now=now)
    events = claims.raw("events")
    if not isinstance(events, dict) or not isinstance(events.get(EVENT), dict):
        raise UpstreamInvalid("logout token: events does not say that somebody logged out")
    subject, sid = short_text(claims, "sub", _WHAT), short_text(claims, "sid", _WHAT)
    if not subject and not sid:
        raise UpstreamInvalid("logout token: neither sub nor sid")
    return UpstreamLogout(subject, sid, jti)


class _EndSession:
    """EndsSession (OIDC RP-Initiated Logout 1.0 section 2)."""

    def __init__(self, provider: OidcProvider) -> None:
        self._provider = provider

    async def end_session(self, *, id_token: str, return_to: str, state: str) -> str:
        provider = self._provider
        endpoint = (await provider.metadata()).end_session_endpoint
        if not endpoint:
            return ""
        params = {"client_id": provider.settings.client_id, "id_token_hint": id_token}
        params |= {"post_logout_redirect_uri": return_to, "state": state}
        where = provider.tools.browser_url(endpoint)
        sent = {name: value for name, value in params.items() if value}
        return f"{where}{'&' if '?' in where else '?'}{encode_query(sent)}"


class _Refresh:
    """RefreshesIdentity (OIDC Core 12)."""

    def __init__(self, provider: OidcProvider) -> None:
        self._provider = provider

    async def refresh(self, subject: str, kept: UpstreamSession) -> UpstreamSession:
        tokens = await self._provider.refresh_tokens(kept.refresh_token)
        await self._provider.check_renewed(tokens, subject, nonce=kept.nonce, auth_time=kept.auth_time)
        return replace(kept, refresh_token=tokens.maybe("refresh_token") or kept.refresh_token)
