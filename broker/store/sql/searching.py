"""How an operator's question becomes a statement: one condition for each thing that is asked for, each by an index."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from broker.store.accounts import Found, Sought
from broker.store.sql.people import account_from, parts_of
from broker.store.sql.steps import Row, Steps, Value, every

_SELECT = """SELECT sub, created_at, blocked, closes_at, blocked_at, blocked_why FROM accounts
    WHERE deleted_at IS NULL AND merged_into IS NULL AND sub > ?"""
# A provider that is switched off, or gone from the configuration, still has its people.
_BY_WAY = """sub IN (SELECT links.sub FROM aliases JOIN namespaces USING (namespace) JOIN links USING (provider_key)
    WHERE aliases.alias = ? AND links.subject = ?)"""
_BY_PROVIDER = """EXISTS (SELECT 1 FROM aliases JOIN namespaces USING (namespace) JOIN links USING (provider_key)
    WHERE aliases.alias = ? AND links.sub = accounts.sub)"""
_BY_ADDRESS = "sub IN (SELECT links.sub FROM links WHERE links.address = ?)"


def find_accounts(sought: Sought, after: str, limit: int) -> Steps[tuple[Found, ...]]:
    """Those that fit, from behind `after`, each with the accounts that were merged into it."""
    sql, params = _SELECT, list[Value]([after])
    for condition, values in _conditions(sought):
        sql += f" AND {condition}"
        params += values
    found = list[Found]()
    for row in (yield from every(f"{sql} ORDER BY sub LIMIT ?", *params, limit)):
        found.append((yield from _found(row)))
    return tuple(found)


def _conditions(sought: Sought) -> Iterator[tuple[str, tuple[Value, ...]]]:
    if sought.sub:
        yield "sub = ?", (sought.sub,)
    if sought.subject:
        yield _BY_WAY, (sought.provider, sought.subject)
    elif sought.provider:
        yield _BY_PROVIDER, (sought.provider,)
    if sought.address:
        yield _BY_ADDRESS, (sought.address,)
    if sought.blocked:
        yield "blocked = 1", ()
    if sought.closing:
        yield "closes_at IS NOT NULL", ()


def _found(row: Row) -> Steps[Found]:
    account = account_from(row[:4])
    return Found(replace(account, former=(yield from parts_of(account.sub))), row[4], row[5])
