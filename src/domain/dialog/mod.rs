//! The dialog of one call (`P3`–`P15`), pure: inputs in, outputs out, time as an argument.
//!
//! The caller of a [`Call`] passes every [`Input`] in the order of arrival, and [`Input::Timeout`]
//! at [`Call::deadline`]. It carries out the [`Output`]s in order. It starts
//! [`Output::LookUpContract`], [`Output::HashAhead`] and [`Output::Store`] without waiting for
//! them. A call without a deadline is over; what is not committed by then is cancelled (`P13`).

mod call;
mod digits;
mod player;
mod progress;
pub mod prompt;
mod repeat_filter;
mod step;
mod step_state;
#[cfg(test)]
mod tests;
mod type_ahead;

use std::fmt;
use std::time::{Duration, Instant};

pub use call::Call;
pub use progress::{EntrySummary, Progress, StepName, WrongEntry};

use strum::{IntoStaticStr, VariantNames};

use crate::auth_unit::AuthUnit;
use crate::contract::Contract;
use crate::password::TemporaryPassword;
use crate::phone_number::PhoneNumber;
use prompt::Prompt;

/// Identifies one playback of one call. The dialog chooses it, so that a late event is recognised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PlaybackId(pub u32);

/// Something that happened to the call.
#[derive(Debug)]
pub enum Input {
    /// A key was pressed and let go.
    Key(Press),
    /// A playback has started.
    Started(PlaybackId),
    /// A playback has ended.
    Finished(PlaybackId, PlaybackEnd),
    /// The result of [`Output::LookUpContract`].
    LookedUp(LookupResult),
    /// The result of [`Output::Store`].
    Stored(StoreResult),
    /// [`Call::deadline`] has come.
    Timeout,
    /// The PBX does not obey commands, or sends no events, until [`Input::Reconnected`]. Meanwhile
    /// no key counts and no timeout of an entry runs.
    Disconnected,
    /// The PBX obeys and sends events, and every playback of the call has been stopped. The dialog
    /// plays the current guidance from its start.
    Reconnected,
    /// The caller has put the call on hold and hears nothing.
    Held,
    /// The caller has ended the hold.
    Unheld,
    /// The caller or the channel is gone.
    HangUp,
}

/// One press of a key, as it is reported. A telephone may repeat it; the dialog filters that.
#[derive(Debug, Clone, Copy)]
pub struct Press {
    /// The key; its `Debug` hides it.
    pub key: Key,
    /// When it went down.
    pub pressed: Instant,
    /// When it came up.
    pub released: Instant,
}

impl Press {
    fn held(&self) -> Duration {
        self.released.saturating_duration_since(self.pressed)
    }
}

/// A telephone keypad's key; never shown.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Key {
    /// `0` to `9`, as ASCII.
    Digit(u8),
    /// `*`
    Star,
    /// `#`
    #[default]
    Hash,
    /// `A` to `D` (Q.23), which no subscriber's keypad has.
    Letter,
}

impl zeroize::DefaultIsZeroes for Key {}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Key(…)")
    }
}

/// How a playback ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaybackEnd {
    /// It played to its end or was stopped.
    Done,
    /// Asterisk could not play it.
    Failed,
}

/// The result of looking up the caller's number.
#[derive(Debug)]
pub enum LookupResult {
    /// The contract that the number belongs to.
    Found(Box<Contract>),
    /// No contract has this number.
    Unknown,
    /// The database could not be reached.
    Unreachable,
}

/// The result of storing a temporary password.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreResult {
    /// Committed.
    Stored,
    /// The contract has changed during the call: suspended, the number gone, or another unit in
    /// force.
    Refused,
    /// Not committed, or unknown.
    Unreachable,
}

/// Something to do for the call.
#[derive(Debug)]
#[must_use]
pub enum Output {
    /// Give this command to the channel.
    Channel(ChannelCommand),
    /// Look up the contract of this number.
    LookUpContract(PhoneNumber),
    /// Start to hash this temporary password while the caller confirms it. Until [`Output::Store`]
    /// names the same password, the hash must not be stored.
    HashAhead(TemporaryPassword),
    /// Drop that hash: the confirmation differs (`P8`).
    DiscardHash,
    /// Store a temporary password (`P9`).
    Store(NewTemporaryPassword),
    /// Cancel the pending look-up or storing, unless it is committed: it took too long (`P15`).
    CancelPending,
    /// Write an audit row (`D3`).
    Audit(Refusal),
    /// End the call.
    HangUp,
}

/// A command to the channel. Commands are carried out one after the other.
#[derive(Debug)]
pub enum ChannelCommand {
    /// Answer the channel.
    Answer,
    /// Queue one playback of all these prompts, in order, behind what plays.
    Play(PlaybackId, Vec<Prompt>),
    /// Stop a playback, queued or playing.
    Stop(PlaybackId),
}

impl From<ChannelCommand> for Output {
    fn from(command: ChannelCommand) -> Self {
        Self::Channel(command)
    }
}

/// A temporary password that its caller has confirmed.
#[derive(Debug)]
pub struct NewTemporaryPassword {
    /// The caller's number.
    pub caller: PhoneNumber,
    /// The contract number of the caller's contract.
    pub contract_number: PhoneNumber,
    /// The unit chosen by phone (`P14`).
    pub unit: AuthUnit,
    /// The login number that the password is for.
    pub login_number: PhoneNumber,
    /// Eight digits, keyed twice and equal.
    pub password: TemporaryPassword,
}

/// Why a call ended without a password.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantNames)]
#[strum(serialize_all = "snake_case")]
pub enum Refusal {
    /// `P2`, or a user's number without service (`P6`).
    NotAvailable,
    /// The third wrong entry of a step (`P10`).
    WrongEntries,
}

/// How a call ended, for logs and metrics.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum Outcome {
    /// The temporary password is stored (`P9`), whether or not `completed` was heard to its end.
    Stored,
    /// `not-available` was the answer (`P2`, `P6`).
    NotAvailable,
    /// The third wrong entry of a step (`P10`).
    WrongEntries,
    /// `trouble` was the answer (`P15`, or a guidance that cannot be played).
    Trouble,
    /// The whole call took too long (`P11`).
    TooLong,
    /// The caller hung up before any of these (`P13`).
    HungUp,
}

impl Outcome {
    /// Its name in logs and metrics.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

/// The time limits of a call.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// Silence after a guidance's end before the first digit (`P11`).
    pub first_digit: Duration,
    /// Silence between digits (`P11`).
    pub inter_digit: Duration,
    /// The whole call (`P11`).
    pub call: Duration,
}

impl Limits {
    /// How long the PBX keeps a call after its answer if nobody hangs up: the limit of a call, and
    /// time for its last guidance.
    #[must_use]
    pub fn max_channel_lifetime(&self) -> Duration {
        self.call + CLOSING_ALLOWANCE
    }
}

/// The longest [`Limits::call`] that can be configured.
pub const MAX_CALL_LIMIT: Duration = Duration::from_mins(9);

/// More than the database and the last guidance take.
const CLOSING_ALLOWANCE: Duration = Duration::from_mins(1);
