-- The same table with another form of its first CHECK: to compare with a list of three, SQLite makes a temporary table
-- at each insert, and that took longer than the insert.
CREATE TABLE new_transitions (
    position INTEGER PRIMARY KEY AUTOINCREMENT,
    payment INTEGER NOT NULL REFERENCES payments (id),
    workspace TEXT NOT NULL,
    provider TEXT NOT NULL,
    mode TEXT NOT NULL,
    output TEXT CHECK (output = 'Approved' OR output = 'Rejected' OR output = 'Pending'),
    final INTEGER NOT NULL,
    notice TEXT,
    -- What a notice says, as JSON.
    details TEXT,
    at INTEGER NOT NULL,
    CHECK ((output IS NULL) <> (notice IS NULL))
) STRICT;
INSERT INTO new_transitions
        (position, payment, workspace, provider, mode, output, final, notice, details, at)
    SELECT position, payment, workspace, provider, mode, output, final, notice, details, at FROM transitions;
-- A position is never used twice, also after the last rows were deleted.
DELETE FROM sqlite_sequence WHERE name = 'new_transitions';
INSERT INTO sqlite_sequence (name, seq)
    SELECT 'new_transitions', seq FROM sqlite_sequence WHERE name = 'transitions';
DROP TABLE transitions;
ALTER TABLE new_transitions RENAME TO transitions;
CREATE INDEX transitions_of_a_scope ON transitions (workspace, provider, mode, position);
CREATE INDEX transitions_of_a_payment ON transitions (payment, position);
CREATE INDEX final_outputs ON transitions (workspace, provider, mode, position) WHERE final = 1;
