-- Deliveries as they came, for a developer who repeats them. Only of test mode, and only the newest.
CREATE TABLE kept_deliveries (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    provider TEXT NOT NULL,
    installation TEXT NOT NULL,
    -- The provider's id of its event. None: it was not verified.
    event TEXT,
    received_at INTEGER NOT NULL,
    size_bytes INTEGER NOT NULL,
    -- Headers, query and body, sealed by the vault: a header may be a secret.
    sealed BLOB NOT NULL,
    outcome TEXT NOT NULL,
    code TEXT
) STRICT;
CREATE INDEX kept_deliveries_of_an_event ON kept_deliveries (provider, event);
CREATE INDEX kept_deliveries_of_an_installation ON kept_deliveries (installation);
CREATE INDEX kept_deliveries_by_age ON kept_deliveries (received_at);

-- Whether the approval came with a rebuild, and so holds in test mode only.
ALTER TABLE approvals ADD COLUMN is_development INTEGER NOT NULL DEFAULT 0;
-- How the component reads credentials, as a hash: which of them mean test mode, which live mode. None: no person has
-- approved it since this column is there.
ALTER TABLE approvals ADD COLUMN reads TEXT;
-- Which components were approved for the same.
CREATE INDEX approvals_by_subject ON approvals (origin, authorization);
