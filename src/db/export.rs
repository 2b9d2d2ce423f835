//! The export of contracts (`D1`), as a file that `import` accepts.

use std::io;

use super::error::DbError;
use super::handle::Db;

/// PostgreSQL writes the CSV. A contract's own row comes first.
const EXPORT: &str = "
    COPY (
        SELECT contract_number, n.number, CASE WHEN has_service THEN 'yes' ELSE 'no' END AS service,
               customer
        FROM phone_number AS n JOIN contract AS c ON c.number = contract_number
        ORDER BY contract_number, n.number <> contract_number, n.number
    ) TO STDOUT (FORMAT csv, HEADER)";

impl Db {
    /// Passes every contract to `write`, piece by piece, as a file for `import`. The inner error is
    /// that of `write`, which ends the export.
    ///
    /// # Errors
    /// [`DbError::NotCommitted`] if the database cannot be reached, or refuses.
    pub async fn export(
        &self,
        write: impl FnMut(&[u8]) -> io::Result<()>,
    ) -> Result<io::Result<()>, DbError> {
        self.copy_out(EXPORT, write).await
    }
}
