//! The API over HTTP (table A): bad requests, sessions, the limit by address, TLS.

mod generated_client;
mod reference;
mod requests;
mod schemathesis;
mod sessions;
