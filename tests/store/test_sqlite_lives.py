"""Whatever happens to accounts in whatever order: a model says whose every way in, session and grant is."""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from typing import Any, TypeVar

import pytest
from hypothesis import HealthCheck, Phase, seed, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from broker.core.records import Login
from broker.store.accounts import Merged, Unmergeable
from broker.store.grants import Redeemed, SessionOver
from broker.store.people import LastLink, Linked, NotLinked, Taken, Unlinked
from broker.store.sql.durable import build_durable
from broker.store.sql.steps import Steps
from broker.store.sqlite.engine import run
from broker.store.sqlite.file import open_database
from tests.contract.people import NOW, USABLE, account, grant, is_over, link, proof

T = TypeVar("T")
SUBJECTS = [f"x{number}" for number in range(5)]
FAR = 10**6
WHICH, WAYS = st.integers(0, 5), st.sampled_from(SUBJECTS)


@dataclass(eq=False)
class Life:
    """An account: `part_of` is the one that took it in."""

    sub: str
    blocked: bool = False
    closing: bool = False
    deleted: bool = False
    part_of: Life | None = None

    @property
    def lives(self) -> bool:
        """Whether its person may sign in."""
        return not (self.blocked or self.closing or self.deleted or self.part_of)

    def takes_back_from(self, other: Life) -> bool:
        """Whether a way in that came from it may go home from there: no third account has it."""
        return not self.deleted and self.part_of in {None, other}


@dataclass(eq=False)
class Way:
    """A way in, and the account that it came from by a merge."""

    life: Life
    home: Life | None = None


@dataclass(eq=False)
class Session:
    """Of an account, through a way in."""

    life: Life
    subject: str
    sid: str
    began_at: int
    over: bool = False


@dataclass(eq=False)
class Given:
    """A grant that came from a session."""

    id: str
    session: Session
    offline: bool
    revoked: bool = False


@dataclass
class Model:
    """What must be so."""

    lives: list[Life] = field(default_factory=list)
    ways: dict[str, Way] = field(default_factory=dict)
    sessions: list[Session] = field(default_factory=list)
    given: list[Given] = field(default_factory=list)

    def of(self, life: Life) -> list[str]:
        """The subjects that lead to an account."""
        return [subject for subject, way in self.ways.items() if way.life is life]

    def parts(self, life: Life) -> list[Life]:
        """The accounts that it took in."""
        return [one for one in self.lives if one.part_of is life]

    def end(self, life: Life, *, but: Session | None = None, subject: str = "", also_offline: bool = True) -> None:
        """Sessions of an account end, or those through one way in, with their grants."""
        for session in self.sessions:
            if session.life is life and session is not but and subject in {"", session.subject}:
                session.over = True
        for one in self.given:
            if one.session.life is life and subject in {"", one.session.subject}:
                one.revoked |= also_offline or (one.session is not but and not one.offline)

    def stands(self, one: Given) -> bool:
        """Whether a grant counts."""
        way = self.ways.get(one.session.subject)
        return not one.revoked and one.session.life.lives and way is not None and way.life is one.session.life


def login_of(session: Session) -> Login:
    """As sessions, codes and grants carry it."""
    login = grant(sub=session.life.sub, subject=session.subject).login
    return login.replace(sid=session.sid, began_at=session.began_at)


class AtOnce:
    """A driver that does the statements where they are asked for, and waits for nobody."""

    def __init__(self, db: sqlite3.Connection) -> None:
        """`db` is its own."""
        self._db = db

    async def read(self, operation: Callable[[], Steps[T]]) -> T:
        """As they come."""
        return run(operation, self._db)

    async def write(self, operation: Callable[[], Steps[T]]) -> T:
        """In a transaction."""
        self._db.execute("BEGIN IMMEDIATE")
        done = run(operation, self._db)
        self._db.execute("COMMIT")
        return done

    async def ping(self) -> None:
        """It is there."""

    async def close(self) -> None:
        """Whoever opened the database closes it."""


