"""`broker.store.accounts` in SQL."""

from __future__ import annotations

from collections.abc import Collection, Mapping

from broker.core.people.history import AccountEvent, Happened
from broker.core.people.identity import Account
from broker.core.records import HeldIdentity, Login
from broker.core.webhooks import News, Told
from broker.store.accounts import AccountStore, Decision, Found, KnownToMore, Merged, Proof, Sought, Unmergeable, Unused
from broker.store.sql.deliveries import Outbox
from broker.store.sql.endings import end_for_good, end_session, is_ended, is_marked
from broker.store.sql.forgetting import lose_all
from broker.store.sql.history import remember
from broker.store.sql.notify import forget
from broker.store.sql.persons import is_living, parts_of, resolve
from broker.store.sql.searching import find_accounts
from broker.store.sql.sessions import sessions_of
from broker.store.sql.steps import Driver, Repository, Steps, do, every, one, read, write
from broker.store.sql.unused import in_use, unused


class SqlAccounts(Repository, AccountStore):
    """The AccountStore protocol, which says what each method promises."""

    def __init__(self, driver: Driver, outbox: Outbox) -> None:
        """`outbox` takes what others have to hear of."""
        super().__init__(driver)
        self._outbox = outbox

    @read
    def resolve(self, sub: str) -> Steps[Account | None]:
        return resolve(sub)

    @read
    def known_to(self, sub: str) -> Steps[tuple[str, ...]]:
        return _known_to(sub)

    @read
    def unnamed(self, client_id: str, sector: str, *, limit: int) -> Steps[tuple[str, ...]]:
        rows = yield from every(
            """SELECT sub FROM (SELECT sub FROM consents WHERE client_id = ?
                                UNION
                                SELECT sub FROM grants WHERE client_id = ?
                                UNION
                                SELECT sub FROM sign_ins WHERE client_id = ?) AS known
               WHERE NOT EXISTS (SELECT 1 FROM former_subs WHERE former_subs.sub = known.sub AND sector = ?)
               ORDER BY sub LIMIT ?""",
            *(client_id,) * 3,
            sector,
            limit,
        )
        return tuple([str(row[0]) for row in rows])

    @write
    def keep_names(self, sector: str, seen_as: Mapping[str, str]) -> Steps[None]:
        for seen, sub in sorted(seen_as.items()):
            yield from do(
                """INSERT INTO former_subs (seen, sub, sector) VALUES (?, ?, ?)
                   ON CONFLICT (seen) DO UPDATE SET sector = excluded.sector""",
                seen,
                sub,
                sector,
            )

    @read
    def is_proved(self, survivor: str, absorbed: str, proof: HeldIdentity) -> Steps[bool]:
        return _is_proved(survivor, absorbed, proof)

    @write
    def merge(
        self,
        survivor: str,
        absorbed: str,
        *,
        proof: Proof,
        now: int,
        expires_at: int,
        known: Collection[str],
        seen_as: Mapping[str, str],
    ) -> Steps[Merged | KnownToMore | Unmergeable]:
        if isinstance(proof, HeldIdentity) and not (yield from _is_proved(survivor, absorbed, proof)):
            return Unmergeable()
        if (yield from _is_part_of(absorbed, survivor)):
            return Merged(again=True)
        apart = survivor != absorbed and (yield from is_living(survivor)) and (yield from is_living(absorbed))
        if not apart:
            return Unmergeable()
        if not set((yield from _known_to(absorbed))) <= set(known):
            return KnownToMore()
        yield from self._end_all(absorbed, now, expires_at)
        yield from do("UPDATE accounts SET used_at = ? WHERE sub = ? AND used_at < ?", now, survivor, now)
        yield from _move(survivor, absorbed, now, agreed=isinstance(proof, HeldIdentity))
        for seen, sub in sorted(seen_as.items()):
            yield from do("INSERT INTO former_subs (seen, sub) VALUES (?, ?) ON CONFLICT DO NOTHING", seen, sub)
        yield from remember(survivor, AccountEvent(Happened.MERGED, now, other=absorbed), self._outbox)
        yield from remember(absorbed, AccountEvent(Happened.ABSORBED, now, other=survivor), self._outbox)
        return Merged(again=False)

    @read
    def search(self, sought: Sought, *, after: str, limit: int) -> Steps[tuple[Found, ...]]:
        return find_accounts(sought, after, limit)

    @write
    def set_blocked(self, sub: str, blocked: bool, *, decision: Decision | None = None) -> Steps[bool]:
        changed = yield from do(
            """UPDATE accounts SET blocked = ?, used_at = coalesce(?, used_at), blocked_at = ?, blocked_why = ?
               WHERE sub = ? AND deleted_at IS NULL AND merged_into IS NULL""",
            int(blocked),
            decision.at if decision is not None else None,
            decision.at if decision is not None and blocked else None,
            decision.why if decision is not None and blocked else "",
            sub,
        )
        if changed and decision is not None:
            if blocked:
                yield from self._end_all(sub, decision.at, decision.expires_at)
            turned = AccountEvent(Happened.BLOCKED if blocked else Happened.UNBLOCKED, decision.at)
            yield from remember(sub, turned, self._outbox)
        return changed == 1

    @write
    def end_all(self, sub: str, *, now: int, expires_at: int) -> Steps[bool]:
        if not (yield from _over_by(sub, now, "")):
            return False
        yield from self._end_all(sub, now, expires_at)
        yield from remember(sub, AccountEvent(Happened.ENDED, now), self._outbox)
        return True

    @write
    def sign_out(self, sub: str, *, now: int, expires_at: int, keep: Login | None = None) -> Steps[int]:
        kept = keep.sid if keep is not None and not (yield from is_ended(keep, now)) else ""
        if not (yield from _over_by(sub, now, kept)):
            return 0
        ended = 0
        for sid in (yield from sessions_of(sub, now)):
            if sid != kept and not (yield from is_marked(sid, now)):
                yield from end_session(sid, now, expires_at, self._outbox)
                ended += 1
        if ended:
            yield from remember(sub, AccountEvent(Happened.SIGNED_OUT, now), self._outbox)
        return ended

    @write
    def close(self, sub: str, *, closes_at: int, now: int, expires_at: int) -> Steps[bool]:
        closing = yield from do(
            """UPDATE accounts SET closes_at = ?
               WHERE sub = ? AND (closes_at IS NULL OR closes_at > ?) AND deleted_at IS NULL AND merged_into IS NULL""",
            closes_at,
            sub,
            closes_at,
        )
        if not closing:
            return False
        yield from self._end_all(sub, now, expires_at)
        yield from remember(sub, AccountEvent(Happened.CLOSING, now), self._outbox)
        return True

    @write
    def close_unused(self, *, since: int, closes_at: int, now: int, expires_at: int, limit: int = 20) -> Steps[Unused]:
        subs, closed = (yield from unused(since, limit)), list[str]()
        for sub in subs:
            if not (yield from in_use(sub, now)):
                yield from do("UPDATE accounts SET closes_at = ? WHERE sub = ?", closes_at, sub)
                yield from self._end_all(sub, now, expires_at)
                yield from remember(sub, AccountEvent(Happened.UNUSED, now), self._outbox)
                closed.append(sub)
        return Unused(len(subs), tuple(closed))

    @write
    def keep(self, sub: str, *, now: int) -> Steps[bool]:
        kept = yield from do(
            "UPDATE accounts SET closes_at = NULL, used_at = ? WHERE sub = ? AND closes_at IS NOT NULL", now, sub
        )
        if kept:
            yield from remember(sub, AccountEvent(Happened.KEPT, now), self._outbox)
        return kept == 1

    @write
    def delete_due(self, *, now: int, limit: int = 20) -> Steps[tuple[str, ...]]:
        due = yield from every(
            "SELECT sub FROM accounts WHERE closes_at <= ? AND blocked = 0 ORDER BY closes_at, sub LIMIT ?", now, limit
        )
        for (sub,) in due:
            for part in (*(yield from parts_of(sub)), sub):
                yield from self._outbox.tell(part, News(Told.ACCOUNT_DELETED), now)
                yield from _delete(part, now)
        return tuple(str(sub) for (sub,) in due)

    def _end_all(self, sub: str, now: int, expires_at: int) -> Steps[None]:
        """Nothing that anybody got for the account counts any more, nor does a login that is under way."""
        yield from _over_by(sub, now, "")
        yield from lose_all(sub)
        yield from end_for_good((yield from sessions_of(sub, now)), now, expires_at, self._outbox)
        yield from do(
            "UPDATE grants SET revoked_at = ? WHERE sub = ? AND revoked_at IS NULL AND expires_at > ?", now, sub, now
        )


