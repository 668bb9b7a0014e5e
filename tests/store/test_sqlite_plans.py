"""No statement that people wait for reads a table from end to end, however many people there are."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from broker.core.authorize.consent import Said
from broker.core.operators.tokens import AdminToken
from broker.core.people.identity import Link
from broker.store.accounts import Decision, Sought
from broker.store.extra_claims import StaticClaim
from broker.store.outage import Outage
from broker.store.sql.durable import build_durable
from broker.store.sqlite.engine import Engine, SqliteDriver
from broker.store.sqlite.file import open_database
from broker.store.upstream_tokens import KeptTokens
from tests.contract.arrivals import arrival
from tests.contract.histories import sign_in
from tests.contract.people import EVERY_APP, NOW, USABLE, account, grant, link, proof, token
from tests.contract.webhooks import EVERYTHING

pytestmark = pytest.mark.anyio
UNTIL = NOW + 86_400


@contextmanager
def listening(db: sqlite3.Connection) -> Iterator[set[str]]:
    """The statements that run meanwhile, with values in place of their parameters."""
    heard: set[str] = set()
    db.set_trace_callback(heard.add)
    yield heard
    db.set_trace_callback(None)


def scans(db: sqlite3.Connection, statement: str) -> list[str]:
    """The steps of its plan that read all of something; a statement's own rows are no table."""
    plan = db.execute(f"EXPLAIN QUERY PLAN {statement}").fetchall()
    return [step for *_, step in plan if re.match(r"SCAN (?!CONSTANT ROW|\d+ CONSTANT ROWS|\(subquery|said)", step)]


async def test_nothing_that_people_wait_for_reads_a_whole_table() -> None:
    database = open_database(":memory:")
    engine = Engine(database, Outage("sqlite", None))
    durable = build_durable(SqliteDriver(engine), os.urandom)
    ada = Link("p1", "x1", "google", {"email": "a@x.test", "email_verified": True}, {}, NOW)
    durable.subscribe(EVERYTHING)
    with listening(database.writer) as heard:
        await durable.people.adopt(account(), ada)
        await durable.people.adopt(account("s2"), link("x2"))
        await durable.arrivals.bring([arrival("7", former=()), arrival("8", "x8", former=("9",))], now=NOW)
        await durable.people.person("p1", "x1")
        await durable.people.update_link(ada)
        await durable.people.sharing_address("a@x.test")
        await durable.extra_claims.put("s1", StaticClaim("groups", ["staff"], NOW))
        await durable.extra_claims.of_account("s1")
        await durable.people.person("p1", "x1")
        await durable.accounts.resolve("s1")
        await durable.extra_claims.remove("s1", "groups")
        await durable.people.link("s1", link("x3"), began_at=NOW + 1, now=NOW)
        await durable.people.links("s1")
        await durable.history.signed_in(sign_in("sid"), expires_at=UNTIL, ends="before", retires="key")
        await durable.history.sign_ins("s1", limit=9)
        await durable.history.living("s1", now=NOW)
        await durable.history.events("s1", limit=9)
        await durable.consents.save_consent("s1", "app", "p", Said(frozenset({"openid"})), NOW)
        await durable.consents.consent("s1", "app", "p")
        await durable.sessions.ending(grant().login, "key", now=NOW)
        await durable.grants.redeem("c1", grant(), token("t1"), now=NOW)
        await durable.grants.find("g1", now=NOW)
        await durable.grants.rotate("t1", token("t2"), now=NOW, grace=10)
        await durable.grants.revoke_given("s1", "app", now=NOW, access_until=NOW + 900)
        await durable.grants.revoke_given("s1", "app", now=NOW)
        await durable.consents.accesses("s1", now=NOW)
        await durable.accounts.known_to("s1")
        await durable.accounts.resolve("s1")
        await durable.accounts.is_proved("s1", "s2", proof("x2"))
        await durable.accounts.merge(
            "s1", "s2", proof=proof("x2"), now=NOW, expires_at=UNTIL, known=EVERY_APP, seen_as={"pairwise": "s2"}
        )
        kept = KeptTokens("p1", "x1", "sealed", "v1", NOW)
        await durable.upstream_tokens.keep("s1", kept, expires_at=UNTIL)
        await durable.upstream_tokens.find("s1", "p1", "x1", now=NOW)
        await durable.upstream_tokens.of_account("s1", now=NOW)
        await durable.upstream_tokens.claim(kept, now=NOW, until=NOW + 9)
        await durable.upstream_tokens.release(kept)
        await durable.upstream_tokens.renew(kept, "newer", version="v2", expires_at=UNTIL)
        await durable.upstream_tokens.lose(kept)
        await durable.upstream_tokens.keep("s1", kept, expires_at=UNTIL)
        await durable.upstream_tokens.withdraw("s1", kept, provider="google", clients=["app"], now=NOW)
        await durable.people.unlink("s1", "p1", "x2", usable=USABLE, now=NOW, expires_at=UNTIL)
        await durable.consents.take_back("s1", "app", now=NOW, expires_at=UNTIL)
        await durable.accounts.sign_out("s1", now=NOW, expires_at=UNTIL, keep=grant().login)
        await durable.accounts.close("s1", closes_at=NOW, now=NOW, expires_at=UNTIL)
        await durable.accounts.delete_due(now=NOW)
        for sought in (
            Sought(),
            Sought(sub="s1"),
            Sought(provider="google", subject="x1"),
            Sought(provider="google"),
            Sought(address="a@x.test", closing=True),
            Sought(blocked=True),
            Sought(phone="+79990000042"),
            Sought(name=("ada", "love")),
            Sought(blocked=True, name=("ada",)),
        ):
            await durable.accounts.search(sought, after="", limit=9)
        await durable.clients.kept_revision()
        await durable.clients.registered(after="", limit=9)
        await durable.history.sign_ins("s1", limit=9, after=(NOW, "sid"))
        await durable.admin_tokens.add(AdminToken("desk", "d1", "read", NOW, "root", UNTIL))
        await durable.admin_tokens.find("d1")
        await durable.admin_tokens.used("d1", now=NOW, apart=60)
        await durable.admin_tokens.revoke("desk")
        await durable.accounts.set_blocked("s1", True, decision=Decision("why", NOW, UNTIL))
        await durable.accounts.close_unused(since=NOW, closes_at=UNTIL, now=UNTIL, expires_at=UNTIL)
        await durable.history.forget_events(until=NOW, limit=9)
        await durable.history.messages("s1", limit=9)
        await durable.history.names("s1")
        await durable.people.sweep()
        await durable.accounts.end_all("s2", now=NOW, expires_at=UNTIL)
        await durable.deliveries.waiting_for("webhook:crm")
        await durable.deliveries.drop_oldest("webhook:crm", keep=1, limit=9)
    asked = {one for one in heard if one.split()[0] in {"SELECT", "INSERT", "UPDATE", "DELETE"}}
    assert len(asked) > 60
    assert {one: found for one in asked if (found := scans(database.writer, one))} == {}
    await engine.close()
