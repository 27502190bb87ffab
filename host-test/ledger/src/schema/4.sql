-- Version 4. Every attempt to create a payment has an id of its own, which travels to the provider
-- and comes back. What was reserved before has one as well from now on.
ALTER TABLE payments ADD COLUMN attempt TEXT NOT NULL DEFAULT '';
UPDATE payments SET attempt = lower(hex(randomblob(16)));
CREATE UNIQUE INDEX one_payment_of_an_attempt ON payments (attempt);

-- Refunds that the provider was asked for, so that a repetition is the same request. A refund that
-- the provider has refused is not in here: it can be asked for again.
CREATE TABLE refunds (
    payment INTEGER NOT NULL REFERENCES payments (id),
    reference TEXT NOT NULL,
    attempt TEXT NOT NULL UNIQUE,
    reserved_at INTEGER NOT NULL,
    PRIMARY KEY (payment, reference)
) STRICT;

-- Deliveries that name nothing of ours: how many, and when the last one came.
CREATE TABLE unclaimed_deliveries (
    provider TEXT PRIMARY KEY,
    number INTEGER NOT NULL,
    last_at INTEGER NOT NULL
) STRICT;

-- An origin is approved with the whole of how the host authorises requests to it, in place of the
-- name of one credential. No component of an earlier contract can be loaded any more.
DELETE FROM approvals;
ALTER TABLE approvals RENAME COLUMN credential TO authorization;

-- A delivery at the shared URL is found by its account.
CREATE INDEX installations_of_an_account ON installations (provider, account)
    WHERE state <> 'uninstalled';
CREATE INDEX aliases_of_a_provider ON aliases (provider, alias);
CREATE INDEX payments_of_a_provider ON payments (provider, reference);
