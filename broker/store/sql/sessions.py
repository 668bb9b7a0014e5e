"""`broker.store.sessions` in SQL."""

from __future__ import annotations

from broker.core.logout import SessionClient
from broker.core.records import Grant, Login
from broker.store.sessions import Ending, SessionStore
from broker.store.sql.deliveries import Outbox
from broker.store.sql.endings import end_for_good, end_session, ending
from broker.store.sql.forgetting import lose_way
from broker.store.sql.steps import Driver, Repository, Steps, do, every, one, read, sweep, write


class SqlSessions(Repository, SessionStore):
    """The SessionStore protocol, which says what each method promises."""

    def __init__(self, driver: Driver, outbox: Outbox) -> None:
        """`outbox` takes what others have to hear of."""
        super().__init__(driver)
        self._outbox = outbox

    @write
    def end(self, sid: str, *, now: int, expires_at: int) -> Steps[tuple[SessionClient, ...]]:
        return end_session(sid, now, expires_at, self._outbox)

    @read
    def ending(self, login: Login, key: str, *, now: int) -> Steps[Ending]:
        return ending(login, key, now=now)

    @write
    def end_upstream(
        self, provider_key: str, *, sid: str, subject: str, now: int, expires_at: int
    ) -> Steps[tuple[str, ...]]:
        yield from _say_over(provider_key, *(("sid", sid) if sid else ("sub", subject)), now, expires_at)
        sessions = yield from (_by_sid(provider_key, sid, now) if sid else _by_subject(provider_key, subject, now))
        for session in sessions:
            yield from end_session(session, now, expires_at, self._outbox)
        return sessions

    @write
    def withdraw_upstream(
        self, provider_key: str, subject: str, *, now: int, expires_at: int
    ) -> Steps[tuple[str, ...]]:
        yield from _say_over(provider_key, "sub", subject, now, expires_at)
        sessions = yield from _by_subject(provider_key, subject, now)
        yield from end_for_good(sessions, now, expires_at, self._outbox)
        yield from do(
            """UPDATE grants SET revoked_at = ?
               WHERE provider_key = ? AND subject = ? AND revoked_at IS NULL AND expires_at > ?""",
            *(now, provider_key, subject, now),
        )
        yield from lose_way(provider_key, subject)
        return sessions

    @write
    def keep_login(self, sid: str, sealed: str, *, asked_at: int, expires_at: int) -> Steps[None]:
        yield from do(
            """INSERT INTO kept_logins (sid, sealed, asked_at, expires_at) VALUES (?, ?, ?, ?)
               ON CONFLICT (sid) DO UPDATE SET expires_at = excluded.expires_at
               WHERE excluded.expires_at > kept_logins.expires_at""",
            sid,
            sealed,
            asked_at,
            expires_at,
        )

    @write
    def claim_login(self, sid: str, *, now: int, every: int) -> Steps[str | None]:
        row = yield from one(
            "UPDATE kept_logins SET asked_at = ? WHERE sid = ? AND asked_at <= ? RETURNING sealed",
            now,
            sid,
            now - every,
        )
        return None if row is None else str(row[0])

    @write
    def renew_login(self, sid: str, sealed: str) -> Steps[None]:
        yield from do("UPDATE kept_logins SET sealed = ? WHERE sid = ?", sealed, sid)

    @write
    def lose_login(self, sid: str, *, now: int) -> Steps[None]:
        yield from do("DELETE FROM kept_logins WHERE sid = ?", sid)
        yield from do(
            "UPDATE grants SET revoked_at = ? WHERE sid = ? AND revoked_at IS NULL AND expires_at > ?", now, sid, now
        )

    async def sweep(self, *, now: int) -> int:
        return await sweep(self._sweep, now=now)

    @write
    def _sweep(self, before: int, limit: int) -> Steps[int]:
        said = yield from do(
            """DELETE FROM upstream_logouts WHERE (provider_key, kind, value) IN
               (SELECT provider_key, kind, value FROM upstream_logouts
                WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
            before,
            limit,
        )
        kept = yield from do(
            """DELETE FROM kept_logins WHERE sid IN
               (SELECT sid FROM kept_logins WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
            before,
            limit,
        )
        clients = yield from do(
            """DELETE FROM session_clients WHERE (sid, client_id) IN
               (SELECT sid, client_id FROM session_clients WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
            before,
            limit,
        )
        marks = yield from do(
            """DELETE FROM ended_sessions WHERE sid IN
               (SELECT sid FROM ended_sessions WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
            before,
            limit,
        )
        unlinked = yield from do(
            """DELETE FROM unlinked WHERE (sub, provider_key, subject) IN
               (SELECT sub, provider_key, subject FROM unlinked WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
            before,
            limit,
        )
        taken = yield from do(
            """DELETE FROM taken_back WHERE (sub, client_id) IN
               (SELECT sub, client_id FROM taken_back WHERE expires_at <= ? ORDER BY expires_at LIMIT ?)""",
            before,
            limit,
        )
        return said + kept + clients + marks + unlinked + taken


def _say_over(provider_key: str, kind: str, value: str, now: int, expires_at: int) -> Steps[int]:
    """The upstream says that this ended; a mark never goes back in time."""
    return do(
        """INSERT INTO upstream_logouts (provider_key, kind, value, at, expires_at) VALUES (?, ?, ?, ?, ?)
           ON CONFLICT (provider_key, kind, value) DO UPDATE SET
           at = CASE WHEN excluded.at > upstream_logouts.at THEN excluded.at ELSE upstream_logouts.at END,
           expires_at = CASE WHEN excluded.expires_at > upstream_logouts.expires_at
                        THEN excluded.expires_at ELSE upstream_logouts.expires_at END""",
        *(provider_key, kind, value, now, expires_at),
    )


def add_client(grant: Grant, client: SessionClient) -> Steps[int]:
    """The app has to hear when the grant's session ends. A second grant of the session changes what it is told."""
    return do(
        """INSERT INTO session_clients
           (sid, client_id, sub, backchannel, provider_key, subject, upstream_sid, expires_at)
           VALUES (?, ?, ?, ?, ?, ?, ?, ?)
           ON CONFLICT (sid, client_id) DO UPDATE SET
           sub = excluded.sub, backchannel = excluded.backchannel, provider_key = excluded.provider_key,
           subject = excluded.subject, upstream_sid = excluded.upstream_sid, expires_at = excluded.expires_at""",
        *(client.sid, client.client_id, client.sub, int(client.backchannel)),
        *(grant.login.provider_key, grant.login.subject, grant.login.upstream_sid, client.expires_at),
    )


# A session whose grants are all over still has apps that have to hear of its end.
def _by_sid(provider_key: str, sid: str, now: int) -> Steps[tuple[str, ...]]:
    rows = yield from every(
        """SELECT sid FROM grants WHERE provider_key = ? AND upstream_sid = ? AND expires_at > ?
           UNION
           SELECT sid FROM session_clients WHERE provider_key = ? AND upstream_sid = ? AND expires_at > ?""",
        *(provider_key, sid, now) * 2,
    )
    return tuple(sorted(str(row[0]) for row in rows))


def _by_subject(provider_key: str, subject: str, now: int) -> Steps[tuple[str, ...]]:
    rows = yield from every(
        """SELECT sid FROM grants WHERE provider_key = ? AND subject = ? AND expires_at > ?
           UNION
           SELECT sid FROM session_clients WHERE provider_key = ? AND subject = ? AND expires_at > ?""",
        *(provider_key, subject, now) * 2,
    )
    return tuple(sorted(str(row[0]) for row in rows))


def sessions_of(sub: str, now: int) -> Steps[tuple[str, ...]]:
    """The sessions of an account that grants or apps hang on, or that its person can see."""
    rows = yield from every(
        """SELECT sid FROM grants WHERE sub = ? AND expires_at > ?
           UNION
           SELECT session_clients.sid FROM links JOIN session_clients USING (provider_key, subject)
           WHERE links.sub = ? AND session_clients.expires_at > ?
           UNION
           SELECT sid FROM sign_ins WHERE sub = ? AND ends_at > ?""",
        *(sub, now) * 3,
    )
    return tuple(sorted(str(row[0]) for row in rows))


def sessions_through(sub: str, provider_key: str, subject: str, now: int) -> Steps[tuple[str, ...]]:
    """Those of them that came in this way."""
    rows = yield from every(
        "SELECT sid FROM sign_ins WHERE sub = ? AND provider_key = ? AND subject = ? AND ends_at > ?",
        sub,
        provider_key,
        subject,
        now,
    )
    known = yield from _by_subject(provider_key, subject, now)
    return tuple(sorted({*known, *(str(row[0]) for row in rows)}))
