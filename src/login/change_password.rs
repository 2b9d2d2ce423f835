//! Changing the password (`C5`, `C6`).

use std::net::IpAddr;

use super::{Door, SessionToken, Standing};
use crate::hashing::Salt;
use crate::number::Number;
use crate::password::{Rejection, TypedPassword};

/// A session wants its login's password changed.
#[derive(Debug)]
pub struct ChangePassword {
    /// The session's token.
    pub token: SessionToken,
    /// At which door.
    pub door: Door,
    /// What the session is good for; that it must change its password is no hindrance (`C6`).
    pub standing: Standing,
    /// The current password exactly as typed.
    pub current: TypedPassword,
    /// The new one, as typed.
    pub new: TypedPassword,
    /// The new one once more.
    pub again: TypedPassword,
    /// Where from.
    pub address: IpAddr,
    /// For the new password's hash.
    pub salt: Salt,
    /// For the session that begins with the new password, in the place of every one of the old.
    pub fresh: SessionToken,
}

/// What came of it.
#[derive(Debug)]
pub enum PasswordVerdict {
    /// Changed. Every session of the old password is over; one began under the fresh token.
    Changed(SessionToken, Box<Standing>),
    /// The new password is not taken, for all these reasons; the current one was not looked at.
    Rejected(Vec<Rejection>),
    /// The current password is wrong, and counted (`C2`).
    Wrong {
        /// The login number.
        number: Number,
        /// Whether it was one too many: the password is void and its sessions over.
        session_over: bool,
    },
    /// The session is over by now: logged out, its password void, past its end or changed elsewhere.
    SessionOver,
}
