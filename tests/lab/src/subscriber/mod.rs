//! A subscriber with a telephone: places a real SIP call, listens, keys, hangs up.
//!
//! [`Caller`] says who calls; [`Caller::call`] places the call and gives a [`Subscriber`], whose
//! verbs are a story: `hear`, `key`, `hang_up`, `expect_hangup`. What is heard is recognised from
//! the received audio alone ([`hearing`]) and must come in the order of the verbs. Each verb has a
//! bound. Its error shows the transcript so far, with every keyed digit as `•`.

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
