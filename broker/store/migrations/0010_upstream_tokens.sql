-- Tokens of upstreams that apps may have, sealed; one row per way in, because the newest counts for every app. `sub`: whose
-- the way in was; where it moves to another account they stay behind and are worth nothing. `version` is another one with
-- every change: who renews them writes only over what they read. `busy_until`: so long one of all nodes renews them,
-- because an upstream may change the refresh token at every use.
CREATE TABLE upstream_tokens (
    provider_key TEXT    NOT NULL COLLATE BINARY,
    subject      TEXT    NOT NULL COLLATE BINARY,
    sub          TEXT    NOT NULL REFERENCES accounts (sub),
    sealed       TEXT    NOT NULL,
    version      TEXT    NOT NULL,
    kept_at      INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    busy_until   REAL    NOT NULL DEFAULT 0,
    PRIMARY KEY (provider_key, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX upstream_tokens_of_account ON upstream_tokens (sub);
CREATE INDEX upstream_tokens_by_expiry ON upstream_tokens (expires_at);
