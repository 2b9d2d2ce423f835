-- The least rights that the daemon can live with, for a role without login: the daemon's own login is
-- made a member of it (GRANT karipass_daemon TO ...). Roles belong to the whole cluster, so another
-- database may have made it already, or be making it now.

DO $$
BEGIN
    CREATE ROLE karipass_daemon NOLOGIN;
EXCEPTION
    WHEN duplicate_object OR unique_violation THEN
        NULL;
    WHEN insufficient_privilege THEN
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = 'karipass_daemon') THEN
            RAISE EXCEPTION 'the role karipass_daemon is missing and this role may not create it: '
                'let one that may run CREATE ROLE karipass_daemon NOLOGIN, or grant CREATEROLE';
        END IF;
END
$$;

GRANT SELECT ON contract, contract_number, refinery_schema_history TO karipass_daemon;
GRANT UPDATE (unit, version) ON contract TO karipass_daemon;
GRANT SELECT, INSERT, UPDATE, DELETE ON credential, session TO karipass_daemon;
GRANT INSERT ON audit TO karipass_daemon;
