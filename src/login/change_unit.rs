//! Changing the authentication unit (認証単位変更, table `U`).

use std::net::IpAddr;

use super::plan::NewLogin;
use super::{Door, SessionToken, Standing};
use crate::number::Number;
use crate::password::TypedPassword;
use crate::unit::Unit;

/// A session wants its contract's unit changed.
#[derive(Debug)]
pub struct ChangeUnit {
    /// The session's token.
    pub token: SessionToken,
    /// At which door.
    pub door: Door,
    /// What the session is good for.
    pub standing: Standing,
    /// The unit wanted.
    pub unit: Unit,
    /// The passwords that were typed, each number once; a field left empty is left out.
    pub passwords: Vec<(Number, TypedPassword)>,
    /// From which version of the contract the request was made.
    pub told: Told,
    /// Where from.
    pub address: IpAddr,
}

/// From which version of the contract a request was made (`W6`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Told {
    /// The one that the session's client was last told of.
    BySession,
    /// The one that a form carries, [`UnitChoices::version`].
    ByForm(i64),
}

/// What came of it. Nothing is changed but by [`UnitVerdict::Changed`].
#[derive(Debug)]
pub enum UnitVerdict {
    /// Changed; every session of the contract is over.
    Changed(UnitChanged),
    /// Of these numbers, in the order of the contract, the passwords are wrong, and counted (`C2`).
    Wrong {
        /// The numbers.
        numbers: Vec<Number>,
        /// Whether one of them was one too many for the session's own password: it is over.
        session_over: bool,
    },
    /// Other passwords are asked for; nothing was compared.
    OtherPasswords {
        /// Numbers whose password is asked for and was not given.
        missing: Vec<Number>,
        /// Numbers whose password was given and is not asked for.
        unasked: Vec<Number>,
    },
    /// The unit is in force already; nothing was compared.
    InForce,
    /// A user under `admin_user` cannot change the unit (`U2`); nothing was compared.
    NotAllowed,
    /// The session is good for nothing but changing its password (`C6`); nothing was compared.
    PasswordChangeRequired,
    /// Someone else has changed the contract since the request's form was made (`W6`); nothing was counted.
    ChangedElsewhere,
    /// The session is over by now.
    SessionOver,
}

/// A change of the unit that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitChanged {
    /// The unit now in force.
    pub unit: Unit,
    /// The login number that made the change.
    pub changer: Number,
    /// Every number that logs in now, and with what (`W1`).
    pub logins: Vec<NewLogin>,
}

/// What the form of a change offers, made from one look at the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitChoices {
    /// The contract's version, which the form has to carry ([`Told::ByForm`]).
    pub version: i64,
    /// Every unit but the one in force.
    pub choices: Vec<UnitChoice>,
}

/// One unit that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitChoice {
    /// The unit.
    pub unit: Unit,
    /// The numbers whose passwords it asks for.
    pub asked: Vec<Number>,
}
