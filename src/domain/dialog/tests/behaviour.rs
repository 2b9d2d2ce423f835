//! What callers do, generated as callers do it: whole entries, right and wrong, with pauses.

use std::time::Duration;

use proptest::prelude::*;

use super::channel::{Fate, is_silent};
use super::phone::{PhoneModel, SECOND};
use super::surroundings::{ADDITIONAL, CONTRACT, WITHOUT_SERVICE, World};
use crate::auth_unit::AuthUnit;
use crate::dialog::prompt::Prompt;
use crate::dialog::{Input, LookupResult, StoreResult};

/// An act of a caller.
#[derive(Debug, Clone)]
pub(super) enum Act {
    Keys(String),
    /// Keys faster than the channel's events.
    Burst(String),
    Pause(Duration),
    Listen,
    StaySilent,
    HangUp,
}

/// A caller, with the call's surroundings.
#[derive(Debug, Clone)]
pub(super) struct CallScenario {
    pub(super) number: Option<&'static str>,
    pub(super) unit: Option<AuthUnit>,
    finds: usize,
    pub(super) finds_in: Option<Duration>,
    stores: StoreResult,
    stores_in: Option<Duration>,
    fate: usize,
    pub(super) acts: Vec<Act>,
}

const FINDS: [fn(crate::contract::Contract) -> LookupResult; 3] = [
    |contract| LookupResult::Found(Box::new(contract)),
    |_| LookupResult::Unknown,
    |_| LookupResult::Unreachable,
];

/// The fates of guidance; silence always plays.
const FATES: [fn(&[Prompt], usize) -> Fate; 6] = [
    |_, _| Fate::Plays,
    |prompts, earlier| one_in(3, prompts, earlier, Fate::Fails),
    |prompts, earlier| one_in(2, prompts, earlier, Fate::Stopped),
    |prompts, earlier| one_in(1, prompts, earlier, Fate::EndIsLost),
    |prompts, earlier| one_in(1, prompts, earlier, Fate::StartIsLost),
    |prompts, earlier| one_in(1, prompts, earlier, Fate::Fails),
];

fn one_in(n: usize, prompts: &[Prompt], earlier: usize, fate: Fate) -> Fate {
    if !is_silent(prompts) && earlier % n == n - 1 { fate } else { Fate::Plays }
}

impl CallScenario {
    /// The same caller on a channel that does everything at the first command.
    pub(super) fn on_a_good_channel(self) -> Self {
        Self { fate: 0, ..self }
    }

    pub(super) fn world(&self) -> World {
        World {
            caller: self.number,
            unit: self.unit,
            finds: FINDS[self.finds],
            finds_in: self.finds_in,
            stores: self.stores,
            stores_in: self.stores_in,
            fate: FATES[self.fate],
        }
    }
}

impl Act {
    pub(super) fn does(&self, phone: &mut PhoneModel) {
        match self {
            Self::Keys(keys) => phone.keys(keys),
            Self::Burst(keys) => phone.burst(keys),
            Self::Pause(time) => phone.wait(*time),
            Self::Listen => phone.listen(),
            Self::StaySilent => phone.stay_silent(),
            Self::HangUp => {
                if !phone.is_over() {
                    phone.feed(Input::HangUp);
                }
            }
        }
    }
}

pub(super) fn scenario() -> impl Strategy<Value = CallScenario> {
    let number = prop_oneof![
        6 => Just(Some(CONTRACT)),
        3 => Just(Some(ADDITIONAL)),
        2 => Just(Some(WITHOUT_SERVICE)),
        1 => Just(None),
    ];
    let unit = prop_oneof![
        3 => Just(None),
        1 => Just(Some(AuthUnit::Line)),
        1 => Just(Some(AuthUnit::Number)),
        1 => Just(Some(AuthUnit::AdminUser)),
    ];
    let stores = prop_oneof![
        8 => Just(StoreResult::Stored),
        1 => Just(StoreResult::Refused),
        1 => Just(StoreResult::Unreachable),
    ];
    let finds = prop_oneof![20 => Just(0_usize), 1 => Just(1), 1 => Just(2)];
    let fate = prop_oneof![2 => Just(0_usize), 1 => 1..FATES.len()];
    (number, unit, (finds, reply_time()), (stores, reply_time()), fate, acts()).prop_map(
        |(number, unit, (finds, finds_in), (stores, stores_in), fate, acts)| CallScenario {
            number,
            unit,
            finds,
            finds_in,
            stores,
            stores_in,
            fate,
            acts,
        },
    )
}

fn reply_time() -> impl Strategy<Value = Option<Duration>> {
    prop_oneof![
        10 => Just(Some(Duration::ZERO)),
        3 => (0_u64..12_000).prop_map(|ms| Some(Duration::from_millis(ms))),
        1 => Just(None),
    ]
}

/// A way through the dialog with slips in it, often cut short, sometimes continued after its end.
fn acts() -> impl Strategy<Value = Vec<Act>> {
    let menu = (slips(one_of(&["9", "0", "*", "#", "A", ""])), one_of(&["1", "2", "3"]));
    let named = (
        slips(one_of(&["#", "0664806430#", "0312301232#", "03*12301230#", "0312301230"])),
        one_of(&["0312301230#", "0312301231#"]),
    );
    let password = prop::collection::vec(password_entry(), 1..7);
    let entries = (menu, named, password, prop::bool::weighted(0.1)).prop_map(
        |((menu_slips, unit), (number_slips, number), passwords, astray)| {
            let gives_number = (unit != "1") != astray;
            let mut entries = menu_slips;
            entries.push(unit);
            if gives_number {
                entries.extend(number_slips);
                entries.push(number);
            }
            entries.extend(passwords);
            entries
        },
    );
    (
        entries,
        prop::collection::vec((any::<bool>(), pause()), 24),
        prop::option::weighted(0.2, 0..30_usize),
    )
        .prop_map(|(entries, pauses, hangs_up_at)| {
            let mut acts = Vec::new();
            for (entry, (fast, pause)) in entries.into_iter().zip(pauses) {
                acts.extend(pause);
                acts.push(if fast { Act::Burst(entry) } else { Act::Keys(entry) });
            }
            if let Some(at) = hangs_up_at {
                acts.insert(at.min(acts.len()), Act::HangUp);
            }
            acts
        })
}

fn password_entry() -> impl Strategy<Value = String> {
    prop_oneof![
        16 => one_of(&["45678910", "45678910#"]),
        2 => one_of(&["45678911", "98765432"]),
        5 => one_of(&["4567#", "456*78910", "4567891", "#", "*", "456789A0#", "45678910##"]),
    ]
}

fn slips(slip: impl Strategy<Value = String> + 'static) -> impl Strategy<Value = Vec<String>> {
    prop_oneof![12 => Just(0..=0_usize), 3 => Just(1..=2), 1 => Just(3..=4)].prop_flat_map({
        let slip = slip.boxed();
        move |count| prop::collection::vec(slip.clone(), count)
    })
}

fn pause() -> impl Strategy<Value = Option<Act>> {
    prop_oneof![
        6 => Just(None),
        6 => Just(Some(Act::Listen)),
        1 => Just(Some(Act::StaySilent)),
        2 => (0_u32..7).prop_map(|seconds| Some(Act::Pause(seconds * SECOND))),
    ]
}

fn one_of(entries: &'static [&'static str]) -> impl Strategy<Value = String> {
    prop::sample::select(entries).prop_map(str::to_owned)
}
