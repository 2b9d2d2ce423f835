//! A subscriber with a telephone: places a real SIP call, listens, keys, hangs up.
//!
//! [`Caller`] identifies the caller; [`Caller::call`] places the call and returns a [`Subscriber`],
//! whose methods are the story: `hear`, `key`, `hang_up`, `expect_hangup`. Prompts are recognised
//! from the received audio alone ([`hearing`]) and must come in the order of the methods. Each
//! method has a time-out. Its error shows the transcript, with every keyed digit as `•`.

mod call;
pub mod handset;
pub mod hearing;
pub mod rtp;
mod scenario;
pub mod sipp;
mod state;
mod tone;
mod ulaw;

pub use call::{Caller, NextSound, Subscriber};
pub use handset::Pace;
pub use sipp::{Ending, Keying, Line};
