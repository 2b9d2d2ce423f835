//! What is wrong with the database, asked as the daemon (`karipass check`).

use super::migrate::program_version;
use super::{Store, StoreError, contracts};

/// What the daemon must be allowed to do: table and privilege.
const NEEDED: [(&str, &str); 7] = [
    ("contract", "SELECT"),
    ("contract_number", "SELECT"),
    ("credential", "INSERT"),
    ("credential", "UPDATE"),
    ("session", "INSERT"),
    ("session", "DELETE"),
    ("audit", "INSERT"),
];

/// What the daemon has no business with.
const NEEDLESS: [(&str, &str); 3] =
    [("audit", "UPDATE"), ("audit", "DELETE"), ("contract_number", "INSERT")];

/// What a look at the database found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Findings {
    /// The daemon would not work.
    pub wrong: Vec<String>,
    /// It works, with more rights than it needs.
    pub doubtful: Vec<String>,
}

impl Store {
    /// Looks at the schema's version and at this role's rights. Nothing is changed.
    pub async fn check(&self) -> Findings {
        let mut findings = Findings::default();
        if let Err(error) = self.look(&mut findings).await {
            findings.wrong.push(error.to_string());
        }
        findings
    }

    async fn look(&self, findings: &mut Findings) -> Result<(), StoreError> {
        let (found, needed) = (self.schema_version().await?, program_version());
        if found != needed {
            findings.wrong.push(format!(
                "the database is of version {found}, this program needs {needed}: see karipass migrate"
            ));
            return Ok(());
        }
        for (table, privilege) in NEEDED {
            if !self.may(table, privilege).await? {
                findings.wrong.push(format!(
                    "the daemon's role lacks {privilege} on {table}: GRANT karipass_daemon to it"
                ));
            }
        }
        for (table, privilege) in NEEDLESS {
            if self.may(table, privilege).await? {
                findings.doubtful.push(format!(
                    "the daemon's role has {privilege} on {table}, which it does not need"
                ));
            }
        }
        Ok(())
    }

    async fn may(&self, table: &str, privilege: &str) -> Result<bool, StoreError> {
        let rows = self
            .read("SELECT has_table_privilege($1::text, $2::text)", &[&table, &privilege])
            .await?;
        rows.first().map_or(Ok(false), |row| contracts::column(row, 0, "has_table_privilege"))
    }
}
