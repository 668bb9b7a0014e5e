"""What an issuer is asked, and how the question gets there: by the browser, or pushed beforehand (RFC 9126)."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import orjson
from pydantic import AfterValidator, Field

from broker.core.errors import UpstreamInvalid, UpstreamUnavailable
from broker.upstream.discovery import Metadata
from broker.upstream.model import Channel, Flow, ProviderSettings, Reply
from broker.upstream.oidc import OidcProvider
from broker.upstream.standard_claims import ExtraParams, Wish

_CLAIMS_LIMIT = 2048  # characters of the parameter, which travels in an address
_OURS_AT_TOKEN = frozenset(
    {"grant_type", "code", "redirect_uri", "code_verifier", "client_id", "client_secret", "refresh_token"}
    | {"client_assertion", "client_assertion_type"}
)


def _check_token_params(params: dict[str, str]) -> dict[str, str]:
    ours = sorted(_OURS_AT_TOKEN & params.keys())
    if ours:
        raise ValueError(f"the broker itself sends {', '.join(ours)}")
    return params


def _check_claims(asked: dict[str, dict[str, Any]]) -> dict[str, dict[str, Any]]:
    if len(orjson.dumps(asked)) > _CLAIMS_LIMIT:
        raise ValueError(f"longer than {_CLAIMS_LIMIT} characters of JSON")
    return asked


TokenParams = Annotated[dict[str, str], AfterValidator(_check_token_params)]
ClaimsRequest = Annotated[
    dict[Literal["id_token", "userinfo"], dict[str, dict[str, Any] | None]], AfterValidator(_check_claims)
]


class RequestSettings(ProviderSettings):
    """How an issuer wants to be asked."""

    response_mode: Literal["query", "form_post"] = Field(default="query", description="How the answer comes back")
    forward: tuple[Wish, ...] = Field(
        default=("prompt", "max_age", "login_hint", "ui_locales"), description="Wishes of the app that are passed on"
    )
    pushed_requests: Literal["auto", "required"] = Field(
        default="auto", description="auto: pushed (RFC 9126) where the issuer demands it; required: always"
    )
    claims_request: ClaimsRequest = Field(
        default={}, description="The `claims` parameter (OIDC Core 5.5), for example {id_token: {email: null}}"
    )
    extra_authorize_params: ExtraParams = Field(default={}, description="Sent along to the authorization endpoint")
    extra_token_params: TokenParams = Field(default={}, description="Sent along to the token endpoint with the code")


class AskingProvider(OidcProvider):
    """Asks as its `RequestSettings` say, and takes the answer only by the way that was asked for."""

    def authorize_params(self, flow: Flow) -> dict[str, str]:
        """The operator's parameters first, so that ours win whatever they are called."""
        chosen: RequestSettings = self.settings
        ours = super().authorize_params(flow)
        if chosen.response_mode != "query":
            ours["response_mode"] = chosen.response_mode
        if chosen.claims_request:
            ours["claims"] = orjson.dumps(chosen.claims_request).decode()
        return {**chosen.extra_authorize_params, **ours}

    async def carried(self, params: Mapping[str, str], metadata: Metadata) -> Mapping[str, str]:
        """All of it, or the name of what was pushed. That is good once, so each login attempt pushes its own."""
        if self.settings.pushed_requests != "required" and not metadata.demands_pushed:
            return params
        endpoint = metadata.pushed_authorization_request_endpoint
        if not endpoint:
            raise UpstreamUnavailable("the issuer names no place of its own for pushed requests")
        proof = await self.credentials(metadata)
        answer = await self.http.post_form(endpoint, {**params, **proof.form}, basic=proof.basic)
        return {"client_id": self.settings.client_id, "request_uri": answer.text("request_uri")}

    def read(self, flow: Flow, reply: Reply) -> Mapping[str, str]:
        """Only by the way that was asked for."""
        if reply.via != Channel(self.settings.response_mode):
            raise UpstreamInvalid(f"the reply came by {reply.via}")
        return super().read(flow, reply)

    def token_params(self, flow: Flow, params: Mapping[str, str]) -> dict[str, str]:
        """The operator's parameters, and ours."""
        return {**self.settings.extra_token_params, **super().token_params(flow, params)}
