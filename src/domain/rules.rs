//! Every number of the specification, once, with the id of its rule.
//!
//! SQL statements take them as parameters. The dialplan contains none. The schema contains only the
//! minimum number of days that audit rows are kept.

use std::ops::RangeInclusive;
use std::time::Duration;

const MINUTE: u64 = 60;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// The set-up number (仮パスワード設定番号) of the manual; default.
pub const SET_UP_NUMBER: &str = "0664806430";

/// Digits of a temporary password (`P7`).
pub const TEMPORARY_PASSWORD_DIGITS: usize = 8;

/// Wrong entries of one step; the last of them ends the call (`P10`).
pub const MAX_WRONG_ENTRIES_PER_STEP: u8 = 3;

/// Silence after a guidance's end that ends an entry before its first digit; default (`P11`).
pub const FIRST_DIGIT_TIMEOUT: Duration = Duration::from_secs(10);

/// Silence between digits that ends an entry; default (`P11`).
pub const INTER_DIGIT_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a whole call may take; default (`P11`).
pub const MAX_CALL_DURATION: Duration = Duration::from_secs(5 * MINUTE);

/// How soon a caller hears `trouble` if the database cannot be reached (`P15`).
pub const TROUBLE_TIMEOUT: Duration = Duration::from_secs(10);

/// How long the daemon waits for the database. Hashing and playing share the rest of
/// [`TROUBLE_TIMEOUT`] (`P15`).
pub const STORE_TIMEOUT: Duration = Duration::from_secs(5);

/// How long a temporary password logs in, by the database's clock (`C1`).
pub const TEMPORARY_PASSWORD_LIFETIME: Duration = Duration::from_secs(DAY);

/// Wrong entries in a row that void a temporary password (`C2`).
pub const MAX_TEMPORARY_PASSWORD_FAILURES: i32 = 3;

/// Wrong entries in a row that void a password (`C2`).
pub const MAX_PASSWORD_FAILURES: i32 = 10;

/// Characters of a password (`C5`).
pub const PASSWORD_LENGTH: RangeInclusive<usize> = 8..=12;

/// The age from which a session with a password may only change it (`C6`).
pub const PASSWORD_MAX_AGE: Duration = Duration::from_secs(60 * DAY);

/// The age from which the top page warns that a password expires soon (`W4`).
pub const PASSWORD_NOTICE_AGE: Duration = Duration::from_secs(46 * DAY);

/// Argon2id memory in KiB (`C7`: at least 19 MiB).
pub const ARGON2_MEMORY_KIB: u32 = 19 * 1024;

/// Argon2id passes over the memory (`C7`).
pub const ARGON2_PASSES: u32 = 2;

/// Argon2id lanes (`C7`).
pub const ARGON2_LANES: u32 = 1;

/// How long a session may be idle; default (`W5`).
pub const SESSION_IDLE_TIMEOUT: Duration = Duration::from_secs(15 * MINUTE);

/// How long before the idle end its warning comes (`W9`).
pub const IDLE_WARNING_LEAD: Duration = Duration::from_secs(2 * MINUTE);

/// How long a session lives however busy it is (`W5`).
pub const MAX_SESSION_LIFETIME: Duration = Duration::from_secs(12 * HOUR);

/// How long a session's row and that of its end are kept: as long again as it may live. So the
/// pages can say why it ended.
pub const SESSION_RETENTION: Duration = MAX_SESSION_LIFETIME.saturating_mul(2);

/// How long audit rows are kept; default (`D3`).
pub const AUDIT_RETENTION: Duration = Duration::from_secs(400 * DAY);

/// The largest request body in bytes (table `A`, `malformed`).
pub const MAX_BODY_BYTES: usize = 16 * 1024;

/// The largest request of a unit change in bytes: 128 for each of 1,000 numbers (`U4`).
pub const MAX_UNIT_CHANGE_BYTES: usize = 128 * 1024;

/// The budget of one address for logins, in points; default (`R`).
pub const LOGIN_POINTS_PER_MINUTE: u32 = 100;

/// Cost of a successful login, in points (`R`).
pub const SUCCESSFUL_LOGIN_POINTS: u32 = 1;

/// Cost of a failed login, in points (`R`).
pub const FAILED_LOGIN_POINTS: u32 = 5;

/// Cost of a failed login at a number without a live credential, in points (`R`).
pub const NO_CREDENTIAL_LOGIN_POINTS: u32 = 10;

/// How many credentials one address may void in an hour (`R`).
pub const MAX_VOIDINGS_PER_HOUR: u32 = 10;
