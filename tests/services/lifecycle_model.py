"""What a login gives and how it ends, said a second time and in the simplest words: sets, flags and dates.

Nothing here is of the broker. `lifecycle_machine` does the same thing to both and compares.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field

CODE, ACCESS, GRACE, DOWN = 60, 900, 10, 3600
REFRESH_IDLE, REFRESH_ABSOLUTE = 30 * 86400, 180 * 86400
SESSION_IDLE, SESSION_ABSOLUTE, TOUCH_EVERY = 3600, 86400, 300
QUESTION = 600
OFFLINE = "offline_access"


@dataclass(eq=False)
class Person:
    """Somebody at one provider."""

    provider: str
    subject: str
    sub: str = ""
    blocked: bool = False
    out_at: float = 0
    """When the provider last said that they logged out there, everywhere."""


@dataclass(eq=False)
class Login:
    """What apps know a session by; who logs in again in the same browser goes on with it."""

    ended: bool = False


@dataclass(eq=False)
class Session:
    """A browser that is logged in; `value` is its cookie."""

    value: str
    person: Person
    login: Login
    created_at: float
    seen_at: float
    ended: bool = False


@dataclass(eq=False)
class Grant:
    """What one code gave; everything hangs on it."""

    client: str
    session: Session
    scope: tuple[str, ...]
    expires_at: float
    revoked: bool = False

    @property
    def person(self) -> Person:
        """Whose it is."""
        return self.session.person


@dataclass(eq=False)
class Question:
    """A consent page put to one session."""

    ticket: str
    session: Session
    client: str
    scope: tuple[str, ...]
    expires_at: float
    answered: bool = False


@dataclass(eq=False)
class Code:
    """An authorization code; `grant` once it was redeemed."""

    value: str
    client: str
    session: Session
    scope: tuple[str, ...]
    expires_at: float
    burnt: bool = False
    grant: Grant | None = None


@dataclass(eq=False)
class Access:
    """An access token."""

    value: str
    grant: Grant
    expires_at: float


@dataclass(eq=False)
class Refresh:
    """A refresh token; `child` once it was spent."""

    value: str
    grant: Grant
    expires_at: float
    spent_at: float = 0
    child: Refresh | None = None


@dataclass
class Model:
    """Everything there is, alive or dead. `now` is set by whoever moves the clock, `started` by whoever starts anew."""

    now: float
    started: float
    off: set[str] = field(default_factory=set)
    """Providers that are switched off."""
    refused: set[tuple[str, str]] = field(default_factory=set)
    """(client, provider): not for this client."""
    agreed: defaultdict[tuple[Person, str], set[str]] = field(default_factory=lambda: defaultdict(set))
    sessions: list[Session] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    codes: list[Code] = field(default_factory=list)
    access: list[Access] = field(default_factory=list)
    refresh: list[Refresh] = field(default_factory=list)

    @property
    def grace(self) -> float:
        """Seconds ago that a rotation may be, to be done again; right after a start, those before it count, too."""
        up = self.now - self.started
        return up + DOWN if 0 <= up <= GRACE else GRACE

    @property
    def unspent(self) -> list[Code]:
        """Codes that gave nothing so far, though some of them never will."""
        return [code for code in self.codes if code.grant is None]

    @property
    def grants(self) -> list[Grant]:
        """Everything that codes gave."""
        return [code.grant for code in self.codes if code.grant is not None]

    @property
    def tokens(self) -> list[Access | Refresh]:
        """Every token there ever was."""
        return [*self.access, *self.refresh]

    def admits(self, client: str, person: Person) -> bool:
        """Whether this person's provider may be used for this client."""
        return person.provider not in self.off and (client, person.provider) not in self.refused

    def welcome(self, client: str, person: Person) -> bool:
        """Whether a login of this person counts for this client now."""
        return not person.blocked and self.admits(client, person)

    def stands(self, grant: Grant) -> bool:
        """Whether anything that hangs on the grant can open anything."""
        return not grant.revoked and grant.expires_at > self.now and not grant.person.blocked

    def tells(self, token: Access | Refresh) -> tuple[bool, bool]:
        """Whether a token opens anything by itself, and whether its client is told that it is active."""
        accepted = self.admits(token.grant.client, token.grant.person)
        alive = token.expires_at > self.now and self.stands(token.grant) and accepted
        spent = isinstance(token, Refresh) and token.child is not None
        return alive and isinstance(token, Access), alive and not spent

    def over(self, session: Session) -> bool:
        """Whether somebody logged out of it, here or at the provider; one that is off is not asked."""
        person = session.person
        out = person.provider not in self.off and session.created_at <= person.out_at
        return session.login.ended or out

    def lives(self, session: Session) -> bool:
        """Whether a session's cookie is still one."""
        return (
            not (session.ended or self.over(session))
            and self.now < session.seen_at + SESSION_IDLE
            and self.now < session.created_at + SESSION_ABSOLUTE
        )

    def touch(self, session: Session) -> None:
        """A session in use is young again, by steps of five minutes."""
        if self.now - session.seen_at >= TOUCH_EVERY:
            session.seen_at = self.now

    def start_session(self, value: str, person: Person, replaced: Session | None) -> Session:
        """After a login; the session before is over, and with it what hung on it if it was somebody else's."""
        login = Login()
        if replaced is not None and replaced.person is person:
            replaced.ended, login = True, replaced.login
        elif replaced is not None:
            self.log_out(replaced)
        self.sessions.append(Session(value, person, login, self.now, self.now))
        return self.sessions[-1]

    def log_out(self, session: Session) -> None:
        """The session is over, and what apps got in it unless it was to outlive it."""
        session.ended = session.login.ended = True
        self._revoke(grant for grant in self.grants if grant.session.login is session.login)

    def log_out_upstream(self, person: Person) -> None:
        """The same for every session of theirs."""
        person.out_at = self.now
        self._revoke(grant for grant in self.grants if grant.person is person)

    def _revoke(self, grants: Iterable[Grant]) -> None:
        for grant in grants:
            grant.revoked |= OFFLINE not in grant.scope

    def asks(self, client: str, scope: tuple[str, ...], person: Person, *, prompt: str | None, ours: bool) -> bool:
        """Whether the person must be asked first; `ours`: an app of the operator."""
        return prompt == "consent" or not (ours or set(scope) <= self.agreed[person, client])

    def ask(self, ticket: str, session: Session, client: str, scope: tuple[str, ...]) -> None:
        """A question was put."""
        self.questions.append(Question(ticket, session, client, scope, self.now + QUESTION))

    def takes_answer(self, question: Question, session: Session, *, allowed: bool) -> bool:
        """Whether an answer given in this session counts; a yes only while the person is welcome."""
        mine = question.session is session and self.lives(session)
        if not mine or question.answered or question.expires_at <= self.now:
            return False
        question.answered = True
        if allowed:
            self.agreed[session.person, question.client] |= set(question.scope)
        return not allowed or self.welcome(question.client, session.person)

    def issue_code(self, value: str, client: str, session: Session, scope: tuple[str, ...]) -> None:
        """A code went out."""
        self.codes.append(Code(value, client, session, scope, self.now + CODE))

    def takes_code(self, code: Code, client: str, *, proved: bool) -> bool:
        """Whether this is the one good redemption; whatever else it is ends the code and what it gave."""
        if code.grant is not None:
            code.grant.revoked = True
            return False
        if code.burnt or code.expires_at <= self.now or self.over(code.session):
            return False
        if client == code.client and proved and self.welcome(client, code.session.person):
            return True
        code.burnt = True
        return False

    def redeem(self, code: Code, access: str, refresh: str | None) -> None:
        """The code gave this."""
        assert code.grant is None, "one code, two families"
        ttl = REFRESH_ABSOLUTE if OFFLINE in code.scope else ACCESS
        code.grant = Grant(code.client, code.session, code.scope, self.now + ttl)
        self._add_access(access, code.grant)
        if refresh is not None:
            self._add_refresh(refresh, code.grant)

    def takes_refresh(self, token: Refresh, client: str, *, narrow: bool) -> bool:
        """Whether the token gives a child now; a spent one that is neither fresh nor childless ends the family."""
        grant = token.grant
        if client != grant.client or not narrow or not self.stands(grant) or not self.admits(client, grant.person):
            return False
        if token.expires_at <= self.now:
            return False
        if not token.spent_at:
            return True
        if token.child is not None and not token.child.spent_at and self.now - token.spent_at <= self.grace:
            return True
        grant.revoked = True
        return False

    def rotate(self, token: Refresh, access: str, child: str) -> None:
        """The token gave this child, for the first time or once more."""
        if token.child is None:
            token.spent_at, token.child = self.now, self._add_refresh(child, token.grant)
        assert token.child.value == child, "one token, two children"
        self._add_access(access, token.grant)

    def give_back(self, token: Access | Refresh, client: str) -> None:
        """A client revokes what it holds."""
        readable = isinstance(token, Refresh) or token.expires_at > self.now
        if readable and client == token.grant.client:
            token.grant.revoked = True

    def _add_access(self, value: str, grant: Grant) -> None:
        self.access.append(Access(value, grant, min(self.now + ACCESS, grant.expires_at)))

    def _add_refresh(self, value: str, grant: Grant) -> Refresh:
        self.refresh.append(Refresh(value, grant, min(self.now + REFRESH_IDLE, grant.expires_at)))
        return self.refresh[-1]
