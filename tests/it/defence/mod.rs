//! Attacks on the site: floods, slow connections, forged addresses, a changing certificate, a
//! copied database.
//!
//! `docs/security.md` lists which test shows which defence.

mod connection_limit;
mod cross_site;
mod dump;
mod entry_points;
mod flood;
mod heads;
mod limit;
mod proxies;
mod slow;
mod tls;
mod wire;
