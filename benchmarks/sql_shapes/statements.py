"""The statements of one login, in the SQL that SQLite and PostgreSQL share, with `?` for parameters."""

from __future__ import annotations

from functools import cache
from itertools import count
from typing import NamedTuple

PERSON = """SELECT accounts.sub, accounts.created_at, accounts.blocked,
       links.provider_key, links.subject, links.provider, links.claims, links.raw_ids, links.seen_at
FROM links JOIN accounts ON accounts.sub = links.sub WHERE links.provider_key = ? AND links.subject = ?"""
ADD_ACCOUNT = "INSERT INTO accounts (sub, created_at, blocked) VALUES (?, ?, ?)"
ADD_LINK = """INSERT INTO links (provider, claims, raw_ids, seen_at, provider_key, subject, sub)
VALUES (?, ?, ?, ?, ?, ?, ?)"""
UPDATE_LINK = """UPDATE links SET provider = ?, claims = ?, raw_ids = ?, seen_at = ?
WHERE provider_key = ? AND subject = ?"""
IS_ENDED = "SELECT 1 FROM ended_sessions WHERE sid IN (?, ?) AND expires_at > ?"
SPENT = "SELECT id FROM grants WHERE code_digest = ?"
ADD_GRANT = """INSERT INTO grants
(id, code_digest, sub, provider_key, subject, expires_at, sid, upstream_sid, offline, body)
VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
ADD_TOKEN = "INSERT INTO refresh_tokens (digest, grant_id, issued_at, expires_at) VALUES (?, ?, ?, ?)"
ADD_CLIENT = """INSERT INTO session_clients
(sid, client_id, sub, backchannel, provider_key, subject, upstream_sid, expires_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)
ON CONFLICT (sid, client_id) DO UPDATE SET sub = excluded.sub, backchannel = excluded.backchannel,
provider_key = excluded.provider_key, subject = excluded.subject, upstream_sid = excluded.upstream_sid,
expires_at = excluded.expires_at"""
REVOKE = "UPDATE grants SET revoked_at = ? WHERE id = ? AND revoked_at IS NULL AND expires_at > ?"
LIVE = """SELECT body, sub, created_at, blocked, provider_key, subject, provider, claims, raw_ids, seen_at
FROM standing_grants WHERE id = ? AND expires_at > ?"""
TOKEN = "SELECT digest, grant_id, issued_at, expires_at, spent_at FROM refresh_tokens WHERE digest = ?"
FAMILY = "SELECT grant_id, spent_at, child FROM refresh_tokens WHERE digest = ? AND expires_at > ?"
STANDS = "SELECT 1 FROM standing_grants WHERE id = ? AND expires_at > ?"
SPEND = "UPDATE refresh_tokens SET spent_at = ?, child = ? WHERE digest = ?"
UNSPENT = "SELECT 1 FROM refresh_tokens WHERE digest = ? AND spent_at IS NULL"

Row = tuple[object, ...]
Params = tuple[object, ...]


class Login(NamedTuple):
    """What one login writes, as columns; a stand-in for the product's records, which cost every shape the same."""

    account: Params
    link: Params
    grant: Params
    token: Params
    client: Params


@cache
def for_psycopg(sql: str) -> str:
    """`?` becomes `%s`."""
    return sql.replace("%", "%%").replace("?", "%s")


@cache
def for_asyncpg(sql: str) -> str:
    """`?` becomes `$1`, `$2`, ..."""
    numbers = count(1)
    return "".join(f"${next(numbers)}" if char == "?" else char for char in sql)
