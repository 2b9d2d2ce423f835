//! Who calls, and the placing of the call.

use std::net::Ipv4Addr;
use std::sync::Arc;
use std::time::Instant;

use anyhow::Result;

use super::call::Subscriber;
use super::handset::Handset;
use super::sipp::{Identity, Line, Placed, Sipp};
use super::state::Shared;
use crate::asterisk::{CARRIER, Phone};

/// Who calls, and from where.
#[derive(Debug, Clone)]
pub struct Caller {
    number: String,
    address: Ipv4Addr,
    identity: Identity,
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
        let Phone { number: user, password } = phone.clone();
        let identity = Identity::Telephone { user, password, hides: false };
        Self { number: number.to_owned(), address: Ipv4Addr::LOCALHOST, identity }
    }

    /// The same telephone, which hides its number.
    pub fn hidden_telephone(phone: &Phone) -> Self {
        let Phone { number, password } = phone.clone();
        let identity = Identity::Telephone { user: number.clone(), password, hides: true };
        Self { number, address: Ipv4Addr::LOCALHOST, identity }
    }

    /// The same from another address.
    #[must_use]
    pub fn from(mut self, address: Ipv4Addr) -> Self {
        self.address = address;
        self
    }

    /// Places a call; returns once it is answered or refused.
    pub fn call(&self, line: &Line) -> Result<Subscriber> {
        if let Identity::Telephone { user, password, .. } = &self.identity {
            Sipp::register(line.sip, self.address, user, password)?;
        }
        let shared = Arc::new(Shared::new()?);
        let ear = Arc::clone(&shared);
        let handset = Handset::new(self.address, move |packet| {
            let mut state = ear.lock();
            if state.hearing.hear(packet.at, packet.payload) {
                ear.changed.notify_all();
            }
        })?;
        let begin = Instant::now();
        let placed = [Placed { caller: self.number.clone(), media: handset.address()?.port() }];
        let told = Arc::clone(&shared);
        let sipp = Sipp::place(line, self.address, &self.identity, &placed, 10, move |_, news| {
            told.lock().news(Instant::now(), news);
            told.changed.notify_all();
        })?;
        let mut subscriber = Subscriber::new(handset, sipp, shared, line.clone(), begin);
        subscriber.wait_until_answered()?;
        Ok(subscriber)
    }
}
