"""The single sign-on session of a browser: a fresh id at every login, idle and absolute limits on our side."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Protocol, TypeGuard

from broker.core.errors import LoginTooOld, SealBroken
from broker.core.events import Event
from broker.core.people.history import SignIn, Whence
from broker.core.people.identity import Identity, Person
from broker.core.people.linking import FRESH
from broker.core.records import Login, SessionRecord
from broker.core.seal import digest
from broker.services.context import Context
from broker.services.providers import ProviderInstance, Providers
from broker.services.sessions.upstream import UpstreamSessions
from broker.store.sessions import Ending
from broker.store.transient import Kind, Transient

_TOUCH_EVERY = 300  # seconds; a session in use is written this seldom


@dataclass(frozen=True, slots=True)
class SessionLimits:
    """In seconds."""

    idle: int
    absolute: int


@dataclass(frozen=True, slots=True)
class Session:
    """A live session: its record as it is kept, and the digest its cookie is known by.

    `login` is who is logged in, as far as it counts today (threats B23).
    """

    record: SessionRecord
    key: str
    login: Login


class EndsSessions(Protocol):
    """See `broker.services.sessions.endings.Endings`."""

    async def begin(self, sign_in: SignIn, *, replacing: Session | None) -> None:
        """Remember that a session begins, and end the one it replaces, or the cookie that this was known by."""

    async def ending(self, session: Session) -> Ending:
        """Whether this session, or the cookie it is known by, was ended before, or its upstream ended it."""


class Sessions:
    """Starts, finds and ends sessions. The cookie's value is never stored, only its digest."""

    def __init__(
        self,
        context: Context,
        transient: Transient,
        limits: SessionLimits,
        upstream: UpstreamSessions,
        endings: EndsSessions,
        *,
        providers: Providers,
    ) -> None:
        """`limits` hold on the server, whatever a cookie says; `upstream` knows what ended elsewhere.

        `endings` ends the session of whoever was logged in before, and knows for good what ended; `providers` says
        whose word counts for what.
        """
        self._context = context
        self._transient = transient
        self._upstream = upstream
        self._endings = endings
        self._providers = providers
        self._limits = limits

    async def start(
        self,
        person: Person,
        identity: Identity,
        instance: ProviderInstance,
        *,
        replacing: Session | None,
        client_id: str,
        whence: Whence,
    ) -> tuple[str, Session]:
        """The new cookie value and session, kept at once; see `keep`."""
        value, session = self.build(person, identity, instance, replacing=replacing)
        await self.keep(session, replacing=replacing, client_id=client_id, whence=whence)
        return value, session

    def build(
        self,
        person: Person,
        identity: Identity,
        instance: ProviderInstance,
        *,
        began_at: int | None = None,
        asked_at: int = 0,
        replacing: Session | None = None,
    ) -> tuple[str, Session]:
        """The cookie value and session of a login, under a fresh id. It is no session before it is kept.

        `began_at` (epoch seconds): when the login set out, now where nothing came before. `asked_at` as in `Login`, and
        never in the future. Whoever logs in again, in the
        session `replacing` of theirs, stays the same to apps: they know it by its `sid`, which is not the cookie.
        """
        now = self._context.now()
        value = self._context.mint_ordered("s")
        login = build_login(
            person,
            identity,
            instance,
            sid=replacing.login.sid if _is_same(replacing, person) else self._context.mint(size=16),
            now=now,
            unsaid=now,
            began_at=now if began_at is None else began_at,
            asked_at=min(asked_at, now),
        )
        record = self._upstream.tie(SessionRecord(login, created_at=now, seen_at=now), identity)
        return value, Session(record, digest(value), record.login)

    async def keep(self, session: Session, *, replacing: Session | None, client_id: str, whence: Whence) -> None:
        """From now on the cookie counts; the session it replaces is dead, so a planted id is worth nothing.

        `client_id` is the app that it began with, "" for none, and `whence` the browser: its person sees both.
        """
        record, login = session.record, session.login
        sign_in = SignIn.of(
            login,
            at=record.created_at,
            client_id=client_id,
            whence=whence,
            ends_at=record.created_at + self._limits.absolute,
            key=session.key,
        )
        await self._endings.begin(sign_in, replacing=replacing)
        await self._transient.put(Kind.SESSION, session.key, record.to_bytes(), ttl=self._ttl(record))
        self._context.recorder.record(Event.SESSION_STARTED, sub=login.sub, provider=login.provider)

    def is_fresh(self, session: Session) -> bool:
        """Whether its person was asked so lately who they are that they may do what others must not do in their name.

        A login is not enough: at a browser that was left unlocked the upstream's own session makes one unasked.
        """
        return self._context.now() - session.login.asked_at <= FRESH

    async def find(self, value: str) -> Session | None:
        """The live session of a cookie; None when there is none, a limit has passed, or it ended here or upstream."""
        if not value:
            return None
        key = digest(value)
        raw = await self._transient.get(Kind.SESSION, key)
        if raw is None:
            return None
        try:
            record = SessionRecord.from_bytes(raw)
        except SealBroken:
            return None  # of another version of ours, before or after an upgrade: they log in again
        session, now = Session(record, key, self._providers.counted(record.login)), self._context.now()
        if await self._is_over(session, now):
            await self._transient.take(Kind.SESSION, key)
            return None
        if now - record.seen_at >= min(_TOUCH_EVERY, self._limits.idle // 4):
            record = record.replace(seen_at=now)
            await self._transient.replace(Kind.SESSION, key, record.to_bytes(), ttl=self._ttl(record))
            return replace(session, record=record)
        return session

    def check_fresh(self, session: Session, what: str, *, then: str) -> None:
        """Raise LoginTooOld unless it `is_fresh`; `what` is for the log, and `then` where they go on afterwards."""
        if self.is_fresh(session):
            return
        login = session.login
        instance = self._providers.still(login.provider, login.provider_key)
        name = instance.name if instance else login.provider
        raise LoginTooOld(f"{what} with an old login", provider=name, then=then)

    async def _is_over(self, session: Session, now: int) -> bool:
        """Whatever the store still holds: it may keep more than we told it to, or be put back to an earlier state."""
        record = session.record
        if now >= record.seen_at + self._limits.idle or now >= record.created_at + self._limits.absolute:
            return True
        ending = await self._endings.ending(session)
        if ending.here:
            return True
        if not self._upstream.is_ended(session.login, ending):
            return False
        self._context.recorder.record(Event.SESSION_ENDED, sub=session.login.sub, reason="logout at the provider")
        return True

    def _ttl(self, record: SessionRecord) -> int:
        return max(1, min(self._limits.idle, record.created_at + self._limits.absolute - record.seen_at))


def build_login(
    person: Person,
    identity: Identity,
    instance: ProviderInstance,
    *,
    sid: str,
    now: int,
    began_at: int,
    asked_at: int = 0,
    unsaid: int = 0,
) -> Login:
    """The login by which this identity is this person; level and methods as far as they count. Epoch seconds.

    `auth_time` is what the upstream says, never in the future, and `unsaid` where it says nothing.
    """
    acr, amr = instance.counted(identity.acr, identity.amr)
    return Login(
        sub=person.account.sub,
        provider=instance.name,
        provider_key=person.link.provider_key,
        subject=person.link.subject,
        auth_time=min(unsaid if identity.auth_time is None else identity.auth_time, now),
        amr=amr,
        sid=sid,
        acr=acr,
        began_at=began_at,
        asked_at=asked_at,
    )


def _is_same(replacing: Session | None, person: Person) -> TypeGuard[Session]:
    """Whether the session is this person's, through the same link."""
    link = person.link
    return replacing is not None and (
        replacing.login.sub,
        replacing.login.provider_key,
        replacing.login.subject,
    ) == (
        person.account.sub,
        link.provider_key,
        link.subject,
    )
