-- Deliveries as they came, for a developer who repeats them. Only of test mode, and only the newest.
CREATE TABLE kept_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    installation TEXT NOT NULL,
    -- The provider's id of its event. None: it was not verified.
    event TEXT,
    received_at INTEGER NOT NULL,
    -- JSON: names and values.
    headers TEXT NOT NULL,
    query TEXT NOT NULL,
    body BLOB NOT NULL,
    outcome TEXT NOT NULL,
    code TEXT
) STRICT;
CREATE INDEX kept_deliveries_of_an_event ON kept_deliveries (provider, event);

-- Whether the approval came with a rebuild, and so holds in test mode only.
ALTER TABLE approvals ADD COLUMN is_development INTEGER NOT NULL DEFAULT 0;
-- Which components were approved for the same.
CREATE INDEX approvals_by_subject ON approvals (origin, authorization);
