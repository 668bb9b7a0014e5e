"""What ties a session of ours to the one at its upstream: kept at the login, sealed, and asked about afterwards.

Is somebody still welcome there? Asked now and then when an app refreshes (OIDC Core 12).
"""

from __future__ import annotations

import asyncio

from broker.core.errors import InvalidGrant, SealBroken, UpstreamDenied, UpstreamError, UpstreamInvalid
from broker.core.events import Event
from broker.core.people.identity import Identity, UpstreamSession
from broker.core.records import Grant, KeptLogin, Login, SessionRecord
from broker.core.seal import Seal
from broker.services.context import Context
from broker.services.providers import ProviderInstance, Providers
from broker.store.sessions import Ending, SessionStore
from broker.upstream.abilities import RefreshesIdentity

EVERY = 600  # seconds between two questions about one login
_DEADLINE = 9.0  # seconds an app waits for an upstream


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


class Confirmations:
    """Asks the upstream of a grant, where it was told to, and believes a no at once.

    An upstream that does not answer must not log everybody out: whoever was welcome stays so until it answers again.
    """

    def __init__(self, context: Context, sessions: SessionStore, providers: Providers, seal: Seal) -> None:
        """`seal` has the purpose "upstream login"."""
        self._context = context
        self._sessions = sessions
        self._providers = providers
        self._seal = seal

    async def confirm(self, login: Login) -> None:
        """Raise InvalidGrant, and end every grant of this login, by our own name of its session, when it says no."""
        instance = self._providers.instance_of(login.provider_key)
        if instance is None or instance.abilities.refreshes is None:
            return
        # The claim comes first: an upstream that changes the token at every use would take two questions for a theft.
        sealed = await self._sessions.claim_login(login.sid, now=self._context.now(), every=EVERY)
        if sealed is not None:
            await self._ask(login, instance, instance.abilities.refreshes, sealed)

    async def _ask(self, login: Login, instance: ProviderInstance, ability: RefreshesIdentity, sealed: str) -> None:
        try:
            kept = self._open(login.sid, sealed)
            async with asyncio.timeout(_DEADLINE):
                renewed = await ability.refresh(login.subject, kept)
        except (UpstreamDenied, UpstreamInvalid) as error:
            await self._sessions.lose_login(login.sid, now=self._context.now())
            self._record(instance, type(error).__name__)
            raise InvalidGrant(
                "the provider no longer confirms this login; log in again", detail=error.detail
            ) from None
        except (UpstreamError, TimeoutError, SealBroken) as error:
            self._record(instance, type(error).__name__)
            return
        if renewed != kept:
            await self._sessions.renew_login(login.sid, seal_login(self._seal, login.sid, renewed))
        self._record(instance, "confirmed")

    def _open(self, sid: str, sealed: str) -> UpstreamSession:
        login = KeptLogin.from_bytes(self._seal.open_(sealed, bound_to=sid.encode()))
        return UpstreamSession(refresh_token=login.refresh_token, nonce=login.nonce, auth_time=login.auth_time)

    def _record(self, instance: ProviderInstance, outcome: str) -> None:
        self._context.recorder.record(Event.UPSTREAM_REFRESHED, provider=instance.name, outcome=outcome)


def seal_login(seal: Seal, sid: str, kept: UpstreamSession) -> str:
    """What is kept of a login, sealed for the session `sid` of ours alone."""
    login = KeptLogin(kept.refresh_token, kept.nonce, kept.auth_time)
    return seal.seal(login.to_bytes(), bound_to=sid.encode())
