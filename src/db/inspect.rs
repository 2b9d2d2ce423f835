//! The role's privileges and the server's settings, for `karipass check` and `/readyz`.

use std::collections::HashMap;

use super::error::DbError;
use super::handle::Db;
use super::rows::{column, single};
use super::transaction::Statement;

/// Tables and the privileges on them that the daemon needs.
const NEEDED: [(&str, &str); 26] = [
    ("refinery_schema_history", "SELECT"),
    ("contract", "SELECT"),
    ("phone_number", "SELECT"),
    ("credential", "SELECT"),
    ("credential", "INSERT"),
    ("credential", "UPDATE"),
    ("credential", "DELETE"),
    ("session", "SELECT"),
    ("session", "INSERT"),
    ("session", "UPDATE"),
    ("session", "DELETE"),
    ("idempotency_key", "SELECT"),
    ("idempotency_key", "INSERT"),
    ("idempotency_key", "UPDATE"),
    ("idempotency_key", "DELETE"),
    ("ended_session", "SELECT"),
    ("ended_session", "INSERT"),
    ("ended_session", "UPDATE"),
    ("ended_session", "DELETE"),
    ("login_history", "SELECT"),
    ("login_history", "INSERT"),
    ("login_history", "UPDATE"),
    ("daemon_calls", "SELECT"),
    ("daemon_calls", "INSERT"),
    ("daemon_calls", "UPDATE"),
    ("daemon_calls", "DELETE"),
];

/// The same for single columns.
const NEEDED_COLUMNS: [(&str, &str, &str); 10] = [
    ("contract", "UPDATE", "unit"),
    ("contract", "UPDATE", "version"),
    ("audit_log", "INSERT", "source"),
    ("audit_log", "INSERT", "event"),
    ("audit_log", "INSERT", "outcome"),
    ("audit_log", "INSERT", "login_number"),
    ("audit_log", "INSERT", "contract_number"),
    ("audit_log", "INSERT", "unit"),
    ("audit_log", "INSERT", "caller_number"),
    ("audit_log", "INSERT", "address"),
];

const MISSING: &str = "
    (SELECT privilege || ' on ' || name AS missing
     FROM unnest($1::text[], $2::text[]) WITH ORDINALITY AS needed (name, privilege, place)
     WHERE NOT has_table_privilege(name, privilege) ORDER BY place)
    UNION ALL
    (SELECT privilege || ' (' || part || ') on ' || name
     FROM unnest($3::text[], $4::text[], $5::text[]) WITH ORDINALITY
          AS needed (name, privilege, part, place)
     WHERE NOT has_column_privilege(name, part, privilege) ORDER BY place)
    UNION ALL
    (SELECT 'EXECUTE on prune_audit'
     WHERE has_function_privilege(to_regprocedure('prune_audit(interval, bigint)'), 'EXECUTE')
           IS NOT TRUE)";

/// Privileges that the daemon must not have.
const EXCESS: &str = "
    SELECT privilege || ' on ' || name AS excess
    FROM (VALUES ('audit_log', 'UPDATE'), ('audit_log', 'DELETE'), ('phone_number', 'INSERT'))
         AS unneeded (name, privilege)
    WHERE has_table_privilege(name, privilege)
    UNION ALL
    SELECT 'INSERT (' || part || ') on audit_log'
    FROM (VALUES ('id'), ('occurred_at')) AS unneeded (part)
    WHERE has_column_privilege('audit_log', part, 'INSERT')";

const SETTINGS: &str = "
    SELECT name, current_setting(name, true) AS value FROM unnest($1::text[]) AS asked (name)
    WHERE current_setting(name, true) IS NOT NULL";

impl Db {
    /// The privileges that the daemon's role lacks, such as `SELECT on contract`.
    pub(crate) async fn missing_privileges(&self) -> Result<Vec<String>, DbError> {
        let (tables, privileges): (Vec<&str>, Vec<&str>) = NEEDED.into_iter().unzip();
        let column_tables = NEEDED_COLUMNS.map(|(table, _, _)| table);
        let column_privileges = NEEDED_COLUMNS.map(|(_, privilege, _)| privilege);
        let columns = NEEDED_COLUMNS.map(|(_, _, column)| column);
        let statement = Statement::new(MISSING)
            .with(tables)
            .with(privileges)
            .with(column_tables.to_vec())
            .with(column_privileges.to_vec())
            .with(columns.to_vec());
        let rows = self.read_promptly(&statement).await?;
        rows.iter().map(|row| column(row, "missing")).collect()
    }

    /// The privileges that this role has and the daemon does not need.
    pub(crate) async fn excess_privileges(&self) -> Result<Vec<String>, DbError> {
        let rows = self.read(&Statement::new(EXCESS)).await?;
        rows.iter().map(|row| column(row, "excess")).collect()
    }

    /// The server's clock in seconds since 1970.
    pub(crate) async fn server_time(&self) -> Result<f64, DbError> {
        let sql = "SELECT extract(epoch FROM clock_timestamp())::float8 AS now";
        single(&self.read(&Statement::new(sql)).await?, "now")
    }

    /// The values of those server settings that exist, as they apply to this role.
    pub(crate) async fn server_settings(
        &self,
        names: &[&str],
    ) -> Result<HashMap<String, String>, DbError> {
        let rows = self.read(&Statement::new(SETTINGS).with(names)).await?;
        rows.iter().map(|row| Ok((column(row, "name")?, column(row, "value")?))).collect()
    }
}
