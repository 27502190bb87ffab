-- Version 2. What the deliveries for an installation came to, for its status report. It is no log:
-- the last of each kind is kept, at most one a second.
CREATE TABLE last_deliveries (
    installation TEXT PRIMARY KEY REFERENCES installations (id),
    verified_at INTEGER,
    refused_at INTEGER,
    -- A problem of the contract, as JSON.
    refused_because TEXT
) STRICT;
