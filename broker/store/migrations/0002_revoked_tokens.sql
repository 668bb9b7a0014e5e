-- Tokens that hang on no grant, given to a client for itself, and were taken back before their time. Kept until they
-- would have expired anyway.
CREATE TABLE revoked_tokens (
    id         TEXT    NOT NULL PRIMARY KEY COLLATE BINARY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX revoked_tokens_by_expiry ON revoked_tokens (expires_at);
