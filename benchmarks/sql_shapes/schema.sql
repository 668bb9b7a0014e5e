-- What a login touches, in words that both databases know: STRICT, WITHOUT ROWID and COLLATE BINARY are left out, and
-- INTEGER is BIGINT and BLOB is BYTEA on PostgreSQL (`run.py` says so to it).
CREATE TABLE accounts (
    sub TEXT NOT NULL PRIMARY KEY, created_at INTEGER NOT NULL, blocked INTEGER NOT NULL DEFAULT 0, deleted_at INTEGER);
CREATE TABLE links (
    provider_key TEXT NOT NULL, subject TEXT NOT NULL, sub TEXT NOT NULL REFERENCES accounts (sub), provider TEXT NOT NULL,
    claims TEXT NOT NULL, raw_ids TEXT NOT NULL, seen_at INTEGER NOT NULL, PRIMARY KEY (provider_key, subject));
CREATE TABLE grants (
    id TEXT NOT NULL UNIQUE, code_digest TEXT NOT NULL UNIQUE, sub TEXT NOT NULL REFERENCES accounts (sub),
    provider_key TEXT NOT NULL, subject TEXT NOT NULL, expires_at INTEGER NOT NULL, revoked_at INTEGER, body BLOB NOT NULL,
    sid TEXT NOT NULL, upstream_sid TEXT NOT NULL, offline INTEGER NOT NULL);
CREATE TABLE refresh_tokens (
    digest TEXT NOT NULL PRIMARY KEY, grant_id TEXT NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    issued_at INTEGER NOT NULL, expires_at INTEGER NOT NULL, spent_at INTEGER, child TEXT);
CREATE TABLE session_clients (
    sid TEXT NOT NULL, client_id TEXT NOT NULL, sub TEXT NOT NULL, backchannel INTEGER NOT NULL, provider_key TEXT NOT NULL,
    subject TEXT NOT NULL, upstream_sid TEXT NOT NULL, expires_at INTEGER NOT NULL, PRIMARY KEY (sid, client_id));
CREATE TABLE ended_sessions (sid TEXT NOT NULL PRIMARY KEY, expires_at INTEGER NOT NULL);
CREATE VIEW standing_grants AS
SELECT grants.id, grants.body, grants.expires_at, accounts.sub, accounts.created_at, accounts.blocked,
       links.provider_key, links.subject, links.provider, links.claims, links.raw_ids, links.seen_at
FROM grants
JOIN accounts ON accounts.sub = grants.sub
JOIN links ON links.provider_key = grants.provider_key AND links.subject = grants.subject AND links.sub = grants.sub
WHERE grants.revoked_at IS NULL AND accounts.blocked = 0 AND accounts.deleted_at IS NULL;
