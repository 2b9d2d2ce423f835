-- One form that was shown is one try (C2): the key of an entry that was counted, so that the same
-- form sent again does not count again. And why a session ended, for its browser.

ALTER TABLE idempotency_key ADD COLUMN is_entry boolean NOT NULL DEFAULT false;
COMMENT ON COLUMN idempotency_key.key IS '128 random bits, drawn for each request; for an entry, a MAC of the credential and the password under the id of the form, which stands in the page alone';
COMMENT ON COLUMN idempotency_key.is_entry IS 'a wrong entry of a form; kept for hours, the others for minutes';
-- For the clean-up of entries.
CREATE INDEX ON idempotency_key (created_at) WHERE is_entry;

CREATE TABLE ended_session (
    token_digest bytea PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    contract_number text NOT NULL REFERENCES contract ON DELETE CASCADE,
    unit text NOT NULL CHECK (unit IN ('line', 'number', 'admin_user')),
    reason text NOT NULL CHECK (reason IN ('wrong_entries', 'unit_changed')),
    outcome jsonb
);
COMMENT ON TABLE ended_session IS 'sessions that ended by a form sent from them, so that the form sent again gets the same answer';
COMMENT ON COLUMN ended_session.unit IS 'the unit in force when it ended';
CREATE INDEX ON ended_session (contract_number);
CREATE INDEX ON ended_session (created_at);

GRANT SELECT, INSERT, UPDATE, DELETE ON ended_session TO karipass_daemon;
