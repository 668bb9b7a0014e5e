-- Clients that operators keep beside those of the configuration. `version` counts the changes of an entry: whoever changes one
-- names the version that they saw, so of two changes at once one wins.
CREATE TABLE kept_clients (
    client_id TEXT    NOT NULL PRIMARY KEY COLLATE BINARY,
    version   INTEGER NOT NULL,
    body      BLOB    NOT NULL
) STRICT, WITHOUT ROWID;

-- A number for what every node knows by heart, another one after each change: a look costs one row while nothing changes.
CREATE TABLE revisions (
    name   TEXT    NOT NULL PRIMARY KEY COLLATE BINARY,
    number INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
