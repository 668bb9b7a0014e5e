"""`broker.store.people` in SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace

from broker.core.people.history import AccountEvent, Happened
from broker.core.people.identity import Account, Link, Person
from broker.core.webhooks import News, Told
from broker.store.people import LastLink, Linked, NotLinked, PeopleStore, Taken, Unlinked
from broker.store.sql.deliveries import Outbox
from broker.store.sql.endings import end_for_good
from broker.store.sql.forgetting import lose_way
from broker.store.sql.history import remember
from broker.store.sql.invitations import spend
from broker.store.sql.names import index_name, is_called, name_some
from broker.store.sql.namespaces import find_namespace
from broker.store.sql.persons import add_link, find_person, is_living, link_columns, link_from, person_from
from broker.store.sql.sessions import sessions_through
from broker.store.sql.steps import Driver, Repository, Steps, do, every, one, read, until_none, write


class SqlPeople(Repository, PeopleStore):
    """The PeopleStore protocol, which says what each method promises."""

    def __init__(self, driver: Driver, outbox: Outbox) -> None:
        """`outbox` takes what others have to hear of; its randomness makes the ids of providers' sets of people."""
        super().__init__(driver)
        self._outbox = outbox

    @read
    def person(self, provider_key: str, subject: str) -> Steps[Person | None]:
        return find_person(provider_key, subject)

    @write
    def adopt(self, account: Account, link: Link) -> Steps[Person]:
        """The UNIQUE key of links stands behind the look-up; the PRIMARY KEY keeps a `sub`."""
        known = yield from find_person(link.provider_key, link.subject)
        return known or (yield from self._add_account(account, link))

    def _add_account(self, account: Account, link: Link) -> Steps[Person]:
        yield from do(
            "INSERT INTO accounts (sub, created_at, blocked, used_at) VALUES (?, ?, ?, ?)",
            account.sub,
            account.created_at,
            int(account.blocked),
            max(account.created_at, link.seen_at, link.linked_at),
        )
        yield from add_link(account.sub, link)
        made = News(Told.ACCOUNT_CREATED, link.provider)
        yield from self._outbox.tell(account.sub, made, account.created_at)
        return Person(account, link)

    @write
    def adopt_invited(
        self, account: Account, link: Link, invitations: Collection[str], *, now: int
    ) -> Steps[Person | None]:
        known = yield from find_person(link.provider_key, link.subject)
        if known is not None:
            return known
        spent = yield from spend(invitations, now)
        return (yield from self._add_account(account, link)) if spent else None

    @write
    def update_link(self, link: Link) -> Steps[None]:
        same = yield from is_called(link)
        yield from do(
            """UPDATE links SET provider = ?, claims = ?, raw_ids = ?, seen_at = ?,
                                address = ?, address_verified = ?, phone = ?, name = ?
               WHERE provider_key = ? AND subject = ?""",
            *link_columns(link),
        )
        if not same:
            yield from index_name(link)
        yield from do(
            """UPDATE accounts SET used_at = ? WHERE used_at < ? AND sub =
               (SELECT sub FROM links WHERE provider_key = ? AND subject = ?)""",
            *(link.seen_at, link.seen_at, link.provider_key, link.subject),
        )

    @read
    def links(self, sub: str) -> Steps[tuple[Link, ...]]:
        rows = yield from every(
            """SELECT provider_key, subject, provider, claims, raw_ids, seen_at, linked_at, home
               FROM links WHERE sub = ? ORDER BY id""",
            sub,
        )
        return tuple(link_from(row) for row in rows)

    @write
    def link(self, sub: str, link: Link, *, began_at: int, now: int) -> Steps[Linked | Taken | NotLinked]:
        """The UNIQUE key of links stands behind the look-up."""
        if not (yield from is_living(sub)):
            return NotLinked()
        known = yield from find_person(link.provider_key, link.subject)
        if known is not None:
            return Linked(again=True) if known.account.sub == sub else Taken(known.account.sub)
        taken = yield from one(
            "SELECT 1 FROM unlinked WHERE sub = ? AND provider_key = ? AND subject = ? AND at >= ?",
            sub,
            link.provider_key,
            link.subject,
            began_at,
        )
        if taken is not None:
            return NotLinked()
        yield from add_link(sub, replace(link, linked_at=now, home=""))
        yield from do("UPDATE accounts SET used_at = ? WHERE sub = ? AND used_at < ?", now, sub, now)
        yield from remember(sub, AccountEvent(Happened.LINKED, now, provider=link.provider), self._outbox)
        return Linked(again=False)

    @write
    def unlink(
        self, sub: str, provider_key: str, subject: str, *, usable: Collection[str], now: int, expires_at: int
    ) -> Steps[Unlinked | NotLinked | LastLink]:
        """What comes of it is the account's whose it is now: a blocked one must not slip away by a way home."""
        found = yield from find_person(provider_key, subject)
        if found is None or found.account.sub != sub or not (yield from is_living(sub)):
            return NotLinked()
        ways = yield from every("SELECT provider_key, subject FROM links WHERE sub = ?", sub)
        left = {str(way[0]) for way in ways if (way[0], way[1]) != (provider_key, subject)}
        if left.isdisjoint(usable):
            return LastLink()
        ended = yield from sessions_through(sub, provider_key, subject, now)
        yield from end_for_good(ended, now, expires_at, self._outbox)
        yield from _forbid(sub, provider_key, subject, now, expires_at)
        yield from lose_way(provider_key, subject)
        home = yield from _send_home(found, now, self._outbox)
        gone = AccountEvent(Happened.UNLINKED, now, provider=found.link.provider, other=home)
        yield from remember(sub, gone, self._outbox)
        return Unlinked(home)

    async def sweep(self) -> int:
        return await until_none(self._name_some)

    @write
    def _name_some(self) -> Steps[int]:
        return name_some()

    @read
    def sharing_address(self, address: str) -> Steps[tuple[Person, ...]]:
        rows = yield from every(
            """SELECT living.sub, living.created_at, living.blocked, living.closes_at,
                      links.provider_key, links.subject, links.provider, links.claims, links.raw_ids, links.seen_at,
                      links.linked_at, links.home
               FROM links JOIN living_accounts AS living ON living.sub = links.sub
               WHERE links.address = ? AND links.address_verified = 1 ORDER BY links.id LIMIT 10""",
            address,
        )
        return tuple(person_from(row) for row in rows)

    @write
    def namespace_key(self, alias: str, namespace: str) -> Steps[str]:
        return (yield from find_namespace(alias, namespace, self._outbox.randomness))

    @write
    def namespace_keys(self, namespaces: Mapping[str, str]) -> Steps[Mapping[str, str]]:
        found = {}
        for alias, namespace in namespaces.items():
            found[alias] = yield from find_namespace(alias, namespace, self._outbox.randomness)
        return found


