-- Secrets of this installation that are made once and never change, sealed with the master key: the salt of pairwise
-- subjects.
CREATE TABLE secrets (
    name   TEXT NOT NULL PRIMARY KEY COLLATE BINARY,
    sealed TEXT NOT NULL
) STRICT, WITHOUT ROWID;
