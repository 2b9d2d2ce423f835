-- Under which ids things were done: when the answer to a COMMIT is lost, whoever tries again finds here
-- that it stands. Rows are of use for seconds, and swept after minutes.

CREATE TABLE attempt (
    id bytea PRIMARY KEY,
    at timestamptz NOT NULL DEFAULT clock_timestamp(),
    tried smallint NOT NULL DEFAULT 0,
    outcome text NOT NULL
);
COMMENT ON COLUMN attempt.id IS '128 random bits, drawn where the request came in';
COMMENT ON COLUMN attempt.tried IS 'which try it was that committed, from 0';
GRANT SELECT, INSERT, UPDATE, DELETE ON attempt TO karipass_daemon;
