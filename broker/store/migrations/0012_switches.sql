-- What operators have switched off while the broker runs: providers and clients by name, whatever the configuration says.
-- A row says since when (epoch seconds), why, and who did; none is on.
CREATE TABLE switched_off (
    kind     TEXT    NOT NULL COLLATE BINARY,
    name     TEXT    NOT NULL COLLATE BINARY,
    since    INTEGER NOT NULL,
    why      TEXT    NOT NULL,
    operator TEXT    NOT NULL,
    PRIMARY KEY (kind, name)
) STRICT, WITHOUT ROWID;
