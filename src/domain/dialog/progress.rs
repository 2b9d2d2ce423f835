//! The progress of a call, for logs and metrics. It contains no digit of an entry.

use strum::{IntoStaticStr, VariantNames};

/// Where a call is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum StepName {
    /// The call rings while the caller's contract is looked up.
    LookUp,
    /// The line waits for the unit (`P3`).
    Menu,
    /// The line waits for the login number (`P5`).
    Number,
    /// The line waits for the temporary password (`P7`).
    Password,
    /// The line waits for the same password again (`P8`).
    Confirmation,
    /// The password is being stored (`P9`).
    Storing,
    /// The last guidance plays.
    Closing,
}

impl StepName {
    /// Its name in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// Why an entry is wrong.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum WrongEntry {
    /// Nothing was keyed in time (`P11`).
    Empty,
    /// The menu has no such choice (`P3`).
    NoSuchChoice,
    /// Only the contract number may choose another unit than the one in force (`P14`).
    UnitNotAllowed,
    /// Not a number that the caller may set a password for (`P5`).
    NumberNotAllowed,
    /// Not a whole temporary password (`P7`).
    NotAPassword,
    /// The two passwords differ (`P8`).
    Differs,
}

impl WrongEntry {
    /// Its name in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// An entry that was keyed completely, or that silence has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EntrySummary {
    /// The step that asked for it.
    pub step: StepName,
    /// How many digits it has.
    pub digits: usize,
    /// Silence has ended it.
    pub by_silence: bool,
}

/// Progress that an input has caused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Progress {
    /// The guidance of this name has begun to play.
    GuidanceBegan(&'static str),
    /// A key has stopped the guidance.
    BargeIn,
    /// An entry was right.
    EntryAccepted(EntrySummary),
    /// An entry was wrong.
    EntryRefused {
        /// How many digits it had, and what ended it.
        entry: EntrySummary,
        /// Why it is wrong.
        reason: WrongEntry,
        /// How many wrong entries the step has had.
        wrong_entries: u8,
    },
    /// The PBX does not obey, or reports nothing.
    Disconnected,
    /// The PBX obeys and reports again.
    Reconnected,
    /// The caller has put the call on hold.
    Held,
    /// The caller has ended the hold.
    Unheld,
}
