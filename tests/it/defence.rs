//! What the site withstands: floods, slow connections, addresses that are not one's own, a changing
//! certificate, a copied database.
//!
//! `docs/security.md` says which test shows which fault of logins absent.

mod cross_site;
mod doors;
mod dump;
mod flood;
mod heads;
mod limit;
mod proxies;
mod room;
mod slow;
mod tls;
mod wire;
