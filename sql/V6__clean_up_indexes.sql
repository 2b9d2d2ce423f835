-- What the minute's clean-up looks for. On tables of millions of rows these may be made beforehand, under the
-- same names, with CREATE INDEX CONCURRENTLY: here they keep writers waiting until they are made.

CREATE INDEX IF NOT EXISTS session_created_at ON session (created_at);
CREATE INDEX IF NOT EXISTS attempt_at ON attempt (at);
CREATE INDEX IF NOT EXISTS credential_pending_set_at ON credential (set_at)
    WHERE kind = 'temporary' AND voided_at IS NULL;
