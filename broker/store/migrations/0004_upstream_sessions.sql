-- Grants end with their session, ours or the upstream's: both are searched for. `offline` outlives its session.
ALTER TABLE grants ADD COLUMN sid TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN upstream_sid TEXT NOT NULL DEFAULT '';
ALTER TABLE grants ADD COLUMN offline INTEGER NOT NULL DEFAULT 0 CHECK (offline IN (0, 1));
UPDATE grants SET sid = json_extract(CAST(body AS TEXT), '$.sid'),
                  offline = json_extract(CAST(body AS TEXT), '$.offline');
CREATE INDEX grants_of_session ON grants (sid);
CREATE INDEX grants_of_upstream_session ON grants (provider_key, upstream_sid);
CREATE INDEX grants_of_subject ON grants (provider_key, subject);

-- What an upstream said is over: one of its sessions (`sid`), or all of a person (`sub`). Logins that set out by `at` are
-- dead, wherever their sessions are kept and whatever was forgotten there.
CREATE TABLE upstream_logouts (
    provider_key TEXT    NOT NULL,
    kind         TEXT    NOT NULL CHECK (kind IN ('sid', 'sub')),
    value        TEXT    NOT NULL COLLATE BINARY,
    at           INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    PRIMARY KEY (provider_key, kind, value)
) STRICT, WITHOUT ROWID;
CREATE INDEX upstream_logouts_by_expiry ON upstream_logouts (expires_at);

-- What an upstream is asked with whether somebody is still welcome there, sealed; one per session of ours, because an
-- upstream may change the token at every use. `asked_at` moves before the question, so that only one asks.
CREATE TABLE kept_logins (
    sid        TEXT    NOT NULL PRIMARY KEY COLLATE BINARY,
    sealed     TEXT    NOT NULL,
    asked_at   INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX kept_logins_by_expiry ON kept_logins (expires_at);