def _known_to(sub: str) -> Steps[tuple[str, ...]]:
    rows = yield from every(
        """SELECT client_id FROM consents WHERE sub = ?
           UNION
           SELECT client_id FROM grants WHERE sub = ?
           UNION
           SELECT session_clients.client_id FROM links JOIN session_clients USING (provider_key, subject)
           WHERE links.sub = ?
           UNION
           SELECT client_id FROM sign_ins WHERE sub = ? AND client_id <> ''""",
        *(sub,) * 4,
    )
    return tuple(sorted(str(row[0]) for row in rows))


def _is_part_of(absorbed: str, survivor: str) -> Steps[bool]:
    return (yield from one("SELECT 1 FROM accounts WHERE sub = ? AND merged_into = ?", absorbed, survivor)) is not None


def _over_by(sub: str, now: int, kept: str) -> Steps[bool]:
    """Logins of before are over, but for one session; False when there is no such account, or it is part of another."""
    found = yield from do(
        """UPDATE accounts SET signed_out_at = ?, signed_out_but = ?
           WHERE sub = ? AND deleted_at IS NULL AND merged_into IS NULL""",
        now,
        kept,
        sub,
    )
    return found == 1


def _is_proved(survivor: str, absorbed: str, proof: HeldIdentity) -> Steps[bool]:
    opened = survivor if (yield from _is_part_of(absorbed, survivor)) else absorbed
    row = yield from one(
        """SELECT 1 FROM links JOIN accounts ON accounts.sub = links.sub
           WHERE links.provider_key = ? AND links.subject = ? AND links.sub = ? AND accounts.signed_out_at < ?
                 AND NOT EXISTS (SELECT 1 FROM unlinked
                                 WHERE sub = links.sub AND provider_key = links.provider_key
                                       AND subject = links.subject AND at >= ?)""",
        proof.provider_key,
        proof.subject,
        opened,
        proof.began_at,
        proof.began_at,
    )
    return row is not None


