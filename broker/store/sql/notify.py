"""`broker.store.notify` in SQL."""

from __future__ import annotations

import math
from collections.abc import Collection
from typing import Final

from broker.core.notify import Letter, Notice, Pace, Status
from broker.store.notify import Accepted, Addressee, Claimed, NotifyStore, OtherOrder, Queued, Silenced
from broker.store.sql.persons import resolve
from broker.store.sql.steps import Repository, Steps, Value, do, every, one, read, sweep, write

_EXPIRED: Final = "nobody could send it in time"


class SqlNotify(Repository, NotifyStore):
    """The NotifyStore protocol, which says what each method promises."""

    @read
    def addressee(
        self, name: str, client_id: str, *, keys: Collection[str], first_party: bool, now: int
    ) -> Steps[Addressee | None]:
        account = yield from resolve(name)
        if account is None:
            return None
        rows = yield from every(
            "SELECT provider_key, subject FROM links WHERE sub = ? ORDER BY seen_at DESC, id DESC", account.sub
        )
        known = False
        for sub in (account.sub, *account.former):
            known = known or (yield from _knows(client_id, sub, first_party, now))
        return Addressee(account, tuple([(str(key), str(subject)) for key, subject in rows if key in keys]), known)

    @write
    def queue(self, message: Queued, *, now: int) -> Steps[Accepted | OtherOrder | Silenced]:
        """The UNIQUE key of orders stands behind the look-up."""
        if message.key and (before := (yield from _ordered(message))) is not None:
            return before
        if (reason := (yield from _silence(message))) is not None:
            return Silenced(reason)
        values: tuple[Value, ...] = (message.id, message.client_id, message.sub, message.provider_key, message.subject)
        values += (message.body, message.key, message.print, now, message.expires_at, message.forget_at)
        yield from do(
            """INSERT INTO notifications (id, client_id, sub, provider_key, subject,
                                          body, key, print, created_at, expires_at, forget_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)""",
            *values,
        )
        yield from do(
            """INSERT INTO notified (provider_key, subject, due_at) VALUES (?, ?, ?)
               ON CONFLICT (provider_key, subject) DO UPDATE
               SET unreachable_at = NULL, reason = '',
                   due_at = coalesce(notified.due_at, CASE WHEN notified.free_at > excluded.due_at
                                                      THEN notified.free_at ELSE excluded.due_at END)""",
            message.provider_key,
            message.subject,
            now,
        )
        return Accepted(message.id)

    @write
    def claim(self, provider_key: str, *, now: float, until: float, pace: Pace, limit: int) -> Steps[Claimed]:
        expired = yield from _expire(provider_key, now)
        paused = yield from one(
            "SELECT until FROM notifying_paused WHERE provider_key = ? AND until > ?", provider_key, now
        )
        if paused is not None:
            return Claimed((), expired, float(paused[0]))
        held = yield from every(
            "SELECT holds_until FROM notifications WHERE provider_key = ? AND holds_until > ? ORDER BY holds_until",
            provider_key,
            now,
        )
        room = min(limit, pace.count - len(held))
        if room <= 0:
            return Claimed((), expired, float(held[max(0, len(held) - pace.count)][0]) if held else math.inf)
        letters = yield from _take(provider_key, now, until, room)
        (soonest,) = (
            yield from one(
                "SELECT min(due_at) FROM notified WHERE provider_key = ? AND due_at IS NOT NULL", provider_key
            )
        ) or (None,)
        return Claimed(letters, expired, math.inf if soonest is None else float(soonest))

    @write
    def settle(self, message_id: str, status: Status, reason: str, *, now: float, pace: Pace) -> Steps[int]:
        row = yield from one(
            """UPDATE notifications SET status = ?, reason = ?, body = NULL, settled_at = ?,
                                        unanswered = unanswered - 1, holds_until = ?
               WHERE id = ? AND status = 'queued' RETURNING provider_key, subject""",
            status.value,
            reason,
            int(now),
            now + pace.window,
            message_id,
        )
        if row is None:
            return 0
        silenced = 0
        if status is Status.UNREACHABLE:
            silenced = yield from _silence_all(row[0], row[1], reason, int(now))
        yield from _next(row[0], row[1], now + max(pace.gap, pace.window))
        return 1 + silenced

    @write
    def postpone(
        self, message_id: str, *, until: float, now: float, pace: Pace, answered: bool, everybody: bool = False
    ) -> Steps[None]:
        row = yield from one(
            """UPDATE notifications SET unanswered = unanswered - ?, holds_until = ?
               WHERE id = ? AND status = 'queued' RETURNING provider_key, subject""",
            int(answered),
            now + pace.window,
            message_id,
        )
        if row is None:
            return
        yield from _next(row[0], row[1], max(until, now + max(pace.gap, pace.window)))
        if everybody:
            yield from do(
                """INSERT INTO notifying_paused (provider_key, until) VALUES (?, ?)
                   ON CONFLICT (provider_key) DO UPDATE SET until = excluded.until
                   WHERE excluded.until > notifying_paused.until""",
                row[0],
                until,
            )

    @read
    def find(self, message_id: str, client_id: str) -> Steps[Notice | None]:
        row = yield from one(
            """SELECT id, status, reason, attempts, created_at, settled_at FROM notifications
               WHERE id = ? AND client_id = ?""",
            message_id,
            client_id,
        )
        return None if row is None else Notice(row[0], Status(row[1]), *row[2:])

    @read
    def waiting(self) -> Steps[int]:
        return int((yield from every("SELECT count(*) FROM notifications WHERE status = 'queued'"))[0][0])

    async def sweep(self, *, now: int) -> int:
        return await sweep(self._sweep, now=now) + await sweep(self._sweep_people, now=now)

    @write
    def _sweep(self, before: int, limit: int) -> Steps[int]:
        return do(
            """DELETE FROM notifications WHERE id IN
               (SELECT id FROM notifications WHERE forget_at <= ? ORDER BY forget_at LIMIT ?)""",
            before,
            limit,
        )

    @write
    def _sweep_people(self, before: int, limit: int) -> Steps[int]:
        """Whose way in is gone, and who was written to so long ago that no pace is kept by it."""
        return do(
            """DELETE FROM notified WHERE (provider_key, subject) IN
               (SELECT provider_key, subject FROM notified
                WHERE due_at IS NULL AND free_at <= ?
                      AND (unreachable_at IS NULL OR NOT EXISTS (SELECT 1 FROM links
                           WHERE links.provider_key = notified.provider_key AND links.subject = notified.subject))
                LIMIT ?)""",
            before,
            limit,
        )


