-- Logout tokens and, from now on, events to webhooks are on their way in one queue. `id` is the token's `jti`. `receiver`
-- is a client id, or "webhook:" and a name of the configuration. `news` is what an event says, and then `sub` is our own;
-- without it the row is a logout token, and `sub` the person as the app knows them.
ALTER TABLE logout_deliveries RENAME TO deliveries;
ALTER TABLE deliveries RENAME COLUMN client_id TO receiver;
ALTER TABLE deliveries ADD COLUMN news BLOB;
DROP INDEX logout_deliveries_by_time;
DROP INDEX logout_deliveries_of_session;
CREATE INDEX deliveries_by_time ON deliveries (next_at);
CREATE INDEX deliveries_of_receiver ON deliveries (receiver, created_at);
