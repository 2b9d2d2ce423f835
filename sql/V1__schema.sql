-- The whole schema of version 1. Later migrations only add to it. The numbers of the rules come in
-- as parameters, so none stands here, except the 90 days that the audit log keeps in any case.

CREATE TABLE contract (
    number text PRIMARY KEY,
    unit text CHECK (unit IN ('line', 'number', 'admin_user')),
    suspended boolean NOT NULL DEFAULT false,
    version bigint NOT NULL DEFAULT 0,
    customer text
);
COMMENT ON COLUMN contract.version IS 'raised by every change of the contract; a form that was loaded before is refused (W6)';
COMMENT ON COLUMN contract.customer IS 'an opaque mark of the customer from the operator''s own system; null if no file has given one. If it changes, every credential of the contract ends (D1)';

CREATE TABLE phone_number (
    number text PRIMARY KEY,
    contract_number text NOT NULL REFERENCES contract ON DELETE CASCADE,
    has_service boolean NOT NULL
);
CREATE INDEX ON phone_number (contract_number);

CREATE TABLE credential (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    login_number text NOT NULL UNIQUE REFERENCES phone_number (number) ON DELETE CASCADE,
    kind text NOT NULL CHECK (kind IN ('temporary', 'password')),
    password_hash text,
    set_at timestamptz NOT NULL,
    failed_attempts integer NOT NULL DEFAULT 0 CHECK (failed_attempts >= 0),
    voided_at timestamptz,
    CHECK ((password_hash IS NULL) = (voided_at IS NOT NULL))
);
COMMENT ON COLUMN credential.id IS 'a new credential has a new id, so that a verdict on the old one cannot touch it';
COMMENT ON COLUMN credential.password_hash IS 'Argon2id with a server-side key, as a PHC string; null once the credential is void';
-- For the clean-up of expired temporary passwords.
CREATE INDEX ON credential (set_at) WHERE kind = 'temporary' AND voided_at IS NULL;

CREATE TABLE session (
    token_digest bytea PRIMARY KEY,
    credential_id bigint NOT NULL REFERENCES credential ON DELETE CASCADE,
    contract_number text NOT NULL REFERENCES contract ON DELETE CASCADE,
    created_at timestamptz NOT NULL,
    last_seen_at timestamptz NOT NULL,
    seen_version bigint NOT NULL DEFAULT 0
);
COMMENT ON COLUMN session.seen_version IS 'the version of the contract that the session''s client has seen last (W6)';
CREATE INDEX ON session (credential_id);
CREATE INDEX ON session (contract_number);
-- For the clean-up of expired sessions.
CREATE INDEX ON session (created_at);

-- Sessions that ended by a form, for the browser that sends it again or opens another page.
CREATE TABLE ended_session (
    token_digest bytea PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    contract_number text NOT NULL REFERENCES contract ON DELETE CASCADE,
    unit text NOT NULL CHECK (unit IN ('line', 'number', 'admin_user')),
    reason text NOT NULL CHECK (
        reason IN ('wrong_entries', 'unit_changed', 'logged_out', 'password_changed')
    ),
    outcome jsonb
);
COMMENT ON COLUMN ended_session.unit IS 'the unit in force when it ended';
CREATE INDEX ON ended_session (contract_number);
CREATE INDEX ON ended_session (created_at);

-- What a login is shown about its number (W11): its logins, the wrong entries between them, and the
-- last temporary password. It outlives the credentials, and goes with the number or its customer.
CREATE TABLE login_history (
    login_number text PRIMARY KEY REFERENCES phone_number (number) ON DELETE CASCADE,
    last_login_at timestamptz,
    last_login_address inet,
    previous_login_at timestamptz,
    previous_login_address inet,
    failed_attempts_before_last integer NOT NULL DEFAULT 0,
    failed_attempts_of_replaced integer NOT NULL DEFAULT 0,
    temporary_set_at timestamptz,
    temporary_set_source text CHECK (temporary_set_source IN ('phone', 'operator')),
    temporary_set_caller text
);
COMMENT ON COLUMN login_history.failed_attempts_before_last IS 'between the previous login and the last one';
COMMENT ON COLUMN login_history.failed_attempts_of_replaced IS 'since the last login, at credentials that have been replaced since; those at the present one are its own failed_attempts';

-- Each change inserts the key of its request in its own transaction. If the answer to a COMMIT is
-- lost, a retry finds the key here and knows that the change stands. A row is needed for seconds
-- and is removed after minutes. The key of a wrong entry of a form is kept for hours, so that the
-- same form sent again does not count again, and so is that of a form that has changed a password,
-- so that it gets the same answer again (C2).
CREATE TABLE idempotency_key (
    key bytea PRIMARY KEY,
    created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    attempt_no smallint NOT NULL DEFAULT 0,
    outcome text NOT NULL,
    is_entry boolean NOT NULL DEFAULT false
);
COMMENT ON COLUMN idempotency_key.key IS '128 random bits, drawn for each request; for an entry, a MAC of the credential and the password under the id of the form, which stands in the page alone; for a form that has changed a password, a MAC under its id';
COMMENT ON COLUMN idempotency_key.attempt_no IS 'the attempt that committed, from 0';
COMMENT ON COLUMN idempotency_key.is_entry IS 'a wrong entry of a form, or a form that has changed a password';
-- For the clean-up: entries stay longer than other keys.
CREATE INDEX ON idempotency_key (created_at) WHERE NOT is_entry;
CREATE INDEX ON idempotency_key (created_at) WHERE is_entry;

