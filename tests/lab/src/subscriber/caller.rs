//! Who calls, and from where.

use std::net::Ipv4Addr;

use super::sipp::Identity;
use crate::asterisk::{CARRIER, Phone};

/// Who calls, and from where.
#[derive(Debug, Clone)]
pub struct Caller {
    pub(super) number: String,
    pub(super) address: Ipv4Addr,
    pub(super) identity: Identity,
}

impl Caller {
    /// Somebody whom the carrier asserts, with the number written so.
    pub fn asserted(number: &str) -> Self {
        Self { number: number.to_owned(), address: CARRIER, identity: Identity::Asserted }
    }

    /// A telephone that registers first, and claims to be `number`.
    pub fn telephone(phone: &Phone, number: &str) -> Self {
        let identity = Identity::Telephone(phone.clone());
        Self { number: number.to_owned(), address: Ipv4Addr::LOCALHOST, identity }
    }
}
