//! The tables of a unit change: which numbers log in afterwards with which password, and which
//! passwords are lost.

use std::collections::{HashMap, HashSet};

use super::language::Language;
use super::markup::Markup;
use super::text::{self, ChangeStage};
use domain::credential::CredentialKind;
use domain::phone_number::PhoneNumber;
use domain::unit_outcome::{LostCredential, NewCredential, NewLogin};

/// More rows than this are folded.
const MAX_OPEN_ROWS: usize = 10;

pub(super) struct OutcomeTables {
    /// The numbers that log in afterwards.
    pub(super) logins: OutcomeTable,
    /// The numbers that lose their password and do not log in.
    pub(super) gone: OutcomeTable,
}

pub(super) struct OutcomeTable {
    pub(super) rows: Vec<OutcomeRow>,
    /// How many numbers lose a password, and how many need a temporary one.
    pub(super) counts: Vec<Markup>,
}

pub(super) struct OutcomeRow {
    pub(super) number: String,
    pub(super) with: Markup,
    /// That the number's password or temporary password is lost.
    pub(super) lost: Option<Markup>,
}

impl OutcomeTables {
    /// The outcome of a change by the login `initiator`.
    pub(super) fn new(
        lang: Language,
        logins: &[NewLogin],
        lost: &[LostCredential],
        initiator: PhoneNumber,
        stage: ChangeStage,
    ) -> Self {
        let initiator = initiator.hyphenated();
        let log_in: HashSet<PhoneNumber> = logins.iter().map(|login| login.number).collect();
        let kinds: HashMap<PhoneNumber, CredentialKind> =
            lost.iter().map(|credential| (credential.number, credential.kind)).collect();
        let rows = logins.iter().map(|login| OutcomeRow {
            number: login.number.hyphenated(),
            with: text::logs_in_with(lang, login.with, &initiator),
            lost: kinds.get(&login.number).map(|kind| text::lost(lang, stage, *kind)),
        });
        let needing = logins.iter().filter(|login| login.with == NewCredential::Nothing).count();
        let gone = lost.iter().filter(|credential| !log_in.contains(&credential.number));
        let gone = gone.map(|credential| OutcomeRow {
            number: credential.number.hyphenated(),
            with: lang.logs_in_no_more(),
            lost: Some(text::lost(lang, stage, credential.kind)),
        });
        let table = |rows: Vec<OutcomeRow>, needing: usize| {
            let losing = rows.iter().filter(|row| row.lost.is_some()).count();
            let losing = (losing > 0).then(|| text::losing(lang, stage, losing));
            let needing = (needing > 0).then(|| lang.temporary_needed_by(needing));
            OutcomeTable { rows, counts: losing.into_iter().chain(needing).collect() }
        };
        Self { logins: table(rows.collect(), needing), gone: table(gone.collect(), 0) }
    }

    /// The number that logs in, if it is the only one.
    pub(super) fn only_login(&self) -> Option<&str> {
        let [login] = self.logins.rows.as_slice() else { return None };
        Some(&login.number)
    }
}

impl OutcomeTable {
    pub(super) fn is_short(&self) -> bool {
        self.rows.len() <= MAX_OPEN_ROWS
    }
}
