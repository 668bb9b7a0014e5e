"""`broker.store.history` in SQL."""

from __future__ import annotations

from broker.core.people.history import AccountEvent, SignIn
from broker.core.webhooks import news_of
from broker.store.history import HistoryStore, Written
from broker.store.sql.deliveries import Outbox
from broker.store.sql.endings import end_session, retire
from broker.store.sql.steps import Driver, Repository, Steps, do, every, read, sweep, write

_EVENTS = 200  # of an account that are kept
_LIVING = 50  # sessions that a person is shown
_NEVER = 2**62  # later than anything, in epoch seconds


class SqlHistory(Repository, HistoryStore):
    """The HistoryStore protocol, which says what each method promises."""

    def __init__(self, driver: Driver, outbox: Outbox) -> None:
        """`outbox` takes what others have to hear of."""
        super().__init__(driver)
        self._outbox = outbox

    @write
    def signed_in(self, sign_in: SignIn, *, expires_at: int, ends: str = "", retires: str = "") -> Steps[None]:
        """The session before could live as long as this one at most, and so must the marks of its end."""
        if ends:
            yield from end_session(ends, sign_in.at, sign_in.ends_at, self._outbox)
        if retires:
            yield from retire(retires, sign_in.ends_at)
        yield from do(
            """INSERT INTO sign_ins
               (sid, sub, at, provider, provider_key, subject, client_id, place, agent, ends_at, key, expires_at)
               VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
               ON CONFLICT (sid) DO UPDATE SET
               at = excluded.at, provider = excluded.provider, place = excluded.place, agent = excluded.agent,
               client_id = CASE excluded.client_id WHEN '' THEN sign_ins.client_id ELSE excluded.client_id END,
               ends_at = excluded.ends_at, key = excluded.key, expires_at = excluded.expires_at""",
            sign_in.sid,
            sign_in.sub,
            sign_in.at,
            sign_in.provider,
            sign_in.provider_key,
            sign_in.subject,
            sign_in.client_id,
            sign_in.place,
            sign_in.agent,
            sign_in.ends_at,
            sign_in.key,
            expires_at,
        )

    @read
    def sign_ins(self, sub: str, *, limit: int, after: tuple[int, str] | None = None) -> Steps[tuple[SignIn, ...]]:
        at, sid = after or (_NEVER, "")
        rows = yield from every(
            """SELECT sid, sub, at, provider, provider_key, subject, client_id, place, agent, ends_at, key
               FROM sign_ins WHERE sub = ? AND at <= ? AND (at < ? OR sid > ?) ORDER BY at DESC, sid LIMIT ?""",
            sub,
            at,
            at,
            sid,
            limit,
        )
        return tuple(SignIn(*row) for row in rows)

    @read
    def living(self, sub: str, *, now: int) -> Steps[tuple[SignIn, ...]]:
        rows = yield from every(
            """SELECT sid, sub, at, provider, provider_key, subject, client_id, place, agent, ends_at, key
               FROM sign_ins
               WHERE sub = ? AND ends_at > ?
                     AND NOT EXISTS (SELECT 1 FROM ended_sessions
                                     WHERE ended_sessions.sid = sign_ins.sid AND ended_sessions.expires_at > ?)
               ORDER BY at DESC, sid LIMIT ?""",
            sub,
            now,
            now,
            _LIVING,
        )
        return tuple(SignIn(*row) for row in rows)

    @read
    def events(self, sub: str, *, limit: int) -> Steps[tuple[AccountEvent, ...]]:
        rows = yield from every("SELECT body FROM account_events WHERE sub = ? ORDER BY id DESC LIMIT ?", sub, limit)
        return tuple(AccountEvent.from_bytes(row[0]) for row in rows)

    @read
    def messages(self, sub: str, *, limit: int) -> Steps[tuple[Written, ...]]:
        rows = yield from every(
            """SELECT client_id, status, created_at, settled_at FROM notifications
               WHERE sub = ? ORDER BY id DESC LIMIT ?""",
            sub,
            limit,
        )
        return tuple(Written(*row) for row in rows)

    @read
    def names(self, sub: str) -> Steps[tuple[str, ...]]:
        rows = yield from every("SELECT seen FROM former_subs WHERE sub = ? ORDER BY seen", sub)
        return tuple(str(seen) for (seen,) in rows)

    @write
    def forget_events(self, *, until: int, limit: int) -> Steps[int]:
        return do(
            """DELETE FROM account_events WHERE id IN
               (SELECT id FROM account_events WHERE at > 0 AND at <= ? ORDER BY at LIMIT ?)""",
            until,
            limit,
        )

    async def sweep(self, *, now: int) -> int:
        return await sweep(self._sweep, now=now)

    @write
    def _sweep(self, before: int, limit: int) -> Steps[int]:
        return do(
            """DELETE FROM sign_ins WHERE sid IN
               (SELECT sid FROM sign_ins WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
            before,
            limit,
        )


def remember(sub: str, event: AccountEvent, outbox: Outbox) -> Steps[None]:
    """Something happened to the account; it is known until the account goes, or so many more things happened.

    Whoever hears of such things is told.
    """
    yield from do("INSERT INTO account_events (sub, at, body) VALUES (?, ?, ?)", sub, event.at, event.to_bytes())
    yield from do(
        """DELETE FROM account_events WHERE sub = ? AND id <=
           (SELECT id FROM account_events WHERE sub = ? ORDER BY id DESC LIMIT 1 OFFSET ?)""",
        sub,
        sub,
        _EVENTS,
    )
    if (news := news_of(event)) is not None:
        yield from outbox.tell(sub, news, event.at)
