-- Messages of apps to their users. `body` is sealed and goes when the message is sent or given up; `key` and `print` are
-- keyed digests: by what the app knows the order again, and of what it asked. `unanswered`: attempts of which nobody
-- knows what came. `holds_until`: so long the message counts against the limit of its bot.
CREATE TABLE notifications (
    id           TEXT    NOT NULL PRIMARY KEY,
    client_id    TEXT    NOT NULL COLLATE BINARY,
    sub          TEXT    NOT NULL REFERENCES accounts (sub),
    provider_key TEXT    NOT NULL COLLATE BINARY,
    subject      TEXT    NOT NULL COLLATE BINARY,
    status       TEXT    NOT NULL DEFAULT 'queued' CHECK (status IN ('queued', 'sent', 'unreachable', 'failed')),
    reason       TEXT    NOT NULL DEFAULT '',
    body         TEXT,
    key          TEXT    NOT NULL DEFAULT '',
    print        TEXT    NOT NULL DEFAULT '',
    created_at   INTEGER NOT NULL,
    settled_at   INTEGER,
    expires_at   INTEGER NOT NULL,
    forget_at    INTEGER NOT NULL,
    attempts     INTEGER NOT NULL DEFAULT 0,
    unanswered   INTEGER NOT NULL DEFAULT 0,
    holds_until  REAL    NOT NULL DEFAULT 0
) STRICT, WITHOUT ROWID;
CREATE UNIQUE INDEX notifications_by_key ON notifications (client_id, key) WHERE key <> '';
CREATE INDEX notifications_queued ON notifications (provider_key, subject, id) WHERE status = 'queued';
CREATE INDEX notifications_held ON notifications (provider_key, holds_until);
CREATE INDEX notifications_expiring ON notifications (provider_key, expires_at) WHERE status = 'queued';
CREATE INDEX notifications_of_account ON notifications (sub);
CREATE INDEX notifications_forgotten ON notifications (forget_at);

-- A person at a bot. `due_at`: when the next attempt may be, NULL where nothing waits; whoever moves it on has claimed
-- it, so of many nodes one sends. `free_at`: not before, for the sake of the pace. `unreachable_at`: since when the
-- person lets the bot write no more, NULL while nobody knows better.
CREATE TABLE notified (
    provider_key   TEXT NOT NULL COLLATE BINARY,
    subject        TEXT NOT NULL COLLATE BINARY,
    due_at         REAL,
    free_at        REAL NOT NULL DEFAULT 0,
    unreachable_at INTEGER,
    reason         TEXT NOT NULL DEFAULT '',
    PRIMARY KEY (provider_key, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX notified_due ON notified (provider_key, due_at) WHERE due_at IS NOT NULL;

-- A bot that was told to wait.
CREATE TABLE notifying_paused (
    provider_key TEXT NOT NULL PRIMARY KEY COLLATE BINARY,
    until        REAL NOT NULL
) STRICT, WITHOUT ROWID;

-- `former_subs` has as well what a sector calls people of today, where an app of it asked for them by that name.
ALTER TABLE former_subs ADD COLUMN sector TEXT NOT NULL DEFAULT '' COLLATE BINARY;
