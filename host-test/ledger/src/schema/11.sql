-- A listing that never ends is given up: how many pages it has had, and a cursor of before, to which it must not come
-- back.
ALTER TABLE reconciliations ADD COLUMN pages INTEGER NOT NULL DEFAULT 0;
ALTER TABLE reconciliations ADD COLUMN landmark TEXT;

-- The events of a scope that wait for their payment: there is a bound, and the oldest are deleted first.
CREATE INDEX early_events_of_a_scope ON early_events (workspace, provider, mode, received_at);
