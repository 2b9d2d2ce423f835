-- The audit (D3): who of the operators, for how long, and who may do what with it.

-- An operator's command names its operator for its transaction; nobody else has one.
ALTER TABLE audit ADD COLUMN operator text DEFAULT nullif(current_setting('karipass.operator', true), '');

-- The daemon adds rows, and does not choose their ids and times.
REVOKE INSERT ON audit FROM karipass_daemon;
GRANT INSERT (source, event, outcome, login, contract, unit, caller, address) ON audit TO karipass_daemon;

-- It removes old ones by this function alone, which leaves the last 90 days alone whatever it is told: whoever
-- takes the daemon over cannot remove the traces of it.
DO $do$
BEGIN
    EXECUTE format($function$
        CREATE FUNCTION prune_audit(kept interval, portion bigint) RETURNS bigint
        LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, %I, pg_temp
        AS $body$
            WITH gone AS (
                DELETE FROM audit WHERE ctid = ANY(ARRAY(
                    SELECT ctid FROM audit
                    WHERE at < now() - greatest(kept, interval '90 days')
                    ORDER BY at LIMIT portion FOR UPDATE SKIP LOCKED
                ))
                RETURNING id
            )
            SELECT count(*) FROM gone
        $body$
    $function$, current_schema());
END
$do$;
REVOKE ALL ON FUNCTION prune_audit(interval, bigint) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION prune_audit(interval, bigint) TO karipass_daemon;

-- A role without login that may read the audit and nothing else; as karipass_daemon, it belongs to the cluster.
DO $$
BEGIN
    CREATE ROLE karipass_auditor NOLOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL;
    WHEN insufficient_privilege THEN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'karipass_auditor') THEN
            RAISE EXCEPTION 'the role karipass_auditor is missing and this role may not create it: '
                'let one that may run CREATE ROLE karipass_auditor NOLOGIN, or grant CREATEROLE';
        END IF;
END
$$;
GRANT SELECT ON audit TO karipass_auditor;
