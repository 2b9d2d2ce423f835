//! Why a hash or a verification failed.

/// Hashing failed.
#[derive(Debug, thiserror::Error)]
pub enum HashError {
    /// The workers have too much to do; nothing was verified.
    #[error("too many secrets wait to be hashed")]
    Busy,
    /// The hash function refused its parameters, or its worker is gone.
    #[error("hashing failed: {0}")]
    Failed(String),
}

/// The workers could not be started.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The system gave no thread.
    #[error("no thread for hashing")]
    Thread(#[source] std::io::Error),
    /// The dummy hash could not be made.
    #[error("no dummy hash")]
    Dummy(#[source] HashError),
}
