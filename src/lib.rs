//! `karipass` (仮パス): the temporary-password line of a telephone company's settings site, on
//! Asterisk.
//!
//! ```text
//!  Asterisk ──events──▶ asterisk ─▶ a mailbox for each call ─▶ domain::dialog::Call
//!           ◀─commands─────┘                                        │
//!                                                                   ▼
//!  Browsers ──HTTPS──▶ web::site ──┬──────────────────────────▶ auth ─▶ hashing, db
//!  Programs ──HTTPS──▶ web::api ───┘
//! ```
//!
//! The layers are `main → cli → {daemon, check} → {asterisk, web} → auth → {db, hashing}`.
//! A module uses only layers to its right; `tests/arrows.rs` lists which. Every module may use
//! [`domain`], a separate crate that knows no runtime, SQL, HTTP or clock.
//!
//! # A digit
//! A frame of the event socket becomes an event. The event goes into the bounded mailbox of its
//! call, which feeds [`domain::dialog::Call::handle`]. The last digit of the first entry yields
//! [`domain::dialog::Output::HashAhead`]: a worker hashes while the caller confirms. The last digit
//! of the confirmation yields [`domain::dialog::Output::Store`]: one transaction stores,
//! [`domain::dialog::Input::Stored`] comes back, and `completed` plays.
//!
//! # A login
//! The extractor parses, and the credential is read. Exactly one hash is verified: the real one or
//! a dummy. One guarded `UPDATE` is the verdict, which becomes JSON or a page.
//!
//! # A change
//! A session changes its password, or the unit of its contract. Every secret is compared without a
//! lock. Then [`db::Db::apply`] locks the contract, asks a pure function of [`domain::policy`], and
//! commits its decision once.
//!
//! # The modules
//! - [`asterisk`]: the events and commands of Asterisk.
//! - [`auth`]: who logs in, and what a session or a call changes. [`hashing`]: the Argon2 workers,
//!   which use the crate `argon2id`. [`db`]: PostgreSQL.
//! - [`web`]: the pages, the API and the operators' listener. [`cli`]: one file for each command.
//!   `daemon`: `karipass serve`. [`check`]: `karipass check`.
//! - [`config`]: what the operator decides. [`settings`]: the same, with each value checked by the
//!   module that uses it. `keys`: the keys of hashes and seals.
//! - [`clock`]: the only reader of a clock. [`tls`]: TLS as a client, and the site's certificate.
//! - [`metrics`]: the name and help text of every metric. `logs`: log lines as text. `traces`: the
//!   export of traces.
//! - `backoff`: the waits between attempts. `machine`: what this machine has.

pub mod asterisk;
pub mod auth;
mod backoff;
pub mod check;
pub mod cli;
pub mod clock;
pub mod config;
mod daemon;
pub mod db;
pub mod hashing;
mod keys;
mod logs;
mod machine;
pub mod metrics;
pub mod settings;
pub mod tls;
mod traces;
pub mod web;
