//! The API over HTTP (table A): what bad requests get, sessions, the limit by address, TLS.

mod requests;
mod schemathesis;
mod sessions;
