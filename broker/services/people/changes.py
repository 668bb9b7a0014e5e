"""What people do at their account page, a use case each; what cannot be undone asks for a login of the last minutes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum

from broker.core.events import Event
from broker.core.people.identity import Link
from broker.services.context import Context
from broker.services.people.forms import Action
from broker.services.people.page import AccountPage, Visit
from broker.services.people.unlinking import Unlinking
from broker.store.base import Durable
from broker.store.people import LastLink, Unlinked


@dataclass(frozen=True, slots=True)
class AccountRules:
    """What the operator chose, in seconds: from asking for deletion to it, and how long sign-ins are shown."""

    deletion_wait: int
    history_kept: int


class Removal(StrEnum):
    """What came of removing a way in: it is gone, and with it the session here; it is the last; there was none."""

    DONE = "unlinked"
    SIGNED_OUT = "signed_out"
    LAST = "last"
    NONE = "gone"


class AccountChanges:
    """Every method takes the cookie of the session and the ticket of the form, and raises as `AccountPage.prove`."""

    def __init__(
        self,
        context: Context,
        durable: Durable,
        page: AccountPage,
        unlinking: Unlinking,
        *,
        rules: AccountRules,
        remember_for: int,
        codes_live: int,
        queued: Callable[[], None] = lambda: None,
    ) -> None:
        """`remember_for`: seconds a session can live at most; `codes_live`: an answer to a device, and a code after it.

        `queued` is called when there may be apps to be told of a logout.
        """
        self._context = context
        self._durable = durable
        self._page = page
        self._unlinking = unlinking
        self._rules = rules
        self._remember_for = remember_for
        self._codes_live = codes_live
        self._queued = queued

    async def unlink(self, cookie: str, sealed: str, handle: str) -> Removal:
        """Take a way in from the account, with every session and grant that came from it (threats D16)."""
        visit, ticket = await self._page.prove(cookie, Action.UNLINK, sealed, about=handle)
        link = await self._page.find_link(visit, handle)
        if link is None:
            return Removal.NONE
        async with self._page.forms.spend(ticket):
            done = await self._unlinking.unlink(visit.account.sub, link)
        if not isinstance(done, Unlinked):
            return Removal.LAST if isinstance(done, LastLink) else Removal.NONE
        return Removal.SIGNED_OUT if is_through(visit, link) else Removal.DONE

    async def end(self, cookie: str, sealed: str, sid: str) -> bool:
        """End a session of theirs elsewhere, as a logout there would; False when it is none that lives."""
        visit, _ = await self._page.prove(cookie, Action.END, sealed)
        sub, now = visit.account.sub, self._context.now()
        if sid not in {one.sid for one in await self._page.living(sub)}:
            return False
        await self._durable.sessions.end(sid, now=now, expires_at=self._forget_at(now))
        self._queued()
        self._context.recorder.record(Event.SESSION_ENDED, sub=sub, reason="ended by its person")
        return True

    async def sign_out_elsewhere(self, cookie: str, sealed: str) -> None:
        """End every session of theirs but this one."""
        visit, ticket = await self._page.prove(cookie, Action.SIGN_OUT, sealed)
        sub, now = visit.account.sub, self._context.now()
        async with self._page.forms.spend(ticket):
            ended = await self._durable.accounts.sign_out(
                sub, now=now, expires_at=self._forget_at(now), keep=visit.session.login
            )
        self._queued()
        self._context.recorder.record(Event.ACCOUNT_SIGNED_OUT, sub=sub, sessions=ended)

    async def take_back(self, cookie: str, sealed: str, client_id: str) -> bool:
        """What they allowed this app is taken back and its grants end; False where there was nothing."""
        visit, _ = await self._page.prove(cookie, Action.TAKE_BACK, sealed)
        sub, now = visit.account.sub, self._context.clock()
        forget_at = int(now) + self._codes_live
        taken = await self._durable.consents.take_back(sub, client_id, now=now, expires_at=forget_at)
        if taken:
            self._context.recorder.record(Event.CONSENT_TAKEN_BACK, client_id=client_id, sub=sub)
        return taken

    async def withdraw(self, cookie: str, sealed: str, handle: str) -> bool:
        """Apps may no longer use the account at a provider that is this way in; False where none could."""
        visit, _ = await self._page.prove(cookie, Action.WITHDRAW, sealed)
        return await self._page.elsewhere.withdraw(visit.account.sub, handle)

    async def close(self, cookie: str, sealed: str) -> int | None:
        """Ask for the account to be deleted: when that is (epoch seconds), or None where it is deleted already.

        Every session and grant ends now. Nobody signs in any more, but to call it off.
        """
        visit, ticket = await self._page.prove(cookie, Action.DELETE, sealed)
        sub, now = visit.account.sub, self._context.now()
        closes_at = self.closes_at() or now
        async with self._page.forms.spend(ticket):
            fresh = await self._durable.accounts.close(
                sub, closes_at=closes_at, now=now, expires_at=self._forget_at(now)
            )
        if not fresh:
            return visit.account.closes_at
        self._queued()
        self._context.recorder.record(Event.ACCOUNT_CLOSING, sub=sub, closes_at=closes_at)
        if closes_at > now:
            return closes_at
        await self.delete_due()
        return None

    async def keep(self, cookie: str, sealed: str) -> bool:
        """The account is not to be deleted after all; False where it was not."""
        visit, _ = await self._page.prove(cookie, Action.KEEP, sealed)
        kept = await self._durable.accounts.keep(visit.account.sub, now=self._context.now())
        if kept:
            self._context.recorder.record(Event.ACCOUNT_KEPT, sub=visit.account.sub)
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
        """When an account is deleted if its person asks for it now (epoch seconds); None: at once."""
        wait = self._rules.deletion_wait
        return self._context.now() + wait if wait else None

    def _forget_at(self, now: int) -> int:
        return now + self._remember_for


def is_through(visit: Visit, link: Link) -> bool:
    """Whether this is the way by which they are signed in here."""
    login = visit.session.login
    return (login.provider_key, login.subject) == (link.provider_key, link.subject)
