"""Does at random what people, apps and operators do, to the broker and to `lifecycle_model`, and compares."""

from __future__ import annotations

from typing import TypeVar

from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from broker.core.errors import ConsentRequired, InvalidGrant, InvalidScope, LoginRequired, PageError
from broker.core.people.identity import Identity
from broker.services.authorize.codes import Answer
from broker.services.authorize.decide import Ask, Step
from tests.services.bare_broker import NOW
from tests.services.lifecycle_model import OFFLINE, Code, Model, Person, Refresh, Session
from tests.services.lifecycle_stage import OURS, PROVIDERS, TALKING, THEIRS, Stage

T = TypeVar("T")
OTHER = {OURS: THEIRS, THEIRS: OURS}
CLIENTS, PEOPLE, PICK = st.sampled_from((OURS, THEIRS)), st.integers(0, 2), st.integers(0, 7)
SCOPES = st.sampled_from((f"openid {OFFLINE}", "openid", f"openid email {OFFLINE}"))
HOW_TO_REDEEM = st.sampled_from(("good", "good", "good", "client", "code_verifier", "redirect_uri"))
HOW_TO_REFRESH = st.sampled_from(("good", "good", "good", "client", "scope"))
DAY = 86_400
MOMENTS = st.sampled_from((1, 5, 10, 11, 49, 59, 60))
AGES = st.sampled_from((60, 300, 600, 899, 900, 3599, 3600, DAY, 29 * DAY, 30 * DAY, 150 * DAY))


def pick(items: list[T], which: int) -> T:
    """The newest come first: they are what a shrunk example uses."""
    return items[-1 - which % len(items)]


