"""Forms of the account page: a ticket in each says that its session was shown it, and for what (CSRF)."""

from __future__ import annotations

from contextlib import AbstractAsyncContextManager
from enum import StrEnum

from broker.core.errors import FlowFinished, FlowGone, ForeignPost, SealBroken
from broker.core.records import FormTicket
from broker.core.seal import Seal, digest
from broker.services.context import Context
from broker.services.once import once
from broker.services.sessions.single_sign_on import Session
from broker.store.transient import Transient

_TTL = 3600  # seconds a page may lie open


class Action(StrEnum):
    """What a form does, and the last part of the path it is posted to."""

    LINK = "link"
    UNLINK = "unlink"
    END = "end"
    SIGN_OUT = "sign-out"
    TAKE_BACK = "take-back"
    WITHDRAW = "withdraw"
    EXPORT = "export"
    DELETE = "delete"
    KEEP = "keep"


class Forms:
    """Makes tickets and opens them. Nothing is kept but those that counted once."""

    def __init__(self, context: Context, transient: Transient, seal: Seal) -> None:
        """`seal` has the purpose "form"."""
        self._context = context
        self._transient = transient
        self._seal = seal

    def ticket(self, action: Action, session: Session, *, about: str = "") -> str:
        """For one form on a page of this session, and for what it is `about`, where that stands before."""
        ticket = FormTicket(jti=self._context.mint(size=16), expires_at=self._context.now() + _TTL)
        return self._seal.seal(ticket.to_bytes(), bound_to=_bound(action, about, session))

    def open_(self, sealed: str, action: Action, session: Session, *, about: str = "") -> FormTicket:
        """The ticket of a form that this session was shown for this; raises ForeignPost or FlowGone."""
        try:
            ticket = FormTicket.from_bytes(self._seal.open_(sealed, bound_to=_bound(action, about, session)))
        except SealBroken as error:
            raise ForeignPost(error.detail) from None
        if ticket.expires_at <= self._context.now():
            raise FlowGone("the form of the account page is too old")
        return ticket

    def notice(self, word: str, cookie: str) -> str:
        """A word that is shown once it comes back in the session of this cookie, and in no other."""
        return self._seal.seal(word.encode(), bound_to=_notice(cookie))

    def read_notice(self, sealed: str, cookie: str) -> str:
        """The word, or "": nobody is told something by a link that a stranger made."""
        try:
            return self._seal.open_(sealed, bound_to=_notice(cookie)).decode()
        except SealBroken:
            return ""

    def spend(self, ticket: FormTicket) -> AbstractAsyncContextManager[None]:
        """The body is done for the first post of this form; raises FlowFinished for every other (see `once`)."""
        ttl = max(1, ticket.expires_at - self._context.now())
        again = FlowFinished("a form of the account page was posted twice")
        return once(self._transient, digest(f"form {ticket.jti}"), ttl=ttl, again=again)


def _notice(cookie: str) -> bytes:
    return f"notice {digest(cookie)}".encode()


def _bound(action: Action, about: str, session: Session) -> bytes:
    return f"{action} {session.key} {about}".encode()