def _forbid(sub: str, provider_key: str, subject: str, now: int, expires_at: int) -> Steps[None]:
    """Nothing that the account got through this way counts any more, nor does a login through it that is under way."""
    yield from do(
        """UPDATE grants SET revoked_at = ?
           WHERE provider_key = ? AND subject = ? AND sub = ? AND revoked_at IS NULL AND expires_at > ?""",
        now,
        provider_key,
        subject,
        sub,
        now,
    )
    yield from do(
        """INSERT INTO unlinked (sub, provider_key, subject, at, expires_at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (sub, provider_key, subject) DO UPDATE SET
           at = excluded.at, expires_at = excluded.expires_at""",
        sub,
        provider_key,
        subject,
        now,
        expires_at,
    )


def _send_home(person: Person, now: int, outbox: Outbox) -> Steps[str]:
    """The account that the link went back to, on its own again; "" when there is none, and the link is gone.

    A home that a third account took in since stays part of that one: it is not this account's to give back.
    """
    link, sub = person.link, person.account.sub
    stands = yield from do(
        """UPDATE accounts SET merged_into = NULL, used_at = CASE WHEN used_at < ? THEN ? ELSE used_at END
           WHERE sub = ? AND deleted_at IS NULL AND (merged_into IS NULL OR merged_into = ?)""",
        *(now, now),
        link.home,
        sub,
    )
    if not stands:
        yield from do("DELETE FROM links WHERE provider_key = ? AND subject = ?", link.provider_key, link.subject)
        return ""
    yield from do(
        "UPDATE links SET sub = ?, home = '', linked_at = ? WHERE provider_key = ? AND subject = ?",
        link.home,
        now,
        link.provider_key,
        link.subject,
    )
    yield from remember(link.home, AccountEvent(Happened.REVIVED, now, provider=link.provider, other=sub), outbox)
    return link.home
