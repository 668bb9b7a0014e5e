"""Accounts that an operator asks for: those that an index leads to, or all in order. The rest is a filter."""

from __future__ import annotations

from dataclasses import replace

from broker.store.accounts import Found, Sought
from broker.store.sql.persons import account_from, parts_of
from broker.store.sql.steps import Row, Steps, Value, every

_LAST = "\U0010ffff"  # behind every letter


def find_accounts(sought: Sought, after: str, limit: int) -> Steps[tuple[Found, ...]]:
    """Those that fit, from behind `after`, each with the accounts that were merged into it."""
    leads = _leads(sought)
    filters = (
        *(sought.provider, sought.provider),
        *(sought.address, sought.address),
        *(sought.phone, sought.phone),
        *("".join(sought.name), _pattern(sought.name)),
        *(int(sought.blocked), int(sought.closing), limit),
    )
    rows = yield from _in_order(after, *filters) if leads == "all" else _led(leads, sought, after, filters)
    found = list[Found]()
    for row in rows:
        found.append((yield from _found(row)))
    return tuple(found)


def _leads(sought: Sought) -> str:
    """Which of the things that are asked for an index finds fewest by."""
    if sought.sub:
        return "sub"
    if sought.subject:
        return "way"
    if sought.address or sought.phone:
        return "address" if sought.address else "phone"
    if sought.name:
        return "name"
    return "closing" if sought.closing else "blocked" if sought.blocked else "all"


def _led(leads: str, sought: Sought, after: str, filters: tuple[Value, ...]) -> Steps[list[Row]]:
    """Of the branches one is walked: the constant before it is known to be false of the others before a row is read."""
    rarest = max(sought.name, key=len, default="")
    # A provider that is switched off, or gone from the configuration, still has its people.
    return every(
        """SELECT sub, created_at, blocked, closes_at, blocked_at, blocked_why FROM accounts
           WHERE deleted_at IS NULL AND merged_into IS NULL AND sub > ? AND sub IN (
               SELECT one.sub FROM accounts AS one WHERE ? = 'sub' AND one.sub = ?
               UNION ALL
               SELECT links.sub FROM aliases JOIN namespaces USING (namespace) JOIN links USING (provider_key)
               WHERE ? = 'way' AND aliases.alias = ? AND links.subject = ?
               UNION ALL
               SELECT links.sub FROM links WHERE ? = 'address' AND links.address = ?
               UNION ALL
               SELECT links.sub FROM links WHERE ? = 'phone' AND links.phone = ?
               UNION ALL
               SELECT links.sub FROM name_words JOIN links ON links.id = name_words.link_id
               WHERE ? = 'name' AND word >= ? AND word < ?
               UNION ALL
               SELECT one.sub FROM accounts AS one WHERE ? = 'closing' AND one.closes_at >= 0
               UNION ALL
               SELECT one.sub FROM accounts AS one WHERE ? = 'blocked' AND one.blocked = 1 AND one.sub > ?)
           AND (? = '' OR EXISTS (
               SELECT 1 FROM aliases JOIN namespaces USING (namespace) JOIN links USING (provider_key)
               WHERE aliases.alias = ? AND links.sub = accounts.sub))
           AND (? = '' OR EXISTS (SELECT 1 FROM links WHERE links.sub = accounts.sub AND links.address = ?))
           AND (? = '' OR EXISTS (SELECT 1 FROM links WHERE links.sub = accounts.sub AND links.phone = ?))
           AND (? = '' OR EXISTS (SELECT 1 FROM links WHERE links.sub = accounts.sub AND links.name LIKE ?))
           AND blocked >= ? AND (? = 0 OR closes_at IS NOT NULL) ORDER BY sub LIMIT ?""",
        *(after, leads, sought.sub, leads, sought.provider, sought.subject, leads, sought.address, leads, sought.phone),
        *(leads, rarest, f"{rarest}{_LAST}", leads, leads, after),
        *filters,
    )


def _in_order(after: str, *filters: Value) -> Steps[list[Row]]:
    return every(
        """SELECT sub, created_at, blocked, closes_at, blocked_at, blocked_why FROM accounts
           WHERE deleted_at IS NULL AND merged_into IS NULL AND sub > ?
           AND (? = '' OR EXISTS (
               SELECT 1 FROM aliases JOIN namespaces USING (namespace) JOIN links USING (provider_key)
               WHERE aliases.alias = ? AND links.sub = accounts.sub))
           AND (? = '' OR EXISTS (SELECT 1 FROM links WHERE links.sub = accounts.sub AND links.address = ?))
           AND (? = '' OR EXISTS (SELECT 1 FROM links WHERE links.sub = accounts.sub AND links.phone = ?))
           AND (? = '' OR EXISTS (SELECT 1 FROM links WHERE links.sub = accounts.sub AND links.name LIKE ?))
           AND blocked >= ? AND (? = 0 OR closes_at IS NOT NULL) ORDER BY sub LIMIT ?""",
        *(after, *filters),
    )


def _found(row: Row) -> Steps[Found]:
    account = account_from(row[:4])
    return Found(replace(account, former=(yield from parts_of(account.sub))), row[4], row[5])


def _pattern(words: tuple[str, ...]) -> str:
    """They are letters and digits, so nothing in them means anything to LIKE."""
    return "".join(f"% {word}" for word in words) + "%"
