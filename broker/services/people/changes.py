"""What people do at their account page, a use case each; what cannot be undone asks for a login of the last minutes."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from broker.core.people.identity import Link
from broker.services.people.deeds import Deeds
from broker.services.people.forms import Action
from broker.services.people.page import AccountPage, Visit
from broker.services.people.unlinking import Unlinking
from broker.store.people import LastLink, Unlinked


@dataclass(frozen=True, slots=True)
class AccountRules:
    """What the operator chose, in seconds: from asking for deletion to it, and how long sign-ins are shown.

    `events_kept`: how long what was done to an account is known, and `unused_kept` how long an account is kept that
    nobody uses; None: as long as the account, and for ever.
    """

    deletion_wait: int
    history_kept: int
    events_kept: int | None = None
    unused_kept: int | None = None


class Removal(StrEnum):
    """What came of removing a way in: it is gone, and with it the session here; it is the last; there was none."""

    DONE = "unlinked"
    SIGNED_OUT = "signed_out"
    LAST = "last"
    NONE = "gone"


class AccountChanges:
    """Every method takes the cookie of the session and the ticket of the form, and raises as `AccountPage.prove`."""

    def __init__(self, page: AccountPage, deeds: Deeds, unlinking: Unlinking) -> None:
        self._page = page
        self._deeds = deeds
        self._unlinking = unlinking

    async def unlink(self, cookie: str, sealed: str, handle: str) -> Removal:
        """Take a way in from the account, with every session and grant that came from it (threats D16)."""
        visit, ticket = await self._page.prove(cookie, Action.UNLINK, sealed, about=handle)
        link = await self._page.find_link(visit.account.sub, handle)
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
        sub = visit.account.sub
        if sid not in {one.sid for one in await self._page.living(sub)}:
            return False
        await self._deeds.end_session(sub, sid, reason="ended by its person")
        return True

    async def sign_out_elsewhere(self, cookie: str, sealed: str) -> None:
        """End every session of theirs but this one."""
        visit, ticket = await self._page.prove(cookie, Action.SIGN_OUT, sealed)
        async with self._page.forms.spend(ticket):
            await self._deeds.sign_out(visit.account.sub, keep=visit.session.login)

    async def take_back(self, cookie: str, sealed: str, client_id: str) -> bool:
        """What they allowed this app is taken back and its grants end; False where there was nothing."""
        visit, _ = await self._page.prove(cookie, Action.TAKE_BACK, sealed)
        return await self._deeds.take_back(visit.account.sub, client_id)

    async def withdraw(self, cookie: str, sealed: str, handle: str) -> bool:
        """Apps may no longer use the account at a provider that is this way in; False where none could."""
        visit, _ = await self._page.prove(cookie, Action.WITHDRAW, sealed)
        return await self._page.elsewhere.withdraw(visit.account.sub, handle)

    async def close(self, cookie: str, sealed: str) -> int | None:
        """Ask for the account to be deleted: when that is (epoch seconds), or None where it is deleted already.

        Every session and grant ends now. Nobody signs in any more, but to call it off.
        """
        visit, ticket = await self._page.prove(cookie, Action.DELETE, sealed)
        closes_at = self._deeds.closes_at()
        async with self._page.forms.spend(ticket):
            fresh = await self._deeds.close(visit.account.sub, closes_at=closes_at)
        return closes_at if fresh else visit.account.closes_at

    async def keep(self, cookie: str, sealed: str) -> bool:
        """The account is not to be deleted after all; False where it was not."""
        visit, _ = await self._page.prove(cookie, Action.KEEP, sealed)
        return await self._deeds.keep(visit.account.sub)

    def closes_at(self) -> int | None:
        """When an account is deleted if its person asks for it now (epoch seconds); None: at once."""
        return self._deeds.closes_at()


def is_through(visit: Visit, link: Link) -> bool:
    """Whether this is the way by which they are signed in here."""
    login = visit.session.login
    return (login.provider_key, login.subject) == (link.provider_key, link.subject)