def _move(survivor: str, absorbed: str, now: int, *, agreed: bool) -> Steps[None]:
    """Links go and remember where they are at home, what was `agreed` to is so for both, and the name leads on."""
    yield from do(
        """UPDATE links SET sub = ?, linked_at = ?,
                            home = CASE home WHEN '' THEN sub WHEN ? THEN '' ELSE home END
           WHERE sub = ?""",
        survivor,
        now,
        survivor,
        absorbed,
    )
    yield from do(
        """INSERT INTO consents (sub, client_id, promise, scope, agreed_at)
           SELECT ?, client_id, promise, scope, agreed_at FROM consents
           WHERE sub = ? AND (? = 1 OR substr(scope, 1, 1) = '-')
           ON CONFLICT (sub, client_id, promise, scope) DO UPDATE SET
           agreed_at = CASE WHEN excluded.agreed_at > consents.agreed_at
                       THEN excluded.agreed_at ELSE consents.agreed_at END""",
        survivor,
        absorbed,
        int(agreed),
    )
    # What one of them refused later than the other agreed to it: the last answer stands, whatever the promise (ADR 49).
    yield from do(
        """DELETE FROM consents WHERE sub = ? AND EXISTS
           (SELECT 1 FROM consents AS refused
            WHERE refused.sub = consents.sub AND refused.client_id = consents.client_id
            AND refused.scope = '-' || consents.scope AND refused.agreed_at >= consents.agreed_at)""",
        survivor,
    )
    yield from do("UPDATE accounts SET merged_into = ? WHERE sub = ? OR merged_into = ?", survivor, absorbed, absorbed)


def _delete(sub: str, now: int) -> Steps[None]:
    """What is left of it is its `sub`, and that its logins of before are over."""
    yield from forget(sub)
    yield from lose_all(sub)
    yield from do("DELETE FROM links WHERE sub = ?", sub)
    yield from do("DELETE FROM unlinked WHERE sub = ?", sub)
    yield from do("DELETE FROM taken_back WHERE sub = ?", sub)
    yield from do("DELETE FROM consents WHERE sub = ?", sub)
    yield from do("DELETE FROM grants WHERE sub = ?", sub)
    yield from do("DELETE FROM sign_ins WHERE sub = ?", sub)
    yield from do("DELETE FROM account_events WHERE sub = ?", sub)
    yield from do("DELETE FROM former_subs WHERE sub = ?", sub)
    yield from do("DELETE FROM account_claims WHERE sub = ?", sub)
    yield from do(
        """UPDATE accounts SET created_at = 0, closes_at = NULL, used_at = NULL, merged_into = NULL, deleted_at = ?
           WHERE sub = ?""",
        now,
        sub,
    )
