//! The Argon2 workers.
