-- Version 1. Times are Unix seconds, amounts ISO 4217 minor units.

-- A workspace's name is its operator's, its id is random and unique wherever it is seen.
CREATE TABLE workspaces (
    name TEXT PRIMARY KEY,
    id TEXT NOT NULL
) STRICT;

-- Every install is a row of its own. An uninstalled one stays, without its secrets, so that a late
-- delivery finds out that it is late.
CREATE TABLE installations (
    id TEXT PRIMARY KEY,
    workspace TEXT NOT NULL,
    provider TEXT NOT NULL,
    -- The SHA-256 of the component that it was made with.
    component TEXT NOT NULL,
    state TEXT NOT NULL CHECK (state IN ('installing', 'active', 'uninstalling', 'uninstalled')),
    webhook_setup TEXT NOT NULL,
    mode TEXT,
    account TEXT,
    -- Sealed by the vault.
    credentials BLOB,
    record BLOB,
    created_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL
) STRICT;
CREATE UNIQUE INDEX one_installation_of_a_provider ON installations (workspace, provider)
    WHERE state <> 'uninstalled';

-- The origins that the operator lets a component call, and the credential that goes there.
CREATE TABLE approvals (
    component TEXT NOT NULL,
    origin TEXT NOT NULL,
    credential TEXT NOT NULL,
    approved_at INTEGER NOT NULL,
    PRIMARY KEY (component, origin, credential)
) STRICT;

CREATE TABLE payments (
    id INTEGER PRIMARY KEY,
    workspace TEXT NOT NULL,
    provider TEXT NOT NULL,
    mode TEXT NOT NULL,
    reference TEXT NOT NULL,
    installation TEXT NOT NULL REFERENCES installations (id),
    -- What was asked for.
    amount INTEGER NOT NULL,
    currency TEXT NOT NULL,
    -- The provider's name. None: reserved, and the provider has not answered yet.
    name TEXT,
    status TEXT NOT NULL,
    provider_status TEXT NOT NULL,
    received INTEGER NOT NULL,
    refunded INTEGER,
    failure TEXT,
    checkout_url TEXT,
    -- When the state was so, by the provider's clock, and how that is known.
    as_of INTEGER NOT NULL,
    authority TEXT NOT NULL,
    -- Not settled: the provider has to be asked before the state can be believed.
    settled INTEGER NOT NULL,
    -- Grows with every change: an answer that was asked for before one of them is not the newest.
    version INTEGER NOT NULL DEFAULT 0,
    created_at INTEGER NOT NULL
) STRICT;
-- A reference is free again once its payment is canceled. Test payments never stand in the way of
-- live ones.
CREATE UNIQUE INDEX one_payment_of_a_reference ON payments (workspace, provider, mode, reference)
    WHERE status <> 'canceled';

-- Every name that the provider has for a payment.
CREATE TABLE aliases (
    workspace TEXT NOT NULL,
    provider TEXT NOT NULL,
    mode TEXT NOT NULL,
    alias TEXT NOT NULL,
    payment INTEGER NOT NULL REFERENCES payments (id),
    PRIMARY KEY (workspace, provider, mode, alias)
) STRICT;

-- Verified events. A forged one must not get in here: it would suppress the real one.
CREATE TABLE events (
    workspace TEXT NOT NULL,
    provider TEXT NOT NULL,
    event TEXT NOT NULL,
    type TEXT NOT NULL,
    occurred_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    payment INTEGER NOT NULL REFERENCES payments (id),
    PRIMARY KEY (workspace, provider, event)
) STRICT;

-- What the flow is told, in order.
CREATE TABLE transitions (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    payment INTEGER NOT NULL REFERENCES payments (id),
    output TEXT NOT NULL CHECK (output IN ('Approved', 'Rejected', 'Pending')),
    final INTEGER NOT NULL,
    at INTEGER NOT NULL
) STRICT;
