"""Accounts, links, consents, the names of providers, our keys: one function per statement or transaction.

Each takes a connection. Those that write run inside a transaction of the engine and are both-or-neither with it.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from typing import Any

import orjson

from broker.core.identity import Account, Link, Person
from broker.store.namespaces import NamespaceChanged


def link_from(row: tuple[Any, ...]) -> Link:
    """A Link from its six columns, in the order of the fields."""
    provider_key, subject, provider, claims, raw_ids, seen_at = row
    return Link(provider_key, subject, provider, orjson.loads(claims), orjson.loads(raw_ids), seen_at)


def person_from(row: tuple[Any, ...]) -> Person:
    """A Person from the account's three columns and the link's six."""
    sub, created_at, blocked = row[:3]
    return Person(Account(sub, created_at, bool(blocked)), link_from(row[3:]))


def person(db: sqlite3.Connection, provider_key: str, subject: str) -> Person | None:
    """Durable.person."""
    row = db.execute(
        """SELECT accounts.sub, accounts.created_at, accounts.blocked,
                  links.provider_key, links.subject, links.provider, links.claims, links.raw_ids, links.seen_at
           FROM links JOIN accounts ON accounts.sub = links.sub
           WHERE links.provider_key = ? AND links.subject = ?""",
        (provider_key, subject),
    ).fetchone()
    return None if row is None else person_from(row)


def adopt(db: sqlite3.Connection, account: Account, link: Link) -> Person:
    """Durable.adopt. The UNIQUE key of links stands behind the look-up; the PRIMARY KEY keeps a `sub` for ever."""
    known = person(db, link.provider_key, link.subject)
    if known is not None:
        return known
    db.execute("INSERT INTO accounts (sub, created_at, blocked) VALUES (?, ?, ?)", _account_columns(account))
    db.execute(
        """INSERT INTO links (provider, claims, raw_ids, seen_at, provider_key, subject, sub)
           VALUES (?, ?, ?, ?, ?, ?, ?)""",
        (*_link_columns(link), account.sub),
    )
    return Person(account, link)


def update_link(db: sqlite3.Connection, link: Link) -> None:
    """Durable.update_link."""
    db.execute(
        """UPDATE links SET provider = ?, claims = ?, raw_ids = ?, seen_at = ?
           WHERE provider_key = ? AND subject = ?""",
        _link_columns(link),
    )


def links(db: sqlite3.Connection, sub: str) -> tuple[Link, ...]:
    """Durable.links."""
    rows = db.execute(
        "SELECT provider_key, subject, provider, claims, raw_ids, seen_at FROM links WHERE sub = ? ORDER BY id", (sub,)
    )
    return tuple(link_from(row) for row in rows.fetchall())


def set_blocked(db: sqlite3.Connection, sub: str, blocked: bool) -> bool:
    """Durable.set_blocked."""
    changed = db.execute("UPDATE accounts SET blocked = ? WHERE sub = ? AND deleted_at IS NULL", (int(blocked), sub))
    return changed.rowcount == 1


def consent(db: sqlite3.Connection, sub: str, client_id: str, promise: str) -> frozenset[str]:
    """Durable.consent."""
    rows = db.execute(
        "SELECT scope FROM consents WHERE sub = ? AND client_id = ? AND promise = ?", (sub, client_id, promise)
    )
    return frozenset(scope for (scope,) in rows.fetchall())


def save_consent(
    db: sqlite3.Connection, sub: str, client_id: str, promise: str, scope: Iterable[str], *, at: int
) -> None:
    """Durable.save_consent. A scope agreed to again keeps the time of the first agreement."""
    db.executemany(
        """INSERT INTO consents (sub, client_id, promise, scope, agreed_at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT DO NOTHING""",
        [(sub, client_id, promise, name, at) for name in sorted(scope)],
    )


def namespace_key(db: sqlite3.Connection, alias: str, namespace: str, fresh: str) -> str:
    """Durable.namespace_key; `fresh` becomes the id if one has to be made.

    A namespace seen before keeps its id whatever alias it goes by now, so renaming a provider keeps its people, and an
    operator who sets `namespace:` to one that exists has decided on purpose. Refused is only an alias that turns from
    linked people to a set never seen, since that is what a mistaken app id or tenant looks like. To begin anew on
    purpose, give the provider a new alias; once the namespace is known the alias may be changed back.
    """
    row = db.execute("SELECT provider_key FROM namespaces WHERE namespace = ?", (namespace,)).fetchone()
    if row is None:
        _refuse_strangers(db, alias, namespace)
        db.execute("INSERT INTO namespaces (namespace, provider_key) VALUES (?, ?)", (namespace, fresh))
    db.execute(
        """INSERT INTO aliases (alias, namespace) VALUES (?, ?)
           ON CONFLICT (alias) DO UPDATE SET namespace = excluded.namespace""",
        (alias, namespace),
    )
    return fresh if row is None else str(row[0])


def _refuse_strangers(db: sqlite3.Connection, alias: str, namespace: str) -> None:
    before, count = db.execute(
        """SELECT max(aliases.namespace), count(links.id)
           FROM aliases JOIN namespaces USING (namespace) JOIN links USING (provider_key)
           WHERE aliases.alias = ?""",
        (alias,),
    ).fetchone()
    if count:
        raise NamespaceChanged(alias, before=before, after=namespace, links=count)


def _account_columns(account: Account) -> tuple[str, int, int]:
    return account.sub, account.created_at, int(account.blocked)


def _link_columns(link: Link) -> tuple[str | int, ...]:
    claims, raw_ids = (orjson.dumps(dict(value)).decode() for value in (link.claims, link.raw_ids))
    return link.provider, claims, raw_ids, link.seen_at, link.provider_key, link.subject
