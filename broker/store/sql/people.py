"""`broker.store.people` in SQL."""

from __future__ import annotations

from collections.abc import Callable

import orjson

from broker.core.people.identity import Account, Link, Person
from broker.store.people import NamespaceChanged, PeopleStore
from broker.store.sql.steps import Driver, Repository, Row, Steps, do, every, first, one, read, write


class SqlPeople(Repository, PeopleStore):
    """The PeopleStore protocol, which says what each method promises."""

    def __init__(self, driver: Driver, randomness: Callable[[int], bytes]) -> None:
        """`randomness` makes the ids of providers' sets of people."""
        super().__init__(driver)
        self._randomness = randomness

    @read
    def person(self, provider_key: str, subject: str) -> Steps[Person | None]:
        return _person(provider_key, subject)

    @write
    def adopt(self, account: Account, link: Link) -> Steps[Person]:
        """The UNIQUE key of links stands behind the look-up; the PRIMARY KEY keeps a `sub`."""
        known = yield from _person(link.provider_key, link.subject)
        if known is not None:
            return known
        yield from do(
            "INSERT INTO accounts (sub, created_at, blocked) VALUES (?, ?, ?)",
            account.sub,
            account.created_at,
            int(account.blocked),
        )
        yield from do(
            """INSERT INTO links (provider, claims, raw_ids, seen_at, provider_key, subject, sub)
               VALUES (?, ?, ?, ?, ?, ?, ?)""",
            *_link_columns(link),
            account.sub,
        )
        return Person(account, link)

    @write
    def update_link(self, link: Link) -> Steps[None]:
        yield from do(
            """UPDATE links SET provider = ?, claims = ?, raw_ids = ?, seen_at = ?
               WHERE provider_key = ? AND subject = ?""",
            *_link_columns(link),
        )

    @read
    def links(self, sub: str) -> Steps[tuple[Link, ...]]:
        rows = yield from every(
            """SELECT provider_key, subject, provider, claims, raw_ids, seen_at
               FROM links WHERE sub = ? ORDER BY id""",
            sub,
        )
        return tuple(_link_from(row) for row in rows)

    @write
    def set_blocked(self, sub: str, blocked: bool) -> Steps[bool]:
        changed = yield from do(
            "UPDATE accounts SET blocked = ? WHERE sub = ? AND deleted_at IS NULL", int(blocked), sub
        )
        return changed == 1

    @read
    def consent(self, sub: str, client_id: str, promise: str) -> Steps[frozenset[str]]:
        rows = yield from every(
            "SELECT scope FROM consents WHERE sub = ? AND client_id = ? AND promise = ?", sub, client_id, promise
        )
        return frozenset(scope for (scope,) in rows)

    @write
    def save_consent(self, sub: str, client_id: str, promise: str, scope: frozenset[str], at: int) -> Steps[None]:
        """A scope agreed to again keeps the time of the first agreement."""
        for name in sorted(scope):
            yield from do(
                """INSERT INTO consents (sub, client_id, promise, scope, agreed_at) VALUES (?, ?, ?, ?, ?)
                   ON CONFLICT DO NOTHING""",
                sub,
                client_id,
                promise,
                name,
                at,
            )

    @write
    def namespace_key(self, alias: str, namespace: str) -> Steps[str]:
        """PeopleStore.namespace_key.

        A namespace seen before keeps its id whatever alias it goes by now, so renaming a provider keeps its people, and
        an operator who sets `namespace:` to one that exists has decided on purpose. Refused is only an alias that turns
        from linked people to a set never seen, since that is what a mistaken app id or tenant looks like. To begin anew
        on purpose, give the provider a new alias; once the namespace is known the alias may be changed back.
        """
        row = yield from one("SELECT provider_key FROM namespaces WHERE namespace = ?", namespace)
        key = str(row[0]) if row is not None else self._randomness(16).hex()
        if row is None:
            yield from _refuse_strangers(alias, namespace)
            yield from do("INSERT INTO namespaces (namespace, provider_key) VALUES (?, ?)", namespace, key)
        yield from do(
            """INSERT INTO aliases (alias, namespace) VALUES (?, ?)
               ON CONFLICT (alias) DO UPDATE SET namespace = excluded.namespace""",
            alias,
            namespace,
        )
        return key


def person_from(row: Row) -> Person:
    """A Person from the account's three columns and the link's six."""
    sub, created_at, blocked = row[:3]
    return Person(Account(sub, created_at, bool(blocked)), _link_from(row[3:]))


def _person(provider_key: str, subject: str) -> Steps[Person | None]:
    found = yield (
        """SELECT accounts.sub, accounts.created_at, accounts.blocked,
                  links.provider_key, links.subject, links.provider, links.claims, links.raw_ids, links.seen_at
           FROM links JOIN accounts ON accounts.sub = links.sub
           WHERE links.provider_key = ? AND links.subject = ?""",
        (provider_key, subject),
    )
    row = first(found)
    return None if row is None else person_from(row)


def _refuse_strangers(alias: str, namespace: str) -> Steps[None]:
    rows = yield from every(
        """SELECT max(aliases.namespace), count(links.id)
           FROM aliases JOIN namespaces USING (namespace) JOIN links USING (provider_key)
           WHERE aliases.alias = ?""",
        alias,
    )
    before, count = rows[0]
    if count:
        raise NamespaceChanged(alias, before=before, after=namespace, links=count)


def _link_from(row: Row) -> Link:
    """A Link from its six columns, in the order of the fields."""
    provider_key, subject, provider, claims, raw_ids, seen_at = row
    return Link(provider_key, subject, provider, orjson.loads(claims), orjson.loads(raw_ids), seen_at)


def _link_columns(link: Link) -> tuple[str | int, ...]:
    claims, raw_ids = (orjson.dumps(dict(value)).decode() for value in (link.claims, link.raw_ids))
    return link.provider, claims, raw_ids, link.seen_at, link.provider_key, link.subject
