-- Version 9. Nothing is unseen: what needs a person, what a flow is told after an output, and when the provider
-- is asked next are rows and columns of their own.

-- A flow is told outputs and notices, in one order. An output decides how the flow goes on. A notice says what
-- became true later.
CREATE TABLE new_transitions (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    payment INTEGER NOT NULL REFERENCES payments (id),
    workspace TEXT NOT NULL,
    provider TEXT NOT NULL,
    mode TEXT NOT NULL,
    output TEXT CHECK (output IN ('Approved', 'Rejected', 'Pending')),
    final INTEGER NOT NULL,
    notice TEXT,
    -- What a notice says, as JSON.
    details TEXT,
    at INTEGER NOT NULL,
    CHECK ((output IS NULL) <> (notice IS NULL))
) STRICT;
INSERT INTO new_transitions (position, payment, workspace, provider, mode, output, final, at)
    SELECT position, payment, workspace, provider, mode, output, final, at FROM transitions;
-- A position is never used twice, also after the last rows were deleted.
DELETE FROM sqlite_sequence WHERE name = 'new_transitions';
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'new_transitions', seq FROM sqlite_sequence WHERE name = 'transitions';
DROP TABLE transitions;
ALTER TABLE new_transitions RENAME TO transitions;
CREATE INDEX transitions_of_a_scope ON transitions (workspace, provider, mode, position);
CREATE INDEX transitions_of_a_payment ON transitions (payment, position);
CREATE INDEX final_outputs ON transitions (workspace, provider, mode, position) WHERE final = 1;

-- What needs a person, about a payment or not. A closed row stays, so that what a person has decided is not
-- asked again.
CREATE TABLE new_attention (
    id INTEGER PRIMARY KEY AUTOINCREMENT,
    workspace TEXT NOT NULL,
    provider TEXT NOT NULL,
    mode TEXT NOT NULL,
    code TEXT NOT NULL,
    -- What it is about, besides the payment: a dispute, a refund, an installation. May be empty.
    subject TEXT NOT NULL,
    payment INTEGER REFERENCES payments (id),
    -- What the sentence for a person says, as JSON.
    details TEXT NOT NULL,
    since INTEGER NOT NULL,
    closed_at INTEGER,
    closed_by TEXT CHECK (closed_by IN ('settled', 'accepted', 'resolved')),
    note TEXT
) STRICT;
INSERT INTO new_attention (id, workspace, provider, mode, code, subject, payment, details, since)
    SELECT id, workspace, provider, mode, code, '', payment, '{}', since FROM attention;
DROP TABLE attention;
ALTER TABLE new_attention RENAME TO attention;
CREATE UNIQUE INDEX one_attention_of_a_kind
    ON attention (workspace, provider, mode, code, subject, coalesce(payment, 0));
CREATE INDEX open_attention ON attention (workspace, provider, mode, id) WHERE closed_at IS NULL;
CREATE INDEX all_open_attention ON attention (provider, id) WHERE closed_at IS NULL;
CREATE INDEX attention_of_a_payment ON attention (payment, code);
CREATE INDEX closed_attention ON attention (closed_at) WHERE closed_at IS NOT NULL;
CREATE INDEX closed_attention_of_a_scope ON attention (workspace, provider, mode, closed_at)
    WHERE closed_at IS NOT NULL;

-- When the provider is asked about a payment next. NULL: it does not have to be asked.
ALTER TABLE payments ADD COLUMN check_at INTEGER;
-- How many times in a row it could not be asked.
ALTER TABLE payments ADD COLUMN check_failures INTEGER NOT NULL DEFAULT 0;
-- When an approved payment is read again, where the events may not be listed.
ALTER TABLE payments ADD COLUMN review_at INTEGER;
-- Until when the customer can pay on the page.
ALTER TABLE payments ADD COLUMN page_ends_at INTEGER;
-- The currency of what was received. NULL: the one that was asked for.
ALTER TABLE payments ADD COLUMN received_currency TEXT;
-- Open payments are spread over a week, so that an upgrade does not use up the reads of a month.
UPDATE payments SET check_at = iif(needs_refetch = 1 OR needs_closing = 1, 0, unixepoch() + id % 604800)
    WHERE remote_id IS NOT NULL
        AND (needs_refetch = 1 OR needs_closing = 1 OR status NOT IN ('approved', 'canceled'));
-- Customers can dispute most payments for 120 days.
UPDATE payments SET review_at = unixepoch() + id % 604800
    WHERE status = 'approved' AND created_at > unixepoch() - 11232000;
