//! PostgreSQL: contracts, credentials, sessions and the audit, one file a table's worth of work.

/// The store could not do what was asked.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// Nothing of it is stored: no connection, or the server refused before the commit.
    #[error("the store was not reached")]
    NotSent(#[source] anyhow::Error),
    /// The commit was sent and its answer never came.
    #[error("the store did not answer the commit")]
    OutcomeUnknown(#[source] anyhow::Error),
}
