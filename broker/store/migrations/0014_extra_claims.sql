-- What apps are told of a person because an operator set it: `value` is JSON, `set_at` epoch seconds. They stay with their
-- account while it is part of another one, and nobody is told them then.
CREATE TABLE account_claims (
    sub    TEXT    NOT NULL REFERENCES accounts (sub),
    name   TEXT    NOT NULL COLLATE BINARY,
    value  TEXT    NOT NULL,
    set_at INTEGER NOT NULL,
    PRIMARY KEY (sub, name)
) STRICT, WITHOUT ROWID;
