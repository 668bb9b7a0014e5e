-- Clients that registered themselves. `token_digest` is the registration access token's: whoever changes an entry names
-- the one that opened it, so of two changes at once one wins.
CREATE TABLE registered_clients (
    client_id    TEXT    NOT NULL PRIMARY KEY COLLATE BINARY,
    token_digest TEXT    NOT NULL,
    created_at   INTEGER NOT NULL,
    body         BLOB    NOT NULL
) STRICT, WITHOUT ROWID;
