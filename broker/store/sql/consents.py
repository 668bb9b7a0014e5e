"""`broker.store.consents` in SQL."""

from __future__ import annotations

from collections.abc import Sequence

from broker.core.authorize.consent import Said
from broker.core.people.history import AccountEvent, Happened
from broker.core.records import Grant
from broker.store.consents import Access, ConsentStore
from broker.store.sql.deliveries import Outbox
from broker.store.sql.history import remember
from broker.store.sql.steps import Driver, Repository, Row, Steps, do, every, read, write


class SqlConsents(Repository, ConsentStore):
    """The ConsentStore protocol, which says what each method promises."""

    def __init__(self, driver: Driver, outbox: Outbox) -> None:
        """`outbox` takes what others have to hear of."""
        super().__init__(driver)
        self._outbox = outbox

    @read
    def consent(self, sub: str, client_id: str, promise: str) -> Steps[Said]:
        rows = yield from every(
            "SELECT scope FROM consents WHERE sub = ? AND client_id = ? AND promise = ?", sub, client_id, promise
        )
        return Said.of(scope for (scope,) in rows)

    @write
    def save_consent(self, sub: str, client_id: str, promise: str, said: Said, at: int) -> Steps[None]:
        """A yes again keeps the time of the first, a no has that of the last: it is compared when accounts merge."""
        for scope in sorted(said.no):
            # Under every promise: a yes to another one must not give what was just refused.
            yield from do(
                """DELETE FROM consents WHERE client_id = ? AND scope = ? AND sub IN
                   (SELECT sub FROM accounts WHERE sub = ? OR merged_into = ?)""",
                client_id,
                scope,
                sub,
                sub,
            )
        for word in sorted(Said(no=said.yes).words):
            yield from do(
                "DELETE FROM consents WHERE sub = ? AND client_id = ? AND promise = ? AND scope = ?",
                sub,
                client_id,
                promise,
                word,
            )
        for word in sorted(said.words):
            yield from do(
                """INSERT INTO consents (sub, client_id, promise, scope, agreed_at) VALUES (?, ?, ?, ?, ?)
                   ON CONFLICT (sub, client_id, promise, scope) DO UPDATE SET
                   agreed_at = CASE WHEN substr(excluded.scope, 1, 1) = '-'
                               THEN excluded.agreed_at ELSE consents.agreed_at END""",
                sub,
                client_id,
                promise,
                word,
                at,
            )

    @read
    def accesses(self, sub: str, *, now: int, limit: int = 200) -> Steps[tuple[Access, ...]]:
        agreed = yield from every(
            """SELECT client_id, promise, scope, agreed_at FROM consents WHERE sub = ? AND client_id IN
               (SELECT DISTINCT client_id FROM consents WHERE sub = ? ORDER BY client_id LIMIT ?)""",
            sub,
            sub,
            limit,
        )
        bodies = yield from every(
            "SELECT body FROM standing_grants WHERE sub = ? AND expires_at > ? ORDER BY expires_at DESC, id LIMIT ?",
            sub,
            now,
            limit,
        )
        grants = [Grant.from_bytes(body) for (body,) in bodies]
        clients = {client_id for client_id, *_ in agreed} | {grant.client_id for grant in grants}
        return tuple(
            _access(
                client_id,
                [tuple(answer) for client, *answer in agreed if client == client_id],
                [grant for grant in grants if grant.client_id == client_id],
            )
            for client_id in sorted(clients)
        )

    @write
    def take_back(self, sub: str, client_id: str, *, now: float, expires_at: int) -> Steps[bool]:
        second = int(now)
        forgotten = yield from do(
            """DELETE FROM consents WHERE client_id = ? AND sub IN
               (SELECT sub FROM accounts WHERE sub = ? OR merged_into = ?)""",
            client_id,
            sub,
            sub,
        )
        revoked = yield from do(
            """UPDATE grants SET revoked_at = ?
               WHERE sub = ? AND client_id = ? AND revoked_at IS NULL AND expires_at > ?""",
            second,
            sub,
            client_id,
            second,
        )
        yield from _end_access(sub, client_id, now, expires_at)
        if not forgotten and not revoked:
            return False
        yield from remember(sub, AccountEvent(Happened.ACCESS_ENDED, second, client_id=client_id), self._outbox)
        return True


def _end_access(sub: str, client_id: str, at: float, expires_at: int) -> Steps[int]:
    """What the person agreed to until then gives this client nothing, whatever they agree to later."""
    return do(
        """INSERT INTO taken_back (sub, client_id, at, expires_at) VALUES (?, ?, ?, ?)
           ON CONFLICT (sub, client_id) DO UPDATE SET
           at = CASE WHEN excluded.at > taken_back.at THEN excluded.at ELSE taken_back.at END,
           expires_at = CASE WHEN excluded.expires_at > taken_back.expires_at
                        THEN excluded.expires_at ELSE taken_back.expires_at END""",
        sub,
        client_id,
        at,
        expires_at,
    )


def _access(client_id: str, agreed: Sequence[Row], grants: Sequence[Grant]) -> Access:
    """What was agreed to, by one promise or another, and what an app that asks nobody was given.

    `agreed` are promises, words and times.
    """
    given = frozenset(word for grant in grants for word in (*grant.scope, *grant.resource))
    answers = [Said.of(word for of, word, _ in agreed if of == promise) for promise in {of for of, *_ in agreed}]
    return Access(
        client_id,
        scope=given.union(*(said.yes - said.no for said in answers)),
        agreed_at=max((at for *_, at in agreed), default=None),
        granted_at=max((grant.created_at for grant in grants), default=None),
        offline=any(grant.offline for grant in grants),
        refused=frozenset[str]().union(*(said.no for said in answers)),
    )
