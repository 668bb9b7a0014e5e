"""Authorization codes: what somebody's yes comes to (RFC 6749 section 4.1.2), built and kept until it is redeemed."""

from __future__ import annotations

from dataclasses import dataclass

from broker.core.errors import UnmetAuthenticationRequirements
from broker.core.events import Event
from broker.core.records import AuthorizationRequest, CodeRecord, Login
from broker.core.seal import digest
from broker.services.authorize.pushed import PushedRequests
from broker.services.context import Context
from broker.services.sessions.single_sign_on import Session
from broker.store.transient import Kind, Transient


@dataclass(frozen=True, slots=True)
class Answer:
    """Send the browser back to the client with these response parameters."""

    params: dict[str, str]


class Codes:
    """Issues codes, to nobody below a level that is essential to their request."""

    def __init__(self, context: Context, transient: Transient, *, pushed: PushedRequests, ttl: int) -> None:
        """`ttl`: seconds a code is good for; `pushed` ends what is answered."""
        self._context = context
        self._transient = transient
        self._pushed = pushed
        self._ttl = ttl

    async def issue(self, request: AuthorizationRequest, session: Session, *, agreed_at: float) -> Answer:
        """Keep a code and answer with it; raises InvalidRequestUri when a pushed request has its answer already.

        `agreed_at` as in `CodeRecord`.
        """
        return await self.keep(self.build(request, session, ttl=self._ttl, agreed_at=agreed_at), request)

    async def keep(self, kept: CodeRecord, request: AuthorizationRequest) -> Answer:
        """Answer the request by what its person's yes came to; raises as `issue`."""
        code = self._context.mint_ordered("c")
        await self._transient.put(Kind.CODE, digest(code), kept.to_bytes(), ttl=self._ttl)
        # After the code, which nobody has seen yet: what cannot be kept leaves the pushed request as it was.
        await self._pushed.spend(request.request_uri)
        self._context.recorder.record(Event.CODE_ISSUED, client_id=request.client_id, provider=kept.login.provider)
        return Answer({"code": code} | self.build_common(request))

    async def hand_over(self, given: CodeRecord, request: AuthorizationRequest) -> Answer:
        """Answer the request of a window by a yes that was given elsewhere; raises as `issue`."""
        here = given.request.replace(device="", redirect_uri=request.redirect_uri)
        return await self.keep(given.replace(request=here, expires_at=self._context.now() + self._ttl), request)

    def build(self, request: AuthorizationRequest, session: Session, *, ttl: int, agreed_at: float) -> CodeRecord:
        """What the person's yes comes to, for `ttl` seconds: bound to client, redirect URI, challenge and session.

        Raises UnmetAuthenticationRequirements where the session is below an essential level.
        """
        check_level(request, session.login)
        return CodeRecord(
            request=request.replace(state="", login_hint="", request_uri=""),
            login=session.login,
            expires_at=self._context.now() + ttl,
            upstream_refresh=session.record.upstream_refresh,
            agreed_at=agreed_at,
        )

    def build_common(self, request: AuthorizationRequest) -> dict[str, str]:
        """`state` and `iss`, in every response, success or error (RFC 9207 section 2)."""
        return ({"state": request.state} if request.state else {}) | {"iss": self._context.issuer}


def check_level(request: AuthorizationRequest, login: Login) -> None:
    """Raise UnmetAuthenticationRequirements where the login is below an essential level."""
    if request.essential_acr and login.acr not in request.essential_acr:
        raise UnmetAuthenticationRequirements("the provider did not reach any of the acr values asked for")
