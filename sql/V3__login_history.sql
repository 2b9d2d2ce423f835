-- What a login is shown about its number (W11): its logins, the wrong entries between them, and the
-- last temporary password. It outlives the credentials, and goes with the number or its customer.

CREATE TABLE login_history (
    login_number text PRIMARY KEY REFERENCES phone_number (number) ON DELETE CASCADE,
    last_login_at timestamptz,
    last_login_address inet,
    previous_login_at timestamptz,
    previous_login_address inet,
    failures_before_last integer NOT NULL DEFAULT 0,
    failures_of_replaced integer NOT NULL DEFAULT 0,
    temporary_set_at timestamptz,
    temporary_set_source text CHECK (temporary_set_source IN ('phone', 'operator')),
    temporary_set_caller text
);
COMMENT ON COLUMN login_history.failures_before_last IS 'wrong entries between the previous login and the last one';
COMMENT ON COLUMN login_history.failures_of_replaced IS 'wrong entries since the last login that were counted at credentials which have been replaced since; those at the present one are its own failed_attempts';

GRANT SELECT, INSERT, UPDATE ON login_history TO karipass_daemon;
