-- Which apps have to hear when a session ends; those without an address for it are not here. `sub` is the person as the
-- app knows them, the rest is what sessions are found by when an upstream ends them.
CREATE TABLE session_clients (
    sid          TEXT    NOT NULL COLLATE BINARY,
    client_id    TEXT    NOT NULL,
    sub          TEXT    NOT NULL,
    backchannel  INTEGER NOT NULL CHECK (backchannel IN (0, 1)),
    provider_key TEXT    NOT NULL,
    subject      TEXT    NOT NULL COLLATE BINARY,
    upstream_sid TEXT    NOT NULL COLLATE BINARY,
    expires_at   INTEGER NOT NULL,
    PRIMARY KEY (sid, client_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX session_clients_of_subject ON session_clients (provider_key, subject);
CREATE INDEX session_clients_of_upstream_session ON session_clients (provider_key, upstream_sid);
CREATE INDEX session_clients_by_expiry ON session_clients (expires_at);

-- Logout tokens on their way. `id` is the token's `jti`. Whoever moves `next_at` on has claimed the next attempt, so of
-- many nodes one delivers; a node that dies meanwhile has only lost time.
CREATE TABLE logout_deliveries (
    id         TEXT    NOT NULL PRIMARY KEY,
    client_id  TEXT    NOT NULL,
    sid        TEXT    NOT NULL COLLATE BINARY,
    sub        TEXT    NOT NULL,
    created_at INTEGER NOT NULL,
    attempts   INTEGER NOT NULL DEFAULT 0,
    next_at    INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX logout_deliveries_by_time ON logout_deliveries (next_at);
CREATE INDEX logout_deliveries_of_session ON logout_deliveries (sid);

-- Sessions that ended before their time, for as long as a code of theirs can be under way: it gives nothing any more.
CREATE TABLE ended_sessions (
    sid        TEXT    NOT NULL PRIMARY KEY COLLATE BINARY,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX ended_sessions_by_expiry ON ended_sessions (expires_at);
