"""An upstream says that somebody logged out there (OIDC Back-Channel Logout 1.0)."""

from __future__ import annotations

from broker.core.errors import InvalidRequest, UpstreamError
from broker.core.events import Event
from broker.core.seal import digest
from broker.core.wire.parameters import Parameters
from broker.services.context import Context
from broker.services.providers import Providers
from broker.services.sessions.endings import Endings
from broker.store.transient import Kind, Transient

_REMEMBERED = 3600  # seconds; no logout token counts that long (`broker.upstream.oidc_session`)


class UpstreamLogouts:
    """Believes a verified token once, and ends what it is about."""

    def __init__(self, context: Context, transient: Transient, providers: Providers, endings: Endings) -> None:
        self._context = context
        self._transient = transient
        self._providers = providers
        self._endings = endings

    async def receive(self, name: str, params: Parameters) -> None:
        """End the sessions that the token is about, if there are any; raises InvalidRequest."""
        instance = self._providers.named(name)
        ability = instance.abilities.receives_logout if instance is not None else None
        if instance is None or ability is None:
            raise InvalidRequest("no provider of this name is configured with logout.backchannel")
        params.check_single(params.repeated)
        if "logout_token" not in params:
            raise InvalidRequest("logout_token is missing")
        try:
            logout = await ability.verify_logout(params["logout_token"])
        except UpstreamError as error:
            self._record(name, type(error).__name__)
            raise InvalidRequest(
                "logout_token is not a logout token of this issuer for us", detail=error.detail
            ) from None
        mark = digest(f"logout {instance.key} {logout.jti}")
        if await self._transient.get(Kind.CLAIM, mark) is not None:
            self._record(name, "replayed")
            raise InvalidRequest("logout_token was used before")
        ended = await self._endings.end_upstream(instance.key, sid=logout.sid, subject=logout.subject)
        self._context.recorder.record(
            Event.UPSTREAM_LOGOUT,
            provider=name,
            kind="sid" if logout.sid else "sub",
            outcome="ended",
            sessions=len(ended),
        )
        # Only now: a token whose sessions could not be ended must count when it is sent again.
        await self._transient.put(Kind.CLAIM, mark, b"1", ttl=_REMEMBERED)

    def _record(self, name: str, outcome: str) -> None:
        self._context.recorder.record(Event.UPSTREAM_LOGOUT, provider=name, kind="refused", outcome=outcome)
