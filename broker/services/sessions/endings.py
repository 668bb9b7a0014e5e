"""The one place where sessions end before their time: here, or because the upstream says so."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from broker.core.clients.client import Client
from broker.core.events import Event
from broker.core.logout import SessionClient
from broker.core.people.history import SignIn
from broker.core.records import Login
from broker.services.context import Context
from broker.services.sessions.single_sign_on import Session
from broker.store.history import HistoryStore
from broker.store.sessions import Ending, SessionStore
from broker.store.transient import Kind, Transient


class NamesPeople(Protocol):
    """See `broker.services.people.subjects.Subjects`."""

    def of(self, sub: str, client: Client) -> str:
        """The `sub` of this account at this client."""


class Endings:
    """Ends sessions with what hangs on them. Grants with `offline_access` outlive their session (OIDC Core 11)."""

    def __init__(
        self,
        context: Context,
        sessions: SessionStore,
        history: HistoryStore,
        transient: Transient,
        *,
        subjects: NamesPeople,
        remember_for: int,
        history_kept: int,
        queued: Callable[[], None] = lambda: None,
    ) -> None:
        """`subjects` say how apps know people. `remember_for`: seconds a session can live at most, and so must a mark.

        `history_kept`: seconds for which people see when they signed in; never less than a session lives. `queued` is
        called when there may be apps to be told.
        """
        self._context = context
        self._sessions = sessions
        self._transient = transient
        self._subjects = subjects
        self._history = history
        self._remember_for = remember_for
        self._history_kept = max(history_kept, remember_for)
        self._queued = queued

    def hears_of(self, login: Login, client: Client) -> SessionClient | None:
        """Who has to hear when the session of this login ends; apps without an address for that cost nothing."""
        if not client.logout.hears:
            return None
        return SessionClient(
            sid=login.sid,
            client_id=client.id,
            sub=self._subjects.of(login.sub, client),
            backchannel=bool(client.logout.backchannel_logout_uri),
            expires_at=self._context.now() + self._remember_for,
        )

    async def end_session(self, session: Session, *, reason: str) -> tuple[SessionClient, ...]:
        """One browser's: it is logged out, and the grants of that session give nothing from here on.

        Returns the apps that have to hear of it. They are queued before the session is gone: if we die in between,
        apps are told of a logout that has to be asked for again, and none is forgotten.
        """
        now = self._context.now()
        told = await self._sessions.end(session.login.sid, now=now, expires_at=now + self._remember_for)
        await self._transient.take(Kind.SESSION, session.key)
        self._queued()
        self._context.recorder.record(Event.SESSION_ENDED, sub=session.login.sub, reason=reason)
        return told

    async def begin(self, sign_in: SignIn, *, replacing: Session | None) -> None:
        """A session begins, for its person to see. The one before it in this browser ends, in the same durable step.

        Where it goes on under a new cookie instead, the one before opens nothing from here on, whatever is kept.
        """
        until, login = sign_in.at + self._history_kept, replacing.login if replacing else None
        ends = login.sid if login and login.sid != sign_in.sid else ""
        retires = replacing.key if replacing and not ends else ""
        await self._history.signed_in(sign_in, expires_at=until, ends=ends, retires=retires)
        if replacing is not None:
            await self._transient.take(Kind.SESSION, replacing.key)
        if login and ends:
            self._queued()
            self._context.recorder.record(Event.SESSION_ENDED, sub=login.sub, reason="new login")

    async def ending(self, session: Session) -> Ending:
        """How it stands. The store of sessions may have gone back in time; the one that is asked never does."""
        return await self._sessions.ending(session.login, session.key, now=self._context.now())

    async def end_upstream(self, provider_key: str, *, subject: str, sid: str = "") -> tuple[str, ...]:
        """Every session that the upstream's word is about; the `sid` of those that grants or apps still hung on.

        The sessions themselves are in browsers and in a store that may forget: a mark in the durable store ends them
        when they are next looked at, on every node.
        """
        now = self._context.now()
        ended = await self._sessions.end_upstream(
            provider_key, sid=sid, subject=subject, now=now, expires_at=now + self._remember_for
        )
        self._queued()
        return ended

    async def withdraw_upstream(self, provider_key: str, subject: str) -> tuple[str, ...]:
        """As `end_upstream`, and nothing is left that came from there: no grant, and no token of the upstream's."""
        now = self._context.now()
        ended = await self._sessions.withdraw_upstream(
            provider_key, subject, now=now, expires_at=now + self._remember_for
        )
        self._queued()
        return ended