def forget(sub: str) -> Steps[None]:
    """Nothing that was to be told to this account is kept, nor whether they let anybody write; before its links go."""
    yield from do(
        """DELETE FROM notified WHERE (provider_key, subject) IN
           (SELECT provider_key, subject FROM links WHERE sub = ?)""",
        sub,
    )
    yield from do(
        """DELETE FROM notified WHERE (provider_key, subject) IN
           (SELECT provider_key, subject FROM notifications WHERE sub = ?)""",
        sub,
    )
    yield from do("DELETE FROM notifications WHERE sub = ?", sub)


def _knows(client_id: str, sub: str, first_party: bool, now: int) -> Steps[bool]:
    row = yield from one(
        """SELECT 1 WHERE EXISTS (SELECT 1 FROM consents WHERE sub = ? AND client_id = ?)
                    OR EXISTS (SELECT 1 FROM grants
                               WHERE sub = ? AND client_id = ? AND revoked_at IS NULL AND expires_at > ?)
                    OR (? AND EXISTS (SELECT 1 FROM sign_ins WHERE sub = ? AND client_id = ?))""",
        *(sub, client_id) * 2,
        now,
        int(first_party),
        sub,
        client_id,
    )
    return row is not None


def _ordered(message: Queued) -> Steps[Accepted | OtherOrder | None]:
    row = yield from one(
        "SELECT id, print FROM notifications WHERE client_id = ? AND key = ? AND key <> ''",
        message.client_id,
        message.key,
    )
    if row is None:
        return None
    return Accepted(row[0], again=True) if row[1] == message.print else OtherOrder()


