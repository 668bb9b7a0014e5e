-- When an account was used last: a sign-in, at most a day late, or a grant that was alive when somebody looked. NULL where
-- nobody knows, and then it was never too long ago.
ALTER TABLE accounts ADD COLUMN used_at INTEGER;
UPDATE accounts SET used_at = (SELECT max(seen_at) FROM links WHERE links.sub = accounts.sub);
CREATE INDEX accounts_by_use ON accounts (used_at)
WHERE blocked = 0 AND deleted_at IS NULL AND merged_into IS NULL AND closes_at IS NULL;

-- When it happened; 0 where nobody wrote it beside the record, and then it is kept.
ALTER TABLE account_events ADD COLUMN at INTEGER NOT NULL DEFAULT 0;
UPDATE account_events SET at = coalesce(json_extract(CAST(body AS TEXT), '$.at'), 0);
CREATE INDEX account_events_by_time ON account_events (at) WHERE at > 0;

-- What operators find people by. `phone` as the upstream says it. `name`: the words of all names that it says, folded, with
-- a space before each; NULL until somebody has looked. `name_words` has every one of them.
ALTER TABLE links ADD COLUMN phone TEXT;
UPDATE links SET phone = json_extract(claims, '$.phone_number') WHERE json_type(claims, '$.phone_number') = 'text';
CREATE INDEX links_by_phone ON links (phone) WHERE phone IS NOT NULL;
ALTER TABLE links ADD COLUMN name TEXT;
CREATE INDEX links_without_name ON links (name) WHERE name IS NULL;
CREATE TABLE name_words (
    word    TEXT    NOT NULL COLLATE BINARY,
    link_id INTEGER NOT NULL REFERENCES links (id) ON DELETE CASCADE,
    PRIMARY KEY (word, link_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX name_words_of_link ON name_words (link_id);
