-- When an account was switched off, and what the operator wrote down about it; empty for those of before.
ALTER TABLE accounts ADD COLUMN blocked_at INTEGER;
ALTER TABLE accounts ADD COLUMN blocked_why TEXT NOT NULL DEFAULT '';
CREATE INDEX accounts_blocked ON accounts (sub) WHERE blocked = 1;
