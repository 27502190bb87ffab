-- Version 3. Verified events that came before their payment was written down. They are applied when
-- it is.
CREATE TABLE early_events (
    workspace TEXT NOT NULL,
    provider TEXT NOT NULL,
    mode TEXT NOT NULL,
    event TEXT NOT NULL,
    reference TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    -- The event of the contract, as JSON.
    content TEXT NOT NULL,
    PRIMARY KEY (workspace, provider, event)
) STRICT;
CREATE INDEX early_events_of_a_payment ON early_events (workspace, provider, mode, reference);

-- Up to when, in Unix seconds, the provider has been asked for missed events.
CREATE TABLE reconciliations (
    workspace TEXT NOT NULL,
    provider TEXT NOT NULL,
    mode TEXT NOT NULL,
    until INTEGER NOT NULL,
    PRIMARY KEY (workspace, provider, mode)
) STRICT;

-- How far each reader of the transitions has come.
CREATE TABLE consumers (
    workspace TEXT NOT NULL,
    name TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (workspace, name)
) STRICT;