DROP INDEX unfinished_payments;
DROP INDEX payments_to_close;
CREATE INDEX payments_to_check ON payments (workspace, provider, mode, check_at) WHERE check_at IS NOT NULL;
CREATE INDEX payments_to_review ON payments (workspace, provider, mode, review_at) WHERE review_at IS NOT NULL;
CREATE INDEX payments_to_close ON payments (workspace, provider, mode, check_at) WHERE needs_closing = 1;

-- How far the events of an account are listed, and how it goes. The newest come first, so the mark moves only
-- when a listing has reached the mark before it.
CREATE TABLE new_reconciliations (
    workspace TEXT NOT NULL,
    provider TEXT NOT NULL,
    mode TEXT NOT NULL,
    -- The installation's id where the account is not known.
    account TEXT NOT NULL,
    -- Every event up to here is listed, by the provider's clock. NULL: since the first payment.
    mark INTEGER,
    -- When that was found out, by the host's clock.
    listed_at INTEGER,
    -- A listing that is under way: since when, where it goes on, and the mark when it is complete.
    since INTEGER,
    cursor TEXT,
    as_of INTEGER,
    page_size INTEGER NOT NULL DEFAULT 100,
    -- When the next page is listed, by the host's clock.
    list_at INTEGER NOT NULL DEFAULT 0,
    list_failures INTEGER NOT NULL DEFAULT 0,
    -- Why the last listing failed: a problem, as JSON. NULL: it did not.
    list_problem TEXT,
    is_listing_permitted INTEGER NOT NULL DEFAULT 1,
    -- The same for asking about payments.
    ask_at INTEGER NOT NULL DEFAULT 0,
    ask_failures INTEGER NOT NULL DEFAULT 0,
    ask_problem TEXT,
    -- When the status of the account is checked next.
    report_at INTEGER NOT NULL DEFAULT 0,
    PRIMARY KEY (workspace, provider, mode, account)
) STRICT;
INSERT INTO new_reconciliations (workspace, provider, mode, account, mark, listed_at)
    SELECT workspace, provider, mode,
        coalesce((SELECT coalesce(account, id) FROM installations
                  WHERE installations.workspace = reconciliations.workspace
                      AND installations.provider = reconciliations.provider
                      AND installations.mode = reconciliations.mode
                  ORDER BY created_at DESC LIMIT 1), ''),
        until, until
    FROM reconciliations;
DROP TABLE reconciliations;
ALTER TABLE new_reconciliations RENAME TO reconciliations;

-- The installations that reconciliation has to look at: those with secrets.
CREATE INDEX watched_installations ON installations (provider, workspace, mode)
    WHERE sealed_installation IS NOT NULL;

-- How many reads the background has sent for an account, by day since 1970: to list, and to ask.
CREATE TABLE background_reads (
    provider TEXT NOT NULL,
    account TEXT NOT NULL,
    mode TEXT NOT NULL,
    work TEXT NOT NULL CHECK (work IN ('listing', 'asking')),
    day INTEGER NOT NULL,
    number INTEGER NOT NULL,
    PRIMARY KEY (provider, account, mode, work, day)
) STRICT;
CREATE INDEX background_reads_by_day ON background_reads (day);

CREATE TABLE disputes (
    workspace TEXT NOT NULL,
    provider TEXT NOT NULL,
    mode TEXT NOT NULL,
    dispute TEXT NOT NULL,
    payment INTEGER NOT NULL REFERENCES payments (id),
    status TEXT NOT NULL,
    -- The time that the status is of.
    as_of INTEGER NOT NULL,
    PRIMARY KEY (workspace, provider, mode, dispute)
) STRICT;
CREATE INDEX disputes_of_a_payment ON disputes (payment);

-- Refunds that came to nothing. They are seen twice, as an event that names the refund, and as a refunded sum that
-- has become smaller, and are told once.
CREATE TABLE failed_refunds (
    payment INTEGER NOT NULL REFERENCES payments (id),
    -- The provider's id of it.
    refund TEXT NOT NULL,
    amount INTEGER NOT NULL,
    PRIMARY KEY (payment, refund)
) STRICT;
CREATE TABLE refund_failures (
    payment INTEGER PRIMARY KEY REFERENCES payments (id),
    -- By how much the sum has become smaller, in all.
    in_sum INTEGER NOT NULL,
    -- How much of failed refunds the flow was told, in all.
    told INTEGER NOT NULL
) STRICT;

-- Deliveries that were refused since the last verified one.
ALTER TABLE last_deliveries ADD COLUMN refused_in_a_row INTEGER NOT NULL DEFAULT 0;
