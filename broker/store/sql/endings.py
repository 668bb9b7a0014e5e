"""The end of a session in SQL: what it takes with it, who hears of it, and the marks by which it is known."""

from __future__ import annotations

from collections.abc import Iterable

from broker.core.logout import SessionClient
from broker.core.records import Login
from broker.core.webhooks import News, Told
from broker.store.sessions import Ending
from broker.store.sql.deliveries import Outbox
from broker.store.sql.steps import Steps, do, every, one

_CODES_LIVE = 600  # seconds; no code lives longer (RFC 6749 section 4.1.2), so a mark must not be shorter-lived
_COOKIE = "cookie:"  # a `sid` is base64url, so no session is called like a cookie


def is_marked(sid: str, now: int) -> Steps[bool]:
    """Whether the session was ended by its own name."""
    return (yield from one("SELECT 1 FROM ended_sessions WHERE sid = ? AND expires_at > ?", sid, now)) is not None


def is_ended(login: Login, now: int) -> Steps[bool]:
    """Whether the session of this login ended here, by whatever cookie it is known."""
    return (yield from ending(login, now=now)).here


def is_over(login: Login, client_id: str, agreed_at: float, now: int) -> Steps[bool]:
    """Whether a yes of then gives this client nothing any more: the login ended here, or the yes was taken back."""
    if (yield from is_ended(login, now)):
        return True
    taken = yield from one(
        "SELECT 1 FROM taken_back WHERE sub = ? AND client_id = ? AND at >= ?", login.sub, client_id, agreed_at
    )
    return taken is not None


def retire(key: str, expires_at: int) -> Steps[None]:
    """From now on the session goes by another cookie than the one known by this digest."""
    return _mark(_COOKIE + key, expires_at)


def ending(login: Login, key: str = "", *, now: int) -> Steps[Ending]:
    """SessionStore.ending, of the login by whatever cookie without one.

    A session that the upstream gave no `sid` is never marked by one; logins of older versions do not say when they set
    out.
    """
    began_at, way_in = login.began_at or login.auth_time, (login.provider_key, login.subject)
    found = yield (
        """SELECT EXISTS (SELECT 1 FROM ended_sessions WHERE sid IN (?, ?) AND expires_at > ?)
                  OR EXISTS (SELECT 1 FROM accounts WHERE sub = ? AND signed_out_at >= ? AND signed_out_but <> ?)
                  OR EXISTS (SELECT 1 FROM unlinked WHERE sub = ? AND provider_key = ? AND subject = ? AND at >= ?),
                  (SELECT max(at) FROM
                   (SELECT at FROM upstream_logouts WHERE provider_key = ? AND kind = 'sub' AND value = ?
                    UNION ALL
                    SELECT at FROM upstream_logouts WHERE provider_key = ? AND kind = 'sid' AND value = ?) AS said)""",
        (
            *(login.sid, _COOKIE + key if key else login.sid, now),
            *(login.sub, began_at, login.sid),
            *(login.sub, *way_in, began_at),
            *(*way_in, login.provider_key, login.upstream_sid),
        ),
    )
    here, upstream_at = found.fetchall()[0]
    return Ending(bool(here), upstream_at)


def _mark(name: str, expires_at: int) -> Steps[None]:
    yield from do(
        """INSERT INTO ended_sessions (sid, expires_at) VALUES (?, ?)
           ON CONFLICT (sid) DO UPDATE SET expires_at = excluded.expires_at
           WHERE excluded.expires_at > ended_sessions.expires_at""",
        name,
        expires_at,
    )


def end_for_good(sids: Iterable[str], now: int, expires_at: int, outbox: Outbox) -> Steps[None]:
    """SessionStore.end for each, and nothing is asked at its upstream any more."""
    for sid in sids:
        yield from end_session(sid, now, expires_at, outbox)
        yield from do("DELETE FROM kept_logins WHERE sid = ?", sid)


def end_session(sid: str, now: int, expires_at: int, outbox: Outbox) -> Steps[tuple[SessionClient, ...]]:
    """As `SessionStore.end` says; webhooks that hear of ended sessions are told, too."""
    yield from _tell_end(sid, now, outbox)
    yield from do(
        "UPDATE grants SET revoked_at = ? WHERE sid = ? AND offline = 0 AND revoked_at IS NULL AND expires_at > ?",
        now,
        sid,
        now,
    )
    yield from _mark(sid, max(expires_at, now + _CODES_LIVE))
    rows = yield from every(
        "DELETE FROM session_clients WHERE sid = ? RETURNING sid, client_id, sub, backchannel, expires_at", sid
    )
    clients = tuple(SessionClient(row[0], row[1], row[2], bool(row[3]), row[4]) for row in sorted(rows) if row[4] > now)
    for told in clients:
        if told.backchannel:
            yield from outbox.tell_app(told, now)
    return clients


def _tell_end(sid: str, now: int, outbox: Outbox) -> Steps[None]:
    """Whoever hears of ended sessions is told, once, of one that somebody is known to have had."""
    over = News(Told.SESSION_ENDED)
    if not outbox.subscriptions.to(over.what) or (yield from is_marked(sid, now)):
        return
    owner = yield from one(
        """SELECT sub FROM sign_ins WHERE sid = ?
           UNION ALL
           SELECT sub FROM grants WHERE sid = ?
           LIMIT 1""",
        sid,
        sid,
    )
    if owner is not None:
        yield from outbox.tell(str(owner[0]), over, now, sid=sid)
