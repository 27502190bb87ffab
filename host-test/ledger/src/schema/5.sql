-- Version 5. Columns have the names that the code has for them.
ALTER TABLE payments RENAME COLUMN name TO remote_id;
-- Inverted: set while the provider has to be asked before the state can be believed.
ALTER TABLE payments RENAME COLUMN settled TO needs_refetch;
UPDATE payments SET needs_refetch = 1 - needs_refetch;
ALTER TABLE installations RENAME COLUMN credentials TO sealed_credentials;
ALTER TABLE installations RENAME COLUMN record TO sealed_installation;
