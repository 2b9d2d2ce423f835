//! Changes by a session, over the API on a real PostgreSQL. The rules C5, C6, U and W6, and C2 and
//! C3 at every entry point.

mod concurrency;
mod entry_points;
mod faults;
mod hash_ahead;
mod once;
mod password;
mod tokens;
mod unit;
mod unit_choices;
mod unit_refused;
mod unit_void;
mod void;