def _silence(message: Queued) -> Steps[str | None]:
    """Why the person is not written to, None where nothing is known against it, or not any more."""
    row = yield from one(
        """SELECT reason FROM notified
           WHERE provider_key = ? AND subject = ? AND unreachable_at IS NOT NULL
                 AND NOT EXISTS (SELECT 1 FROM links
                                 WHERE links.provider_key = notified.provider_key AND links.subject = notified.subject
                                       AND (seen_at > unreachable_at OR linked_at > unreachable_at))
                 AND NOT EXISTS (SELECT 1 FROM sign_ins
                                 WHERE sub = ? AND at > unreachable_at
                                       AND sign_ins.provider_key = notified.provider_key
                                       AND sign_ins.subject = notified.subject)""",
        message.provider_key,
        message.subject,
        message.sub,
    )
    return None if row is None else str(row[0])


def _silence_all(provider_key: str, subject: str, reason: str, now: int) -> Steps[int]:
    yield from do(
        "UPDATE notified SET unreachable_at = ?, reason = ? WHERE provider_key = ? AND subject = ?",
        *(now, reason, provider_key, subject),
    )
    return (
        yield from do(
            """UPDATE notifications SET status = 'unreachable', reason = ?, body = NULL, settled_at = ?
               WHERE provider_key = ? AND subject = ? AND status = 'queued'""",
            *(reason, now, provider_key, subject),
        )
    )


def _next(provider_key: str, subject: str, at: float) -> Steps[int]:
    """The person is written to again at that time, if there is anything to write."""
    return do(
        """UPDATE notified SET free_at = ?,
           due_at = CASE WHEN EXISTS (SELECT 1 FROM notifications WHERE status = 'queued'
                                      AND notifications.provider_key = notified.provider_key
                                      AND notifications.subject = notified.subject) THEN ? END
           WHERE provider_key = ? AND subject = ?""",
        *(at, at, provider_key, subject),
    )


def _expire(provider_key: str, now: float) -> Steps[tuple[str, ...]]:
    """What is under way is not given up: it may just have arrived."""
    rows = yield from every(
        """UPDATE notifications SET status = 'failed', reason = ?, body = NULL, settled_at = ?
           WHERE provider_key = ? AND status = 'queued' AND expires_at <= ? AND holds_until <= ?
           RETURNING client_id""",
        *(_EXPIRED, int(now), provider_key, int(now), now),
    )
    return tuple([str(row[0]) for row in rows])


def _take(provider_key: str, now: float, until: float, room: int) -> Steps[tuple[Letter, ...]]:
    """The first message of each person whose turn it is. Who has none is due no more."""
    due = yield from every(
        "SELECT subject FROM notified WHERE provider_key = ? AND due_at <= ? ORDER BY due_at, subject LIMIT ?",
        provider_key,
        now,
        room,
    )
    letters = []
    for (subject,) in due:
        row = yield from one(
            """UPDATE notifications SET attempts = attempts + 1, unanswered = unanswered + 1, holds_until = ?
               WHERE id = (SELECT min(id) FROM notifications
                           WHERE provider_key = ? AND subject = ? AND status = 'queued')
               RETURNING id, client_id, provider_key, subject, body, attempts, unanswered,
                         EXISTS (SELECT 1 FROM links JOIN living_accounts AS living ON living.sub = links.sub
                                 WHERE links.provider_key = notifications.provider_key
                                       AND links.subject = notifications.subject
                                       AND links.sub = (SELECT coalesce(merged_into, accounts.sub) FROM accounts
                                                        WHERE accounts.sub = notifications.sub))""",
            *(until, provider_key, subject),
        )
        yield from do(
            "UPDATE notified SET due_at = ? WHERE provider_key = ? AND subject = ?",
            *(until if row else None, provider_key, subject),
        )
        if row is not None:
            letters.append(Letter(*(*row[:-1], bool(row[-1]))))
    return tuple(letters)