-- The calls under way, for `karipass calls`: one row for each daemon that has calls, which replaces
-- it every second or so. Nothing here needs to outlive a crash, so nothing of it is logged, and no
-- commit waits for it.
CREATE UNLOGGED TABLE daemon_calls (
    daemon text PRIMARY KEY,
    updated_at timestamptz NOT NULL,
    calls jsonb NOT NULL
);
COMMENT ON COLUMN daemon_calls.calls IS 'an array of calls; their numbers are masked';

-- The numbers are no foreign keys here: a row outlives what it is about.
CREATE TABLE audit_log (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    occurred_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    source text NOT NULL CHECK (source IN ('phone', 'site', 'operator')),
    event text NOT NULL,
    outcome text NOT NULL,
    login_number text,
    contract_number text,
    unit text,
    caller_number text,
    address inet,
    operator text DEFAULT nullif(current_setting('karipass.operator', true), '')
);
COMMENT ON COLUMN audit_log.operator IS 'the operator whose command wrote the row; the command sets karipass.operator for its transaction';
CREATE INDEX ON audit_log (occurred_at);
CREATE INDEX ON audit_log (login_number, occurred_at);
CREATE INDEX ON audit_log (contract_number, occurred_at);
CREATE INDEX ON audit_log (caller_number, occurred_at);

-- Any role may set karipass.operator. A role that may not write the column does not get a name into
-- it that way either.
CREATE FUNCTION reject_foreign_operator() RETURNS trigger
LANGUAGE plpgsql SET search_path = pg_catalog, pg_temp
AS $$
BEGIN
    IF NOT has_column_privilege(TG_RELID, 'operator', 'INSERT') THEN
        RAISE insufficient_privilege USING MESSAGE = 'this role may not name an operator';
    END IF;
    RETURN NEW;
END
$$;
CREATE TRIGGER reject_foreign_operator BEFORE INSERT ON audit_log
FOR EACH ROW WHEN (NEW.operator IS NOT NULL) EXECUTE FUNCTION reject_foreign_operator();

-- The daemon removes old audit rows through this function alone. It never touches the last 90 days,
-- so that an intruder in the daemon cannot remove the traces.
DO $do$
BEGIN
    EXECUTE format($function$
        CREATE FUNCTION prune_audit(kept interval, portion bigint) RETURNS bigint
        LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, %I, pg_temp
        AS $body$
            WITH gone AS (
                DELETE FROM audit_log WHERE ctid = ANY(ARRAY(
                    SELECT ctid FROM audit_log
                    WHERE occurred_at < now() - greatest(kept, interval '90 days')
                    ORDER BY occurred_at LIMIT portion FOR UPDATE SKIP LOCKED
                ))
                RETURNING id
            )
            SELECT count(*) FROM gone
        $body$
    $function$, current_schema());
END
$do$;
REVOKE ALL ON FUNCTION prune_audit(interval, bigint) FROM PUBLIC;

-- Two roles without login: the daemon's login becomes a member of karipass_daemon, an auditor's of
-- karipass_auditor. Roles belong to the whole cluster, so another database may have created them
-- already, or may be creating them now.
DO $$
DECLARE
    wanted text;
BEGIN
    FOREACH wanted IN ARRAY ARRAY['karipass_daemon', 'karipass_auditor'] LOOP
        BEGIN
            EXECUTE format('CREATE ROLE %I NOLOGIN', wanted);
        EXCEPTION
            WHEN duplicate_object OR unique_violation THEN
                NULL;
            WHEN insufficient_privilege THEN
                IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = wanted) THEN
                    RAISE EXCEPTION 'the role % is missing and this role may not create it: '
                        'let one that may run CREATE ROLE % NOLOGIN, or grant CREATEROLE', wanted, wanted;
                END IF;
        END;
    END LOOP;
END
$$;

-- The daemon has no other rights. It adds audit rows, but does not choose their ids, times and
-- operators.
GRANT SELECT ON contract, phone_number, refinery_schema_history TO karipass_daemon;
GRANT UPDATE (unit, version) ON contract TO karipass_daemon;
GRANT SELECT, INSERT, UPDATE, DELETE
    ON credential, session, ended_session, idempotency_key, daemon_calls TO karipass_daemon;
GRANT SELECT, INSERT, UPDATE ON login_history TO karipass_daemon;
GRANT INSERT (source, event, outcome, login_number, contract_number, unit, caller_number, address)
    ON audit_log TO karipass_daemon;
GRANT EXECUTE ON FUNCTION prune_audit(interval, bigint) TO karipass_daemon;

-- The auditor reads the audit log and nothing else.
GRANT SELECT ON audit_log TO karipass_auditor;
