-- Version 8. Pages that have to be closed at the provider, because their reference was paid elsewhere or
-- their attempt is over.
ALTER TABLE payments ADD COLUMN needs_closing INTEGER NOT NULL DEFAULT 0;
CREATE INDEX payments_to_close ON payments (workspace, provider, mode, id) WHERE needs_closing = 1;

-- What needs a person.
CREATE TABLE attention (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace TEXT NOT NULL,
    provider TEXT NOT NULL,
    mode TEXT NOT NULL,
    payment INTEGER NOT NULL REFERENCES payments (id),
    code TEXT NOT NULL,
    since INTEGER NOT NULL,
    UNIQUE (payment, code)
) STRICT;
CREATE INDEX attention_of_a_scope ON attention (workspace, provider, mode, id);

-- An uninstalled installation keeps its secrets while customers can still pay what it has created, at most
-- until this time.
ALTER TABLE installations ADD COLUMN draining_until INTEGER;
CREATE INDEX draining_installations ON installations (workspace, provider) WHERE draining_until IS NOT NULL;
CREATE INDEX early_events_by_time ON early_events (received_at);
CREATE INDEX open_payments ON payments (installation, id) WHERE status NOT IN ('approved', 'canceled');
