-- Who may get an account where only who was invited does. `id` is a keyed digest of what an upstream will prove of them.
CREATE TABLE invitations (
    id         TEXT    NOT NULL COLLATE BINARY PRIMARY KEY,
    kind       TEXT    NOT NULL,
    provider   TEXT    NOT NULL,
    made_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    why        TEXT    NOT NULL
) STRICT, WITHOUT ROWID;

CREATE INDEX invitations_by_expiry ON invitations (expires_at);
