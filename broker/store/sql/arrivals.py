"""`broker.store.arrivals` in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from broker.core.arrivals.newcomer import Arrival, Outcome, Settled, decide
from broker.store.arrivals import ArrivalStore
from broker.store.sql.persons import add_link, find_person, resolve
from broker.store.sql.steps import Repository, Steps, do, one, read, write


class SqlArrivals(Repository, ArrivalStore):
    """The ArrivalStore protocol, which says what each method promises."""

    @read
    def look(self, arrivals: Sequence[Arrival]) -> Steps[tuple[Settled, ...]]:
        found = []
        for arrival in arrivals:
            found.append((yield from _settle(arrival)))
        return tuple(found)

    @write
    def bring(self, arrivals: Sequence[Arrival], *, now: int) -> Steps[tuple[Settled, ...]]:
        done = []
        for arrival in arrivals:
            settled = yield from _settle(arrival)
            if settled.outcome is Outcome.NEW:
                yield from _keep(arrival, now)
            done.append(settled)
        return tuple(done)


def _settle(arrival: Arrival) -> Steps[Settled]:
    known = yield from resolve(arrival.id)
    owners = []
    for link in arrival.links:
        person = yield from find_person(link.provider_key, link.subject)
        owners.append("" if person is None else person.account.sub)
    settled = decide(arrival, "" if known is None else known.sub, owners)
    if settled.outcome is Outcome.NEW:
        buried = yield from one("SELECT 1 FROM accounts WHERE sub = ?", arrival.id)
        return settled if buried is None else Settled(arrival.id, Outcome.GONE)
    return settled


def _keep(arrival: Arrival, now: int) -> Steps[None]:
    account = arrival.account
    yield from do(
        "INSERT INTO accounts (sub, created_at, blocked, used_at, blocked_at, blocked_why) VALUES (?, ?, ?, ?, ?, ?)",
        *(account.sub, account.created_at, int(account.blocked), now),
        *((now, arrival.why) if account.blocked else (None, "")),
    )
    for former in account.former:
        yield from do(
            "INSERT INTO accounts (sub, created_at, merged_into) VALUES (?, ?, ?)",
            *(former, account.created_at, account.sub),
        )
    for link in arrival.links:
        yield from add_link(account.sub, link)
