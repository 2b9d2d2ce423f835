-- The calls under way, for `karipass calls`: one row for each daemon that has calls, which replaces
-- it every second or so. Nothing here needs to outlive a crash, so nothing of it is logged, and no
-- commit waits for it.
CREATE UNLOGGED TABLE daemon_calls (
    daemon text PRIMARY KEY,
    updated_at timestamptz NOT NULL,
    calls jsonb NOT NULL
);
COMMENT ON COLUMN daemon_calls.calls IS 'an array of calls; their numbers are masked';

GRANT SELECT, INSERT, UPDATE, DELETE ON daemon_calls TO karipass_daemon;
