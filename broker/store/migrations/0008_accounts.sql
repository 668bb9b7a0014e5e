-- One person, one account. `merged_into`: the account that took this one in, never one that was taken in itself. Logins
-- that set out by `signed_out_at` are over, wherever their sessions are kept. `closes_at`: its person asked to be
-- deleted, and is by then.
ALTER TABLE accounts ADD COLUMN merged_into TEXT REFERENCES accounts (sub);
ALTER TABLE accounts ADD COLUMN signed_out_at INTEGER NOT NULL DEFAULT -1;
ALTER TABLE accounts ADD COLUMN closes_at INTEGER;
CREATE INDEX accounts_merged ON accounts (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX accounts_closing ON accounts (closes_at) WHERE closes_at IS NOT NULL;

-- `home`: the account a link came from by a merge. `address` is folded, as `fold_address` says, NULL where there is none
-- to be compared.
ALTER TABLE links ADD COLUMN linked_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE links ADD COLUMN home TEXT NOT NULL DEFAULT '';
ALTER TABLE links ADD COLUMN address TEXT;
ALTER TABLE links ADD COLUMN address_verified INTEGER NOT NULL DEFAULT 0 CHECK (address_verified IN (0, 1));
UPDATE links SET address = lower(json_extract(claims, '$.email')),
                 address_verified = (json_type(claims, '$.email_verified') = 'true')
WHERE json_extract(claims, '$.email') LIKE '%@%' AND NOT json_extract(claims, '$.email') GLOB '*[^ -~]*';
CREATE INDEX links_by_address ON links (address) WHERE address IS NOT NULL;

-- What clients of one sector called an account that was merged: `seen` is that pairwise `sub`.
CREATE TABLE former_subs (
    seen TEXT NOT NULL PRIMARY KEY COLLATE BINARY,
    sub  TEXT NOT NULL REFERENCES accounts (sub)
) STRICT, WITHOUT ROWID;
CREATE INDEX former_subs_of_account ON former_subs (sub);

-- One row per session of ours, for the person to look at. `ends_at` is its absolute limit; the row is kept longer, as
-- the history of sign-ins. `place` and `agent` are coarse on purpose.
CREATE TABLE sign_ins (
    sid          TEXT    NOT NULL PRIMARY KEY COLLATE BINARY,
    sub          TEXT    NOT NULL REFERENCES accounts (sub),
    at           INTEGER NOT NULL,
    provider     TEXT    NOT NULL,
    provider_key TEXT    NOT NULL,
    subject      TEXT    NOT NULL COLLATE BINARY,
    client_id    TEXT    NOT NULL,
    place        TEXT    NOT NULL,
    agent        TEXT    NOT NULL,
    ends_at      INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sign_ins_of_account ON sign_ins (sub, at);
CREATE INDEX sign_ins_by_expiry ON sign_ins (expires_at);

-- What was done to an account, besides signing in: few rows, kept as long as the account. `body` is the record.
CREATE TABLE account_events (
    id   INTEGER PRIMARY KEY,
    sub  TEXT NOT NULL REFERENCES accounts (sub),
    body BLOB NOT NULL
) STRICT;
CREATE INDEX account_events_of_account ON account_events (sub, id);

DROP VIEW standing_grants;
CREATE VIEW standing_grants AS
SELECT grants.id, grants.body, grants.expires_at,
       accounts.sub, accounts.created_at, accounts.blocked, accounts.closes_at,
       links.provider_key, links.subject, links.provider, links.claims, links.raw_ids, links.seen_at, links.linked_at,
       links.home
FROM grants
JOIN accounts ON accounts.sub = grants.sub
JOIN links ON links.provider_key = grants.provider_key AND links.subject = grants.subject AND links.sub = grants.sub
WHERE grants.revoked_at IS NULL AND accounts.blocked = 0 AND accounts.deleted_at IS NULL
      AND accounts.closes_at IS NULL;
