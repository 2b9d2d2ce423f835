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

    /// Somebody who withholds the number.
    pub fn withheld(number: &str) -> Self {
        Self { identity: Identity::Withheld, ..Self::asserted(number) }
    }

    /// Somebody whom nobody asserts: the number stands in From alone.
    pub fn bare_from(number: &str) -> Self {
        Self { identity: Identity::BareFrom, ..Self::asserted(number) }
    }

    /// A telephone that registers first, and claims to be `number`.
    pub fn telephone(phone: &Phone, number: &str) -> Self {
        let identity = Identity::Telephone { phone: phone.clone(), hides: false };
        Self { number: number.to_owned(), address: Ipv4Addr::LOCALHOST, identity }
    }

    /// The same telephone, which hides its number.
    pub fn hidden_telephone(phone: &Phone) -> Self {
        let identity = Identity::Telephone { phone: phone.clone(), hides: true };
        Self { number: phone.number.clone(), address: Ipv4Addr::LOCALHOST, identity }
    }

    /// The same from another address.
    #[must_use]
    pub fn from(mut self, address: Ipv4Addr) -> Self {
        self.address = address;
        self
    }
}
