//! What the site withstands: floods, slow connections, addresses that are not one's own, a changing
//! certificate, a copied database.
//!
//! `docs/security.md` says which test shows which fault of logins absent.

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
