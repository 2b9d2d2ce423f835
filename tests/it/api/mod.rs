//! The API over HTTP (table A): what bad requests get, sessions, the limit by address, TLS.

mod generated_client;
mod reference;
mod requests;
mod schemathesis;
mod sessions;
