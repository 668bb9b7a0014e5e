"""What is done to an account, whoever asked for it and however they proved that they may."""

from __future__ import annotations

from collections.abc import Callable

from broker.core.events import Event
from broker.core.records import Login
from broker.services.context import Context
from broker.store.accounts import Decision
from broker.store.base import Durable


class Deeds:
    """The one place where that happens, its apps are told of and the operator hears. Who may is asked before."""

    def __init__(
        self,
        context: Context,
        durable: Durable,
        *,
        deletion_wait: int,
        remember_for: int,
        codes_live: int,
        queued: Callable[[], None] = lambda: None,
    ) -> None:
        """In seconds: from asking for deletion to it; how long a session can live at most, and so must the mark that it
        ended; an answer to a device, and a code after it.

        `queued` is called when there may be apps to be told of a logout.
        """
        self._context = context
        self._durable = durable
        self._deletion_wait = deletion_wait
        self._remember_for = remember_for
        self._codes_live = codes_live
        self._queued = queued

    async def block(self, sub: str, why: str) -> bool:
        """Nobody signs in to it any more, and every session and grant of it ends; False where there is no account."""
        decision = Decision(why, self._context.now(), self._forget_at())
        done = await self._durable.accounts.set_blocked(sub, True, decision=decision)
        return self._tell(done, Event.ACCOUNT_BLOCKED, sub)

    async def unblock(self, sub: str, why: str) -> bool:
        """Its person may sign in again; False where there is no account."""
        decision = Decision(why, self._context.now(), self._forget_at())
        done = await self._durable.accounts.set_blocked(sub, False, decision=decision)
        return self._tell(done, Event.ACCOUNT_UNBLOCKED, sub)

    async def end_all(self, sub: str) -> bool:
        """End every session and grant of the account; False where there is none."""
        done = await self._durable.accounts.end_all(sub, now=self._context.now(), expires_at=self._forget_at())
        return self._tell(done, Event.ACCOUNT_ENDED, sub)

    async def sign_out(self, sub: str, *, keep: Login | None) -> None:
        """End every session of the account but that of `keep`, with the grants that do not outlive theirs."""
        now = self._context.now()
        ended = await self._durable.accounts.sign_out(sub, now=now, expires_at=self._forget_at(), keep=keep)
        self._queued()
        self._context.recorder.record(Event.ACCOUNT_SIGNED_OUT, sub=sub, sessions=ended)

    async def end_session(self, sub: str, sid: str, *, reason: str) -> None:
        """End a session of the account, as a logout there would."""
        await self._durable.sessions.end(sid, now=self._context.now(), expires_at=self._forget_at())
        self._queued()
        self._context.recorder.record(Event.SESSION_ENDED, sub=sub, reason=reason)

    async def take_back(self, sub: str, client_id: str) -> bool:
        """What was allowed to this app is taken back and its grants end; False where there was nothing."""
        now = self._context.clock()
        forget_at = int(now) + self._codes_live
        taken = await self._durable.consents.take_back(sub, client_id, now=now, expires_at=forget_at)
        if taken:
            self._context.recorder.record(Event.CONSENT_TAKEN_BACK, client_id=client_id, sub=sub)
        return taken

    async def close(self, sub: str, *, closes_at: int | None) -> bool:
        """The account is to be deleted then (epoch seconds), None: at once. False where it is closing, or not there.

        Every session and grant ends now. Nobody signs in any more, but to call it off.
        """
        now = self._context.now()
        at = now if closes_at is None else closes_at
        closing = await self._durable.accounts.close(sub, closes_at=at, now=now, expires_at=self._forget_at())
        if closing:
            self._queued()
            self._context.recorder.record(Event.ACCOUNT_CLOSING, sub=sub, closes_at=at, reason="asked for")
            if at <= now:
                await self.delete_due()
        return closing

    async def close_unused(self, kept: int) -> int:
        """Accounts that nobody used for so many seconds are to be deleted, as by `close`; how many, a few at a time.

        Their people are told when they come back meanwhile, and may keep them.
        """
        now, closed = self._context.now(), 0
        while True:
            at = now if (closes_at := self.closes_at()) is None else closes_at
            found = await self._durable.accounts.close_unused(
                since=now - kept, closes_at=at, now=now, expires_at=self._forget_at()
            )
            for sub in found.closed:
                self._context.recorder.record(Event.ACCOUNT_CLOSING, sub=sub, closes_at=at, reason="unused")
            closed += len(found.closed)
            if not found.looked_at:
                break
        if closed:
            self._queued()
        return closed

    async def keep(self, sub: str) -> bool:
        """The account is not to be deleted after all; False where it was not."""
        kept = await self._durable.accounts.keep(sub, now=self._context.now())
        if kept:
            self._context.recorder.record(Event.ACCOUNT_KEPT, sub=sub)
        return kept

    async def delete_due(self) -> int:
        """Delete every account whose time has come; how many. Housekeeping of every node."""
        deleted = 0
        while subs := await self._durable.accounts.delete_due(now=self._context.now()):
            for sub in subs:
                self._context.recorder.record(Event.ACCOUNT_DELETED, sub=sub)
            deleted += len(subs)
        return deleted

    def closes_at(self) -> int | None:
        """When an account is deleted that is closed now (epoch seconds); None: at once."""
        return self._context.now() + self._deletion_wait if self._deletion_wait else None

    def _tell(self, done: bool, event: Event, sub: str) -> bool:
        if done:
            self._queued()
            self._context.recorder.record(event, sub=sub)
        return done

    def _forget_at(self) -> int:
        return self._context.now() + self._remember_for
