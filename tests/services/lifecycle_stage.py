"""A broker that many examples use one after the other, spoken to without `await`."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from collections import Counter
from collections.abc import Callable, Coroutine
from dataclasses import replace
from typing import Any, TypeVar

from broker.core.errors import BrokerError
from broker.core.events import Recorder
from broker.core.terms import AuthMethod, TokenFormat
from broker.core.wire.parameters import Parameters
from broker.services.authorize.decide import Step
from broker.services.login.outcomes import LoginFailed
from broker.services.logout.rp_initiated import LogoutWish
from broker.services.sessions.single_sign_on import Session
from broker.store.outage import Outage
from broker.store.sql.durable import build_durable
from broker.store.sqlite.engine import Engine, SqliteDriver
from broker.store.sqlite.file import open_database
from broker.store.sqlite.store import SqliteStore
from broker.store.sqlite.transient import SqliteTransient
from tests.services.bare_broker import NOW, World, app
from tests.services.talking_upstream import TalkingUpstream

T = TypeVar("T")
Work = Callable[[sqlite3.Connection], T]
OURS, THEIRS = "app", "shop"
PROVIDERS = ("alpha", "beta")
TALKING = "alpha"
"""The provider that tells when somebody logs out there."""


class Undelayed(Engine):
    """Does the statements where they are asked for: most of a short history would be waiting for the writer thread."""

    async def write(self, work: Work[T]) -> T:
        """One transaction, whole or not."""
        db = self._database.writer
        db.execute("BEGIN IMMEDIATE")
        try:
            done = work(db)
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
        return done

    async def read(self, work: Work[T]) -> T:
        """On the one connection there is."""
        return work(self._database.writer)


class UndelayedStore(SqliteStore):
    """The store of the product but for its thread."""

    @classmethod
    async def open(
        cls,
        path: str,
        *,
        clock: Callable[[], float],
        recorder: Recorder | None = None,
        randomness: Callable[[int], bytes] = os.urandom,
        create: bool = False,
        expected: str = "",
    ) -> UndelayedStore:
        """As SqliteStore.open."""
        engine = Undelayed(open_database(path, create=create, expected=expected), Outage("sqlite", recorder))
        return cls(engine, build_durable(SqliteDriver(engine), randomness), SqliteTransient(engine, clock))


class Stage:
    """The services and the store are real; the loop is this one's own. `seen` counts what happened, over all examples.

    Examples share the store and nothing in it: each has people of its own, and begins at the same second.
    """

    def __init__(self, token_format: TokenFormat) -> None:
        """`token_format` of the access tokens of one of the two apps."""
        self.seen: Counter[str] = Counter()
        self.examples = self.told = 0
        self._format = token_format
        self._loop = asyncio.new_event_loop()
        self.world = self.run(World.open(UndelayedStore))
        self.started: float = self.world.clock.now
        self.world.upstreams[TALKING] = TalkingUpstream()
        self.switch(set(PROVIDERS))

    def close(self) -> None:
        """Close the store and the loop."""
        self.run(self.world.store.close())
        self._loop.close()

    def begin(self) -> None:
        """Everything an operator could have changed is as it was; the clock, too."""
        self.examples += 1
        world = self.world
        world.clock.now = NOW
        world.notes.heard.clear()
        world.clients[OURS] = app(OURS)
        world.clients[THEIRS] = app(
            THEIRS, first_party=False, auth_method=AuthMethod.BASIC, access_token_format=self._format
        )
        if world.on != set(PROVIDERS):
            self.switch(set(PROVIDERS))

    def run(self, work: Coroutine[Any, Any, T]) -> T:
        """What it comes to."""
        return self._loop.run_until_complete(work)

    def attempt(self, work: Coroutine[Any, Any, T]) -> T | Exception:
        """What it comes to, or how it was refused; a bug is still a bug."""
        try:
            return self.run(work)
        except (BrokerError, LoginFailed) as refusal:
            return refusal

    def switch(self, on: set[str]) -> None:
        """The operator leaves these providers on and starts anew."""
        self.world.on, self.started = on, self.world.clock.now
        self.run(self.world.restart())

    def offer(self, client_id: str, providers: tuple[str, ...]) -> None:
        """The operator lets this app use these providers."""
        self.world.clients[client_id] = replace(self.world.clients[client_id], providers=providers)

    def come(self, cookie: str, client_id: str, **sent: str | None) -> Step | Exception:
        """What a browser with this cookie gets at /authorize."""
        return self.attempt(self._come(cookie, client_id, sent))

    async def _come(self, cookie: str, client_id: str, sent: dict[str, str | None]) -> Step:
        session = await self.world.sessions.find(cookie)
        request = await self.world.request(client_id, **sent)
        return await self.world.authorization.next_step(request, self.world.clients[client_id], session)

    def log_in(self, cookie: str, client_id: str, provider: str, scope: str) -> tuple[str, Session, Step] | Exception:
        """A login in a browser with this cookie: its new cookie, the session and what comes next."""
        return self.attempt(self._log_in(cookie, client_id, provider, scope))

    async def _log_in(self, cookie: str, client_id: str, provider: str, scope: str) -> tuple[str, Session, Step]:
        world = self.world
        before, request = await world.sessions.find(cookie), await world.request(client_id, scope=scope)
        finished, value, session = await world.log_in(request, provider, replacing=before)
        since = finished.started_at
        step = await world.authorization.after_login(request, world.clients[client_id], session, fresh_since=since)
        return value, session, step

    def answer(self, ticket: str, cookie: str, *, allowed: bool) -> Step | Exception | None:
        """What a consent page answered in a browser with this cookie leads to; None: back without a code."""
        return self.attempt(self._answer(ticket, cookie, allowed))

    async def _answer(self, ticket: str, cookie: str, allowed: bool) -> Step | None:
        world, session = self.world, await self.world.sessions.find(cookie)
        opened = world.consents.open_ticket(ticket, session)
        assert session is not None
        async with world.consents.answer(opened, session.login.sub, opened.request if allowed else None):
            pass
        if not allowed:
            return None
        await world.authorization.check_still_welcome(world.clients[opened.request.client_id], session)
        return await world.codes.issue(opened.request, session, agreed_at=world.clock())

    def log_out(self, cookie: str) -> None:
        """Somebody who means it, in a browser with this cookie."""
        self.run(self._log_out(cookie))

    async def _log_out(self, cookie: str) -> None:
        session = await self.world.sessions.find(cookie)
        await self.world.logout.finish(LogoutWish(), session, return_to="")

    def log_out_upstream(self, provider: str, subject: str) -> Exception | None:
        """The provider's word that all of somebody's sessions there are over; None: it was taken."""
        self.told += 1
        said = Parameters({"logout_token": f"{subject}//{self.told}"}.items())
        return self.attempt(self.world.upstream_logouts.receive(provider, said))

    def alive(self, held: list[tuple[str, str]]) -> list[tuple[bool, bool]]:
        """Of each (token, client): whether it opens anything by itself, and whether its client is told it is active."""
        return self.run(self._alive(held))

    async def _alive(self, held: list[tuple[str, str]]) -> list[tuple[bool, bool]]:
        return [
            (await self.world.is_alive(token), (await self.world.introspect(token, client_id))["active"])
            for token, client_id in held
        ]
