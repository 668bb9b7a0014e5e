-- Tokens for the admin API, known by the SHA-256 of each; one that is revoked has no row. Epoch seconds; `used_at` is
-- written at most once a minute.
CREATE TABLE admin_tokens (
    name       TEXT    NOT NULL COLLATE BINARY PRIMARY KEY,
    digest     TEXT    NOT NULL COLLATE BINARY UNIQUE,
    scope      TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    operator   TEXT    NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at    INTEGER
) STRICT, WITHOUT ROWID;
