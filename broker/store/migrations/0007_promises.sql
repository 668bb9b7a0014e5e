-- A yes is a yes to what the page promised: `promise` is a digest of it. What was agreed to before is kept as it was,
-- under no promise at all, so those people are asked once more.
CREATE TABLE promised (
    sub       TEXT    NOT NULL REFERENCES accounts (sub),
    client_id TEXT    NOT NULL,
    promise   TEXT    NOT NULL,
    scope     TEXT    NOT NULL,
    agreed_at INTEGER NOT NULL,
    PRIMARY KEY (sub, client_id, promise, scope)
) STRICT, WITHOUT ROWID;
INSERT INTO promised SELECT sub, client_id, '', scope, agreed_at FROM consents;
DROP TABLE consents;
ALTER TABLE promised RENAME TO consents;
