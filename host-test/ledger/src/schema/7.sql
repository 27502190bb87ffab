-- Version 7. A repeated request is exactly the first one: all of it is stored, with its idempotency key.
-- What was reserved before has neither, and keeps the key that is derived from its attempt.
ALTER TABLE payments ADD COLUMN request TEXT;
ALTER TABLE payments ADD COLUMN idempotency_key TEXT;
-- The amount that was asked for, in minor units. NULL: asked for before, as everything that was left.
ALTER TABLE refunds ADD COLUMN minor_units INTEGER;
