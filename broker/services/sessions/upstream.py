"""What ties a session of ours to the one at its upstream: kept at the login, sealed, and looked at afterwards."""

from __future__ import annotations

from broker.core.errors import SealBroken, UpstreamError
from broker.core.events import Event
from broker.core.people.identity import Identity, UpstreamSession
from broker.core.records import Grant, Login, SessionRecord
from broker.core.seal import Seal
from broker.services.context import Context
from broker.services.providers import Providers
from broker.services.sessions.confirmations import seal_login
from broker.store.sessions import Ending, SessionStore


class UpstreamSessions:
    """Ties sessions to those at upstreams, and knows which were said to be over."""

    def __init__(
        self, context: Context, sessions: SessionStore, providers: Providers, *, id_tokens: Seal, logins: Seal
    ) -> None:
        """`id_tokens` has the purpose "upstream id token", `logins` "upstream login"."""
        self._context = context
        self._sessions = sessions
        self._providers = providers
        self._id_tokens = id_tokens
        self._logins = logins

    def tie(self, record: SessionRecord, identity: Identity) -> SessionRecord:
        """The record with what the provider wants kept of this login."""
        kept, bound_to = identity.session, record.login.sid.encode()
        if kept == UpstreamSession():
            return record
        return record.replace(
            login=record.login.replace(upstream_sid=kept.sid),
            upstream_id_token=self._id_tokens.seal(kept.id_token.encode(), bound_to=bound_to) if kept.id_token else "",
            upstream_refresh=seal_login(self._logins, record.login.sid, kept) if kept.refresh_token else "",
        )

    async def is_over(self, login: Login) -> bool:
        """Whether the upstream said that this login ended. One store read, and none where it cannot say so."""
        if login.provider_key not in self._providers.logged_out_by_upstream:
            return False
        return self.is_ended(login, await self._sessions.ending(login, "", now=self._context.now()))

    def is_ended(self, login: Login, ending: Ending) -> bool:
        """Whether `ending` has a word of the upstream, where it can say one, that is about this login.

        A login that set out before the word came is over as well: the two may have crossed.
        """
        at = ending.upstream_at if login.provider_key in self._providers.logged_out_by_upstream else None
        return at is not None and login.began_at <= at

    async def end_href(self, record: SessionRecord, *, return_to: str = "", state: str = "") -> str:
        """Where the browser ends its session at the upstream, "" where it is not to, or cannot.

        `return_to`, registered at the upstream, is where it comes back to with `state`. The session is spent by this:
        an upstream that does not answer keeps nobody from logging out here.
        """
        instance = self._providers.instance_of(record.login.provider_key)
        if instance is None or instance.abilities.ends_session is None:
            return ""
        try:
            sealed = record.upstream_id_token
            opened = self._id_tokens.open_(sealed, bound_to=record.login.sid.encode()).decode() if sealed else ""
            return await instance.abilities.ends_session.end_session(id_token=opened, return_to=return_to, state=state)
        except (UpstreamError, SealBroken) as error:
            self._context.recorder.record(
                Event.UPSTREAM_LOGOUT, provider=instance.name, kind="ours", outcome=type(error).__name__
            )
            return ""

    async def keep(self, grant: Grant, upstream_refresh: str) -> None:
        """Keep, with a grant that outlives its session, what its upstream is asked with."""
        if upstream_refresh and grant.offline:
            await self._sessions.keep_login(
                grant.login.sid, upstream_refresh, asked_at=grant.created_at, expires_at=grant.expires_at
            )
