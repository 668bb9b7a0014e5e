"""Accounts and their ways in as rows: how they are found, read and written, for every repository."""

from __future__ import annotations

from dataclasses import replace

import orjson

from broker.core.people.identity import Account, Link, Person
from broker.core.people.linking import Vouched, fold_address, read_vouched
from broker.store.sql.extra_claims import claims_of
from broker.store.sql.names import index_name, name_of
from broker.store.sql.steps import Row, Steps, do, every, first, one


def account_from(row: Row) -> Account:
    """An Account from its four columns, in the order of the fields."""
    sub, created_at, blocked, closes_at = row
    return Account(sub, created_at, bool(blocked), closes_at)


def person_from(row: Row) -> Person:
    """A Person from the account's four columns and the link's eight."""
    return Person(account_from(row[:4]), link_from(row[4:]))


def parts_of(sub: str) -> Steps[tuple[str, ...]]:
    """The subs of accounts that were merged into this one, in the order of text."""
    rows = yield from every("SELECT sub FROM accounts WHERE merged_into = ?", sub)
    return tuple(sorted(str(row[0]) for row in rows))


def resolve(sub: str) -> Steps[Account | None]:
    """Who goes by this name today, as `AccountStore.resolve` says."""
    row = yield from one(
        """SELECT today.sub, today.created_at, today.blocked, today.closes_at
           FROM accounts AS named JOIN accounts AS today ON today.sub = coalesce(named.merged_into, named.sub)
           WHERE named.sub = coalesce((SELECT sub FROM former_subs WHERE seen = ?), ?)
                 AND today.deleted_at IS NULL""",
        sub,
        sub,
    )
    if row is None:
        return None
    return replace(account_from(row), former=(yield from parts_of(row[0])), claims=(yield from claims_of(row[0])))


def person_with_parts(row: Row) -> Steps[Person]:
    """As `person_from`, with two last columns, for few have any: whether accounts were merged into this one, and
    whether claims of it are set.
    """
    person, sub = person_from(row[:-2]), row[0]
    if not any(row[-2:]):
        return person
    parts = (yield from parts_of(sub)) if row[-2] else ()
    claims = (yield from claims_of(sub)) if row[-1] else {}
    return replace(person, account=replace(person.account, former=parts, claims=claims))


def is_living(sub: str) -> Steps[bool]:
    """Whether there is such an account, not blocked, closing, merged or deleted."""
    return (yield from one("SELECT 1 FROM living_accounts WHERE sub = ?", sub)) is not None


def find_person(provider_key: str, subject: str) -> Steps[Person | None]:
    """Who is linked to exactly this subject."""
    found = yield (
        """SELECT accounts.sub, accounts.created_at, accounts.blocked, accounts.closes_at,
                  links.provider_key, links.subject, links.provider, links.claims, links.raw_ids, links.seen_at,
                  links.linked_at, links.home,
                  EXISTS (SELECT 1 FROM accounts AS part WHERE part.merged_into = accounts.sub),
                  EXISTS (SELECT 1 FROM account_claims WHERE account_claims.sub = accounts.sub)
           FROM links JOIN accounts ON accounts.sub = links.sub
           WHERE links.provider_key = ? AND links.subject = ?""",
        (provider_key, subject),
    )
    row = first(found)
    return None if row is None else (yield from person_with_parts(row))


def add_link(sub: str, link: Link) -> Steps[None]:
    """Make it a way into the account, as it is given; the UNIQUE key of links refuses one that is another's."""
    yield from do(
        """INSERT INTO links
           (provider, claims, raw_ids, seen_at, address, address_verified, phone, name, provider_key, subject,
            linked_at, home, sub)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
        *link_columns(link),
        link.linked_at,
        link.home,
        sub,
    )
    yield from index_name(link)


def link_from(row: Row) -> Link:
    """A Link from its eight columns, in the order of the fields."""
    provider_key, subject, provider, claims, raw_ids, *rest = row
    return Link(provider_key, subject, provider, orjson.loads(claims), orjson.loads(raw_ids), *rest)


def link_columns(link: Link) -> tuple[str | int | None, ...]:
    """What an upstream says, and the columns that the link is found by."""
    claims, raw_ids = (orjson.dumps(dict(value)).decode() for value in (link.claims, link.raw_ids))
    email = link.claims.get("email")
    address = fold_address(email) if isinstance(email, str) else None
    proven = read_vouched(link.claims, ()) is Vouched.VERIFIED
    phone = link.claims.get("phone_number")
    told = (address, int(proven), phone if isinstance(phone, str) else None, name_of(link.claims))
    return link.provider, claims, raw_ids, link.seen_at, *told, link.provider_key, link.subject
