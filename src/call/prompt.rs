//! All guidance, and the sound files that speak it.

/// Something the line plays.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Prompt {}