class Lives(RuleBasedStateMachine):
    """Does it to the store and to the model, and compares everything after every step."""

    def __init__(self, seen: Counter[str]) -> None:
        """Nobody is there. `seen` counts what happened, over all examples."""
        super().__init__()
        self.database = open_database(":memory:")
        self.durable = build_durable(AtOnce(self.database.writer), bytes)
        self.model, self.now, self.seen = Model(), NOW, seen

    def teardown(self) -> None:
        """Let go of the database."""
        self.database.close()

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What it comes to, which waits for nothing, a second later than what came before."""
        self.now += 1
        try:
            work.send(None)
        except StopIteration as done:
            answer: T = done.value
            return answer
        raise AssertionError("it waits for something")

    def pick(self, which: int) -> Life:
        """The newest come first."""
        return self.model.lives[-1 - which % len(self.model.lives)]

    def saw(self, deed: str, outcome: object) -> None:
        """Take note of what came of a deed."""
        self.seen[f"{deed}: {type(outcome).__name__}"] += 1

    @initialize(torn=st.booleans(), lost=st.booleans())
    def begin(self, torn: bool, lost: bool) -> None:
        """Three people with a way in each, so that there is something to join.

        `torn`: the first took in the second, who left again but for one way in and was taken in by the third;
        `lost`: that way in goes too.
        """
        for subject in SUBJECTS[:3]:
            self.sign_in(subject)
        if torn:
            self.link(1, SUBJECTS[3])
            self.merge(2, 1, None)
            self.unlink(SUBJECTS[1], None)
            self.merge(0, 1, None)
        if torn and lost:
            self.unlink(SUBJECTS[3], None)

    @rule(subject=WAYS)
    def sign_in(self, subject: str) -> None:
        """Somebody comes by a way in, known or not."""
        sub = f"s{len(self.model.lives)}"
        person = self.run(self.durable.people.adopt(account(sub), link(subject)))
        way = self.model.ways.get(subject)
        if way is None:
            way = self.model.ways[subject] = Way(Life(sub))
            self.model.lives.append(way.life)
        assert person.account.sub == way.life.sub
        if way.life.lives:
            sid = f"of-{len(self.model.sessions)}"
            self.model.sessions.append(Session(way.life, subject, sid, self.now))

    @rule(which=WHICH, offline=st.booleans())
    def redeem(self, which: int, offline: bool) -> None:
        """An app brings a code of a session, over or not."""
        session, number = self.model.sessions[-1 - which % len(self.model.sessions)], len(self.model.given) + 1
        given = grant(number, expires_at=NOW + FAR).replace(login=login_of(session), offline=offline)
        outcome = self.run(self.durable.grants.redeem(f"c{number}", given, None, now=self.now))
        assert outcome == (SessionOver() if session.over else Redeemed())
        self.saw("redeem", outcome)
        self.model.given.append(Given(given.id, session, offline, revoked=session.over))

    @rule(which=WHICH, subject=WAYS)
    def link(self, which: int, subject: str) -> None:
        """A way in is added to an account."""
        life, way = self.pick(which), self.model.ways.get(subject)
        outcome = self.run(self.durable.people.link(life.sub, link(subject), began_at=self.now + 1, now=self.now))
        self.saw("link", outcome)
        if not life.lives:
            assert isinstance(outcome, NotLinked)
        elif way is not None:
            assert outcome == (Linked(again=True) if way.life is life else Taken(way.life.sub))
        else:
            assert outcome == Linked(again=False)
            self.model.ways[subject] = Way(life)

    @rule(subject=WAYS, which=st.none() | WHICH)
    def unlink(self, subject: str, which: int | None) -> None:
        """A way in is taken from the account it leads to, or from another."""
        way = self.model.ways.get(subject)
        life = way.life if way is not None and which is None else self.pick(which or 0)
        outcome = self.run(
            self.durable.people.unlink(life.sub, "p1", subject, usable=USABLE, now=self.now, expires_at=NOW + FAR)
        )
        self.saw("unlink", outcome)
        if way is None or way.life is not life or not life.lives:
            assert isinstance(outcome, NotLinked)
        elif len(self.model.of(life)) == 1:
            assert isinstance(outcome, LastLink)
        else:
            self.model.end(life, subject=subject)
            home = way.home if way.home is not None and way.home.takes_back_from(life) else None
            assert outcome == Unlinked(home.sub if home is not None else "")
            kind = "home" if home else "free" if way.home is None or way.home.deleted else "homeless"
            self.seen[f"unlink: {kind}"] += 1
            if home is None:
                del self.model.ways[subject]
            else:
                self.model.ways[subject], home.part_of = Way(home), None

    @rule(one=WHICH, two=WHICH, shown=st.sampled_from([*[None] * 20, *SUBJECTS]))
    def merge(self, one: int, two: int, shown: str | None) -> None:
        """An account takes another one in, by the proof of a way into it, or of just any way."""
        survivor, absorbed = self.pick(one), self.pick(two)
        opened = survivor if absorbed.part_of is survivor else absorbed
        subject = shown or next(iter(self.model.of(opened)), "of nobody")
        merging = self.durable.accounts.merge(
            survivor.sub,
            absorbed.sub,
            proof=proof(subject, began_at=self.now),
            now=self.now,
            expires_at=NOW + FAR,
            known=self.run(self.durable.accounts.known_to(absorbed.sub)),
            seen_as={f"at {absorbed.sub}": absorbed.sub},
        )
        outcome = self.run(merging)
        self.saw("merge", outcome)
        if subject not in self.model.of(opened):
            assert isinstance(outcome, Unmergeable)
        elif absorbed.part_of is survivor and not absorbed.deleted:
            assert outcome == Merged(again=True)
        elif survivor is absorbed or not survivor.lives or not absorbed.lives:
            assert isinstance(outcome, Unmergeable)
        else:
            assert outcome == Merged(again=False)
            self.model.end(absorbed)
            for subject in self.model.of(absorbed):
                home = self.model.ways[subject].home or absorbed
                self.model.ways[subject] = Way(survivor, None if home is survivor else home)
            for part in (absorbed, *self.model.parts(absorbed)):
                part.part_of = survivor

    @rule(which=WHICH, blocked=st.booleans())
    def block(self, which: int, blocked: bool) -> None:
        """The operator switches an account off or on."""
        life = self.pick(which)
        there = not life.deleted and life.part_of is None
        assert self.run(self.durable.accounts.set_blocked(life.sub, blocked)) is there
        life.blocked = blocked if there else life.blocked

    @rule(which=WHICH, but=st.none() | WHICH)
    def sign_out(self, which: int, but: int | None) -> None:
        """Somebody ends all their sessions, or all but one."""
        life = self.pick(which)
        kept = None if but is None else self.model.sessions[-1 - but % len(self.model.sessions)]
        keep = login_of(kept) if kept is not None else None
        self.run(self.durable.accounts.sign_out(life.sub, now=self.now, expires_at=NOW + FAR, keep=keep))
        if not life.deleted and life.part_of is None:
            self.model.end(life, but=kept, also_offline=False)

    @rule(which=WHICH)
    def close(self, which: int) -> None:
        """Somebody asks to be deleted."""
        life = self.pick(which)
        open_ = not (life.closing or life.deleted or life.part_of)
        closing = self.durable.accounts.close(life.sub, closes_at=self.now, now=self.now, expires_at=NOW + FAR)
        assert self.run(closing) is open_
        if open_:
            self.model.end(life)
            life.closing = True

    @rule(which=WHICH)
    def keep(self, which: int) -> None:
        """And thinks better of it."""
        life = self.pick(which)
        assert self.run(self.durable.accounts.keep(life.sub, now=self.now)) is life.closing
        life.closing = False

    @rule()
    def delete(self) -> None:
        """The time of all of them has come, but the operator has not let go of those that are blocked."""
        due = [life for life in self.model.lives if life.closing and not life.blocked]
        assert set(self.run(self.durable.accounts.delete_due(now=self.now))) == {life.sub for life in due}
        self.seen["delete"] += len(due)
        for life in due:
            for subject in self.model.of(life):
                del self.model.ways[subject]
            for part in (*self.model.parts(life), life):
                part.deleted, part.closing, part.part_of = True, False, None

    @invariant()
    def every_way_leads_to_one_account(self) -> None:
        """By the model, with the home it goes back to."""
        for subject in SUBJECTS:
            person, way = self.run(self.durable.people.person("p1", subject)), self.model.ways.get(subject)
            assert (person is None) is (way is None)
            if person is not None and way is not None:
                home = way.home.sub if way.home is not None else ""
                assert (person.account.sub, person.link.home) == (way.life.sub, home)

    @invariant()
    def every_name_leads_on(self) -> None:
        """As long as somebody is there who goes by it."""
        for life in self.model.lives:
            today = life.part_of or life
            parts = tuple(sorted(part.sub for part in self.model.parts(today)))
            for name in (life.sub, *([f"at {life.sub}"] if life.part_of else [])):
                found = self.run(self.durable.accounts.resolve(name))
                assert (found is None) is today.deleted
                assert found is None or (found.sub, found.former) == (today.sub, parts)

    @invariant()
    def what_is_over_stays_so_and_what_lives_goes_on(self) -> None:
        """Every session and grant there ever was."""
        for session in self.model.sessions:
            assert self.run(is_over(self.durable, login_of(session))) is session.over
        for one in self.model.given:
            found = self.run(self.durable.grants.find(one.id, now=self.now))
            assert (found is not None) is self.model.stands(one)


REACHED = {
    *("redeem: Redeemed", "redeem: SessionOver", "link: Linked", "link: Taken", "link: NotLinked", "delete"),
    *("unlink: home", "unlink: free", "unlink: homeless", "unlink: LastLink", "unlink: NotLinked"),
    *("merge: Merged", "merge: Unmergeable"),
}
"""What every shard must have come to; else it looked at nothing."""


@pytest.mark.parametrize("shard", range(4))
def test_in_a_thousand_histories_every_way_session_and_grant_is_whose_it_should_be(shard: int) -> None:
    seen: Counter[str] = Counter()

    @seed(shard)
    class History(Lives):
        def __init__(self) -> None:
            super().__init__(seen)

    rules = settings(
        max_examples=250,
        stateful_step_count=25,
        database=None,
        phases=(Phase.generate, Phase.shrink),
        suppress_health_check=list(HealthCheck),
    )
    run_state_machine_as_test(History, settings=rules)
    assert REACHED - seen.keys() == set()
