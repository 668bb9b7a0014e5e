-- One person, one account. `merged_into`: the account that took this one in, never one that was taken in itself. Logins
-- that set out by `signed_out_at` are over, wherever their sessions are kept, but for the session `signed_out_but`.
-- `closes_at`: its person asked to be deleted, and is by then.
ALTER TABLE accounts ADD COLUMN merged_into TEXT REFERENCES accounts (sub);
ALTER TABLE accounts ADD COLUMN signed_out_at INTEGER NOT NULL DEFAULT -1;
ALTER TABLE accounts ADD COLUMN signed_out_but TEXT NOT NULL DEFAULT '';
ALTER TABLE accounts ADD COLUMN closes_at INTEGER;
CREATE INDEX accounts_merged ON accounts (merged_into) WHERE merged_into IS NOT NULL;
CREATE INDEX accounts_closing ON accounts (closes_at) WHERE closes_at IS NOT NULL;
-- Whose people may sign in, and get another way in.
CREATE VIEW living_accounts AS
SELECT sub, created_at, blocked, closes_at FROM accounts
WHERE blocked = 0 AND deleted_at IS NULL AND closes_at IS NULL AND merged_into IS NULL;

-- `home`: the account a link came from by a merge. `address` is folded, as `fold_address` says, NULL where there is none
-- to be compared.
ALTER TABLE links ADD COLUMN linked_at INTEGER NOT NULL DEFAULT 0;
ALTER TABLE links ADD COLUMN home TEXT NOT NULL DEFAULT '';
ALTER TABLE links ADD COLUMN address TEXT;
ALTER TABLE links ADD COLUMN address_verified INTEGER NOT NULL DEFAULT 0 CHECK (address_verified IN (0, 1));
UPDATE links SET address = lower(json_extract(claims, '$.email')),
                 address_verified = coalesce(json_type(claims, '$.email_verified') = 'true', 0)
WHERE json_type(claims, '$.email') = 'text' AND NOT json_extract(claims, '$.email') GLOB '*[^ -~]*'
      AND json_extract(claims, '$.email') LIKE '%@%' AND NOT json_extract(claims, '$.email') LIKE '%@%@%';
CREATE INDEX links_by_address ON links (address) WHERE address IS NOT NULL;

-- Ways in that were taken from an account: its logins through them that set out by `at` are over, and stay so when the
-- way in comes back. Kept until no session of then can live.
CREATE TABLE unlinked (
    sub          TEXT    NOT NULL REFERENCES accounts (sub),
    provider_key TEXT    NOT NULL COLLATE BINARY,
    subject      TEXT    NOT NULL COLLATE BINARY,
    at           INTEGER NOT NULL,
    expires_at   INTEGER NOT NULL,
    PRIMARY KEY (sub, provider_key, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX unlinked_by_expiry ON unlinked (expires_at);

-- What an app may do, taken back by its person: what they agreed to by `at`, which has its fraction, gives it nothing,
-- whatever they agree to later. Kept until no code of then can live.
CREATE TABLE taken_back (
    sub        TEXT    NOT NULL REFERENCES accounts (sub),
    client_id  TEXT    NOT NULL COLLATE BINARY,
    at         REAL    NOT NULL,
    expires_at INTEGER NOT NULL,
    PRIMARY KEY (sub, client_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX taken_back_by_expiry ON taken_back (expires_at);

-- Grants are looked for by their person, and by the app that has them.
ALTER TABLE grants ADD COLUMN client_id TEXT NOT NULL DEFAULT '';
UPDATE grants SET client_id = json_extract(CAST(body AS TEXT), '$.client_id');
CREATE INDEX grants_of_account ON grants (sub);

-- What clients of one sector called an account that was merged: `seen` is that pairwise `sub`.
CREATE TABLE former_subs (
    seen TEXT NOT NULL PRIMARY KEY COLLATE BINARY,
    sub  TEXT NOT NULL REFERENCES accounts (sub)
) STRICT, WITHOUT ROWID;
CREATE INDEX former_subs_of_account ON former_subs (sub);

-- One row per session of ours, for the person to look at. `ends_at` is its absolute limit; the row is kept longer, as
-- the history of sign-ins. `place` and `agent` are coarse on purpose. `key`: the digest of its cookie, by which the store
-- of sessions knows whether it still lives.
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
    expires_at   INTEGER NOT NULL,
    key          TEXT    NOT NULL DEFAULT '' COLLATE BINARY
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
