//! What is wrong with the database, asked as the daemon (`karipass check`).

use super::migrate::mismatch;
use super::transaction::Parameters;
use super::{Db, DbError, DbFailure, contracts};
use crate::clock;

/// SQLSTATE `insufficient_privilege`.
pub(super) const FORBIDDEN: &str = "42501";

/// What the daemon must be allowed to do (`V2__daemon_rights.sql`, `V4__attempt.sql`): table and privilege.
const NEEDED: [(&str, &str); 15] = [
    ("refinery_schema_history", "SELECT"),
    ("contract", "SELECT"),
    ("contract_number", "SELECT"),
    ("credential", "SELECT"),
    ("credential", "INSERT"),
    ("credential", "UPDATE"),
    ("credential", "DELETE"),
    ("session", "SELECT"),
    ("session", "INSERT"),
    ("session", "UPDATE"),
    ("session", "DELETE"),
    ("attempt", "SELECT"),
    ("attempt", "INSERT"),
    ("attempt", "UPDATE"),
    ("attempt", "DELETE"),
];

/// The same of single columns.
const NEEDED_COLUMNS: [(&str, &str, &str); 10] = [
    ("contract", "UPDATE", "unit"),
    ("contract", "UPDATE", "version"),
    ("audit", "INSERT", "source"),
    ("audit", "INSERT", "event"),
    ("audit", "INSERT", "outcome"),
    ("audit", "INSERT", "login"),
    ("audit", "INSERT", "contract"),
    ("audit", "INSERT", "unit"),
    ("audit", "INSERT", "caller"),
    ("audit", "INSERT", "address"),
];

/// The rights among these that this role does not have, as they are named.
const LACKING: &str = "
    (SELECT privilege || ' on ' || name
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

/// What the daemon has no business with.
const NEEDLESS: [(&str, &str); 3] =
    [("audit", "UPDATE"), ("audit", "DELETE"), ("contract_number", "INSERT")];

/// The same of single columns.
const NEEDLESS_COLUMNS: [(&str, &str, &str); 2] =
    [("audit", "INSERT", "id"), ("audit", "INSERT", "at")];

/// What a look at the database found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// The daemon would not work.
    pub wrong: Vec<String>,
    /// It works, with more rights than it needs.
    pub doubtful: Vec<String>,
}

impl Db {
    /// Looks at the schema's version, at this role's rights, and at what the server logs of it.
    /// Nothing is changed.
    pub async fn check(&self) -> Findings {
        let mut findings = Findings::default();
        if let Err(error) = self.look(&mut findings).await {
            findings.wrong.push(error.to_string());
        }
        findings
    }

    async fn look(&self, findings: &mut Findings) -> Result<(), DbError> {
        match self.schema_version().await {
            Ok(found) => {
                if let Some(mismatch) = mismatch(found) {
                    findings.wrong.push(mismatch);
                    return Ok(());
                }
            }
            // Named below, with whatever else is lacking.
            Err(DbError::NotSent(DbFailure::Refused { code, .. })) if code == FORBIDDEN => {}
            Err(error) => return Err(error),
        }
        self.compare_clocks(findings).await?;
        findings.wrong.extend(self.lacking().await?);
        self.look_at_logs(findings).await?;
        let needless = |privilege: &str, table: &str| {
            format!("the daemon's role has {privilege} on {table}, which it does not need")
        };
        for (table, privilege) in NEEDLESS {
            if self.may(table, privilege).await? {
                findings.doubtful.push(needless(privilege, table));
            }
        }
        for (table, privilege, column) in NEEDLESS_COLUMNS {
            if self.may_with(table, privilege, column).await? {
                findings.doubtful.push(needless(&format!("{privilege} ({column})"), table));
            }
        }
        Ok(())
    }

    /// The rights that the daemon's role lacks.
    pub(super) async fn lacking(&self) -> Result<Vec<String>, DbError> {
        let (tables, privileges): (Vec<&str>, Vec<&str>) = NEEDED.into_iter().unzip();
        let of = NEEDED_COLUMNS.map(|(table, _, _)| table);
        let granted = NEEDED_COLUMNS.map(|(_, privilege, _)| privilege);
        let columns = NEEDED_COLUMNS.map(|(_, _, column)| column);
        let parameters: Parameters<'_> =
            &[&tables, &privileges, &of.as_slice(), &granted.as_slice(), &columns.as_slice()];
        let rows = self.glance(LACKING, parameters).await?;
        let lacking = |row| {
            let right: String = contracts::column(row, 0, "a privilege")?;
            Ok(format!("the daemon's role lacks {right}: GRANT karipass_daemon to it"))
        };
        rows.iter().map(lacking).collect()
    }

    /// The database's clock ends credentials (`C1`), this machine's writes the logs.
    async fn compare_clocks(&self, findings: &mut Findings) -> Result<(), DbError> {
        let asked = clock::wall_clock();
        let sql = "SELECT extract(epoch FROM clock_timestamp())::float8";
        let rows = self.read(sql, &[]).await?;
        let told = clock::wall_clock();
        if let Some(row) = rows.first() {
            let time: f64 = contracts::column(row, 0, "the time")?;
            if let Some(ahead_s) = clock::ahead_s(time, time, asked, told) {
                findings.wrong.push(format!("its clock is {ahead_s:+.0} s from this machine's"));
            }
        }
        Ok(())
    }

    async fn may(&self, table: &str, privilege: &str) -> Result<bool, DbError> {
        self.holds("SELECT has_table_privilege($1::text, $2::text)", &[&table, &privilege]).await
    }

    async fn may_with(&self, table: &str, privilege: &str, column: &str) -> Result<bool, DbError> {
        let sql = "SELECT has_column_privilege($1::text, $2::text, $3::text)";
        self.holds(sql, &[&table, &column, &privilege]).await
    }

    async fn holds(&self, sql: &str, parameters: Parameters<'_>) -> Result<bool, DbError> {
        let rows = self.read(sql, parameters).await?;
        rows.first().map_or(Ok(false), |row| contracts::column(row, 0, "a privilege"))
    }
}
