-- Everything the broker keeps. Times are epoch seconds. Text compares byte for byte (BINARY is the default collation;
-- it is written out where two people would become one without it).

-- A `sub` is never given to anybody else: deleting an account sets `deleted_at` and keeps the row for ever.
CREATE TABLE accounts (
    sub        TEXT    NOT NULL PRIMARY KEY COLLATE BINARY,
    created_at INTEGER NOT NULL,
    blocked    INTEGER NOT NULL DEFAULT 0 CHECK (blocked IN (0, 1)),
    deleted_at INTEGER
) STRICT, WITHOUT ROWID;

-- `id` only says which link is older. `claims` and `raw_ids` are JSON.
CREATE TABLE links (
    id           INTEGER PRIMARY KEY,
    provider_key TEXT    NOT NULL COLLATE BINARY,
    subject      TEXT    NOT NULL COLLATE BINARY,
    sub          TEXT    NOT NULL REFERENCES accounts (sub),
    provider     TEXT    NOT NULL,
    claims       TEXT    NOT NULL,
    raw_ids      TEXT    NOT NULL,
    seen_at      INTEGER NOT NULL,
    UNIQUE (provider_key, subject)
) STRICT;
CREATE INDEX links_of_account ON links (sub);

CREATE TABLE consents (
    sub       TEXT    NOT NULL REFERENCES accounts (sub),
    client_id TEXT    NOT NULL,
    scope     TEXT    NOT NULL,
    agreed_at INTEGER NOT NULL,
    PRIMARY KEY (sub, client_id, scope)
) STRICT, WITHOUT ROWID;

-- `code_digest` is the code this grant was given for: UNIQUE is what makes a second redemption impossible, whatever the
-- transient store has forgotten. `body` is the record; the columns beside it are what is searched for.
CREATE TABLE grants (
    id           TEXT    NOT NULL UNIQUE,
    code_digest  TEXT    NOT NULL UNIQUE,
    sub          TEXT    NOT NULL REFERENCES accounts (sub),
    provider_key TEXT    NOT NULL,
    subject      TEXT    NOT NULL COLLATE BINARY,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER,
    body         BLOB    NOT NULL
) STRICT;
CREATE INDEX grants_by_expiry ON grants (expires_at);

-- `spent_at` and `child` are set together, once.
CREATE TABLE refresh_tokens (
    digest     TEXT    NOT NULL PRIMARY KEY,
    grant_id   TEXT    NOT NULL REFERENCES grants (id) ON DELETE CASCADE,
    issued_at  INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    spent_at   INTEGER,
    child      TEXT,
    CHECK ((spent_at IS NULL) = (child IS NULL))
) STRICT, WITHOUT ROWID;
CREATE INDEX refresh_tokens_of_grant ON refresh_tokens (grant_id);
CREATE INDEX refresh_tokens_by_expiry ON refresh_tokens (expires_at);

-- What a grant needs to be alive, apart from time: neither it nor its person may have been stopped.
CREATE VIEW standing_grants AS
SELECT grants.id, grants.body, grants.expires_at,
       accounts.sub, accounts.created_at, accounts.blocked,
       links.provider_key, links.subject, links.provider, links.claims, links.raw_ids, links.seen_at
FROM grants
JOIN accounts ON accounts.sub = grants.sub
JOIN links ON links.provider_key = grants.provider_key AND links.subject = grants.subject AND links.sub = grants.sub
WHERE grants.revoked_at IS NULL AND accounts.blocked = 0 AND accounts.deleted_at IS NULL;

-- A namespace is a set of people at an upstream; its `provider_key` is what links hang on and never changes.
CREATE TABLE namespaces (
    namespace    TEXT NOT NULL PRIMARY KEY,
    provider_key TEXT NOT NULL UNIQUE
) STRICT, WITHOUT ROWID;
-- What a provider's name in the configuration stood for last.
CREATE TABLE aliases (
    alias     TEXT NOT NULL PRIMARY KEY,
    namespace TEXT NOT NULL REFERENCES namespaces (namespace)
) STRICT, WITHOUT ROWID;

CREATE TABLE signing_keys (
    kid        TEXT    NOT NULL PRIMARY KEY,
    algorithm  TEXT    NOT NULL,
    sealed     TEXT    NOT NULL,
    public_jwk TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    active_at  INTEGER NOT NULL,
    retired_at INTEGER
) STRICT, WITHOUT ROWID;

-- What expires by itself. The kind comes first, so the few living codes lie together, apart from the many sessions.
CREATE TABLE transient (
    kind       TEXT NOT NULL,
    key        TEXT NOT NULL,
    value      BLOB NOT NULL,
    expires_at REAL NOT NULL,
    PRIMARY KEY (kind, key)
) STRICT, WITHOUT ROWID;
CREATE INDEX transient_by_expiry ON transient (expires_at);

-- One row, counted up to learn whether the disk takes writes: SQLite writes no page whose content stays the same.
CREATE TABLE heartbeat (
    id    INTEGER NOT NULL PRIMARY KEY CHECK (id = 1),
    beats INTEGER NOT NULL
) STRICT;