class Lifecycle(RuleBasedStateMachine):
    """Whatever the order: what the model says is dead is refused, and what it says is alive works."""

    def __init__(self, stage: Stage) -> None:
        """Three people nobody has seen before, and all that is configured as at first."""
        super().__init__()
        stage.begin()
        self.stage, self.model = stage, Model(NOW, stage.started)
        self.people = [Person(name, f"{stage.examples}-{who}") for who, name in enumerate(("alpha", "alpha", "beta"))]

    @initialize(who=PEOPLE, client=CLIENTS, scope=SCOPES, far=st.integers(0, 3))
    def begin(self, who: int, client: str, scope: str, far: int) -> None:
        """A login, and some or all of what comes of it when nothing goes wrong, so that there is something to lose."""
        self.log_in(who, client, scope, 0)
        if far and self.model.questions:
            self.answer(0, 1, True)
        if far > 1:
            self.redeem(0, "good")
        if far > 2 and OFFLINE in scope:
            self.refresh(0, "good")

    @rule(who=PEOPLE, client=CLIENTS, scope=SCOPES, which=PICK)
    def log_in(self, who: int, client: str, scope: str, which: int) -> None:
        """Somebody logs in for an app, in a new browser or in one that was used before."""
        person, before = self.people[who], pick([*self.model.sessions, None], which)
        self.stage.world.upstreams[person.provider].identity = Identity(person.subject)
        replaced = self._use(before)
        done = self.stage.log_in(before.value if before else "", client, person.provider, scope)
        if not self._same("log in", self.model.welcome(client, person), done):
            return
        assert isinstance(done, tuple)
        value, session, step = done
        assert person.sub in {"", session.login.sub}, "one person, two accounts"
        person.sub = session.login.sub
        self._take(step, self.model.start_session(value, person, replaced), client, scope)

    @precondition(lambda self: self.model.sessions)
    @rule(which=PICK, client=CLIENTS, scope=SCOPES, prompt=st.sampled_from((None, "none", "consent")))
    def come_again(self, which: int, client: str, scope: str, prompt: str | None) -> None:
        """A browser that was logged in once comes with another request."""
        session = pick(self.model.sessions, which)
        alive = self._use(session) is not None
        step = self.stage.come(session.value, client, scope=scope, prompt=prompt)
        if not alive or not self.model.welcome(client, session.person):
            assert isinstance(step, LoginRequired if prompt == "none" else Step | PageError), step
            assert not isinstance(step, Answer | Ask), step
            self.stage.seen["come again to nothing"] += 1
            return
        self._take(step, session, client, scope, prompt)

    @precondition(lambda self: self.model.questions)
    @rule(which=PICK, elsewhere=PICK, allowed=st.booleans())
    def answer(self, which: int, elsewhere: int, allowed: bool) -> None:
        """Somebody says yes or no on a consent page, mostly in the browser that shows it."""
        question = pick(self.model.questions, which)
        session = pick([*self.model.sessions, *[question.session] * 6], elsewhere)
        self._use(session)
        good = self.model.takes_answer(question, session, allowed=allowed)
        step = self.stage.answer(question.ticket, session.value, allowed=allowed)
        if self._same("answer", good, step) and allowed:
            assert isinstance(step, Answer)
            self.model.issue_code(step.params["code"], question.client, session, question.scope)

    @precondition(lambda self: self.model.unspent)
    @rule(which=PICK, how=HOW_TO_REDEEM)
    def redeem(self, which: int, how: str) -> None:
        """An app brings a code for the first time, or one that gave nothing so far; rightly or not."""
        self._bring(pick(self.model.unspent, which), how)

    @precondition(lambda self: len(self.model.unspent) < len(self.model.codes))
    @rule(which=PICK, how=HOW_TO_REDEEM)
    def replay(self, which: int, how: str) -> None:
        """A code comes again."""
        self._bring(pick([code for code in self.model.codes if code.grant], which), how)

    @precondition(lambda self: self.model.refresh)
    @rule(which=PICK, how=HOW_TO_REFRESH)
    def refresh(self, which: int, how: str) -> None:
        """An app refreshes with a token that nobody used so far, if there is one."""
        unspent = [token for token in self.model.refresh if token.child is None]
        self._swap(pick(unspent or self.model.refresh, which), how)

    @precondition(lambda self: any(token.child for token in self.model.refresh))
    @rule(which=PICK, how=HOW_TO_REFRESH)
    def reuse(self, which: int, how: str) -> None:
        """A refresh token comes again: the answer was lost, or somebody stole it."""
        self._swap(pick([token for token in self.model.refresh if token.child], which), how)

    @precondition(lambda self: self.model.access)
    @rule(which=PICK, own=st.sampled_from((True, True, False)))
    def revoke(self, which: int, own: bool) -> None:
        """An app gives a token back that is its own, or claims to."""
        token = pick(self.model.tokens, which)
        client = token.grant.client if own else OTHER[token.grant.client]
        self.model.give_back(token, client)
        self.stage.run(self.stage.world.revoke(token.value, client))
        self.stage.seen["revoke own" if own else "revoke foreign"] += 1

    @precondition(lambda self: self.model.sessions)
    @rule(which=PICK)
    def log_out(self, which: int) -> None:
        """Somebody logs out in a browser, logged in or not."""
        session = pick(self.model.sessions, which)
        alive = self._use(session)
        self.stage.log_out(session.value)
        if alive is not None:
            self.model.log_out(alive)
        self.stage.seen["log out" if alive else "log out of nothing"] += 1

    @precondition(lambda self: self.model.sessions)
    @rule(who=PEOPLE)
    def log_out_upstream(self, who: int) -> None:
        """A provider says that somebody logged out there; one of ours says so, the other cannot."""
        person = self.people[who]
        heard = person.provider == TALKING and TALKING not in self.model.off
        if self._same("log out upstream", heard, self.stage.log_out_upstream(person.provider, person.subject)):
            self.model.log_out_upstream(person)

    @precondition(lambda self: self.model.sessions)
    @rule(seconds=MOMENTS | AGES)
    def wait(self, seconds: int) -> None:
        """Time passes."""
        self.model.now = self.stage.world.clock.now = self.model.now + seconds

    @precondition(lambda self: self.model.sessions)
    @rule(who=PEOPLE, blocked=st.sampled_from((True, False, False)))
    def block(self, who: int, blocked: bool) -> None:
        """The operator blocks somebody, or lets them in again."""
        person = self.people[who]
        if person.sub:
            person.blocked = blocked
            self.stage.run(self.stage.world.store.durable.accounts.set_blocked(person.sub, blocked))

    @precondition(lambda self: self.model.sessions)
    @rule(provider=st.sampled_from(PROVIDERS), client=st.sampled_from((None, OURS, THEIRS)))
    def switch(self, provider: str, client: str | None) -> None:
        """The operator switches a provider off or on, for all or for one app."""
        if client is None:
            self.model.off ^= {provider}
            self.stage.switch(set(PROVIDERS) - self.model.off)
            self.model.started = self.stage.started
            return
        self.model.refused ^= {(client, provider)}
        self.stage.offer(client, tuple(name for name in PROVIDERS if (client, name) not in self.model.refused))

    @invariant()
    def what_is_dead_is_refused_and_what_is_alive_works(self) -> None:
        """Asked about every token there is, after every step: nothing else may have changed."""
        tokens = self.model.tokens
        if tokens:
            told = self.stage.alive([(token.value, token.grant.client) for token in tokens])
            assert told == [self.model.tells(token) for token in tokens]

    def _bring(self, code: Code, how: str) -> None:
        client = OTHER[code.client] if how == "client" else code.client
        wrong = {how: "https://app.test/x" * 3} if how in {"code_verifier", "redirect_uri"} else {}
        deed = "replay" if code.grant else f"redeem {how}"
        good = self.model.takes_code(code, client, proved=not wrong)
        given = self.stage.attempt(self.stage.world.redeem(code.value, client, **wrong))
        if self._same(deed, good, given, InvalidGrant):
            assert isinstance(given, dict)
            assert ("refresh_token" in given) is (OFFLINE in code.scope)
            self.model.redeem(code, given["access_token"], given.get("refresh_token"))

    def _swap(self, token: Refresh, how: str) -> None:
        client = OTHER[token.grant.client] if how == "client" else token.grant.client
        wider = {"scope": "openid admin"} if how == "scope" else {}
        deed = "reuse" if token.child else f"refresh {how}"
        good = self.model.takes_refresh(token, client, narrow=not wider)
        given = self.stage.attempt(self.stage.world.refresh(token.value, client, **wider))
        if self._same(deed, good, given, (InvalidGrant, InvalidScope)):
            assert isinstance(given, dict)
            self.model.rotate(token, given["access_token"], given["refresh_token"])

    def _use(self, session: Session | None) -> Session | None:
        """The session when it still is one; being looked at keeps it young."""
        if session is None:
            return None
        if not self.model.lives(session):
            session.ended = True  # looked at and found to be over: it is gone, whatever is switched on or off later
            return None
        self.model.touch(session)
        return session

    def _take(
        self, step: Step | Exception, session: Session, client: str, scope: str, prompt: str | None = None
    ) -> None:
        """What somebody known gets: a question where the model asks, else a code."""
        scopes = tuple(scope.split())
        if not self.model.asks(client, scopes, session.person, prompt=prompt, ours=client == OURS):
            assert isinstance(step, Answer), step
            self.model.issue_code(step.params["code"], client, session, scopes)
        elif prompt == "none":
            assert isinstance(step, ConsentRequired), step
        else:
            assert isinstance(step, Ask), step
            self.model.ask(step.ticket, session, client, scopes)
        self.stage.seen[f"step {type(step).__name__}"] += 1

    def _same(
        self, deed: str, good: bool, outcome: object, refusal: type[Exception] | tuple[type[Exception], ...] = Exception
    ) -> bool:
        """Fail when the broker does not agree with the model about a deed."""
        self.stage.seen[f"{deed}: {'done' if good else 'refused'}"] += 1
        assert isinstance(outcome, Exception) is not good, f"{deed}: {outcome!r}"
        assert good or isinstance(outcome, refusal), f"{deed}: {outcome!r}"
        return good
