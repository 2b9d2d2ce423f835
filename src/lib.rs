//! `karipass` (仮パス): the temporary-password line of a telephone company's settings site, on
//! Asterisk.
//!
//! ```text
//!  Asterisk ──events──▶ ari::socket ─▶ ari::calls ─▶ a mailbox a call ─▶ ari::caller ─▶ call::Call
//!           ◀─commands─ ari::rest ◀──────────────────────────────────────────┘  │
//!                                                                  hashing, store
//!                                                                        ▲
//!  Browsers ──HTTPS──▶ web::pages ─┬─▶ login ────────────────────────────┘
//!  Programs ──HTTPS──▶ web::api ───┘
//! ```
//!
//! Arrows: `main → cli → {ari, web, store}`, `ari → call`, `web → login → {store, hashing}`. The
//! dialog ([`call`]) and the decisions of [`login`] know no runtime, no SQL, no HTTP and no clock.
//!
//! # A digit
//! A frame of the socket becomes an event, the event goes into its call's bounded mailbox, the
//! mailbox feeds [`call::Call::handle`]; on the last digit of the confirmation comes
//! [`call::Output::Store`], a hash worker, one transaction, [`call::Input::Stored`], and `completed`
//! plays. The digits are moved, never copied, never printed.
//!
//! # A login
//! The extractor parses, the credential is read, exactly one hash is verified (the real one or the
//! dummy), and one guarded `UPDATE` is the verdict, which becomes JSON.
//!
//! # A change
//! A session's change of its password or its contract's unit goes the same way: every secret is
//! compared without a lock, then the contract's row is locked, and what was compared must still be so.
//!
//! # The modules
//! - [`rules`]: every number of the rules, once.
//! - [`number`], [`password`], [`mod@unit`], [`contract`]: parsed once at the door, shown masked or not at all.
//! - [`call`], pure: the dialog. [`ari`]: Asterisk's events and commands.
//! - [`hashing`]: the Argon2 workers. [`login`]: who logs in, and what a session changes. [`store`]: PostgreSQL.
//! - [`web`]: the pages, the API and the operators' listener. [`cli`]: one file a subcommand.
//! - [`config`]: what the operator decides. [`clock`]: the only reader of a clock. [`tls`]: TLS as
//!   a client.

pub mod ari;
pub mod call;
pub mod cli;
pub mod clock;
pub mod config;
pub mod contract;
pub mod credential;
pub mod hashing;
pub mod login;
pub mod number;
pub mod password;
pub mod rules;
pub mod store;
pub mod tls;
pub mod unit;
pub mod web;
