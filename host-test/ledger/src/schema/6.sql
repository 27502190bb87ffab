-- Version 6. A transition says for itself which flow it is for, and which attempt and payment it is about.
ALTER TABLE transitions ADD COLUMN workspace TEXT NOT NULL DEFAULT '';
ALTER TABLE transitions ADD COLUMN provider TEXT NOT NULL DEFAULT '';
ALTER TABLE transitions ADD COLUMN mode TEXT NOT NULL DEFAULT '';
UPDATE transitions SET (workspace, provider, mode) =
    (SELECT workspace, provider, mode FROM payments WHERE payments.id = payment);
CREATE INDEX transitions_of_a_scope ON transitions (workspace, provider, mode, position);
CREATE INDEX transitions_of_a_payment ON transitions (payment, position);

-- A consumer reads each provider and mode on its own, from where it was before.
CREATE TABLE cursors (
    workspace TEXT NOT NULL,
    provider TEXT NOT NULL,
    mode TEXT NOT NULL,
    consumer TEXT NOT NULL,
    position INTEGER NOT NULL,
    PRIMARY KEY (workspace, provider, mode, consumer)
) STRICT;
INSERT INTO cursors (workspace, provider, mode, consumer, position)
    SELECT DISTINCT consumers.workspace, transitions.provider, transitions.mode, name, consumers.position
    FROM consumers JOIN transitions ON transitions.workspace = consumers.workspace;
DROP TABLE consumers;

-- An index for every query: see the test that reads their plans.
CREATE INDEX payments_of_a_scope ON payments (workspace, provider, mode, id);
CREATE INDEX payments_of_a_reference ON payments (workspace, provider, mode, reference);
CREATE INDEX payments_by_creation ON payments (workspace, provider, mode, created_at);
CREATE INDEX unfinished_payments ON payments (workspace, provider, mode, created_at)
    WHERE remote_id IS NOT NULL AND (needs_refetch = 1 OR status NOT IN ('approved', 'canceled'));
CREATE INDEX events_of_a_payment ON events (payment, received_at);
CREATE INDEX aliases_of_a_payment ON aliases (payment);
CREATE INDEX installations_of_a_workspace ON installations (workspace, provider, created_at);
