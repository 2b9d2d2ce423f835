//! A story: its own numbers, what is keyed, and the result.

use std::fs;

use anyhow::{Result, ensure};
use karipass_lab::api::{ANSWER_TIMEOUT, Api, client};
use karipass_lab::subscriber::{Caller, Subscriber};
use serde_json::Value;

use crate::system::System;

/// The family whose contract number is a telephone that registers.
pub const PHONE_FAMILY: usize = 0;

/// The numbers of a story, with their results.
pub struct Story<'a> {
    pub system: &'a System,
    pub family: Family,
}

/// A contract's numbers: all but `plain` have the service.
#[derive(Debug, Clone)]
pub struct Family {
    pub contract: String,
    pub child: String,
    pub plain: String,
}

impl Family {
    /// The numbers of one index below 216. No digit follows itself: a busy machine brings the ends
    /// of two presses together, and of one key they would be a repetition.
    pub fn new(index: usize) -> Self {
        let [a, b, c] =
            [index / 36, index / 6 % 6, index % 6].map(|digit| [0, 2, 3, 6, 8, 9][digit]);
        let number = |last: usize| format!("067{a}4{b}5{c}1{last}");
        Self { contract: number(0), child: number(2), plain: number(3) }
    }

    /// A number that no contract has.
    pub fn stranger(&self) -> String {
        format!("{}9", &self.contract[..9])
    }
}

/// A login number's credential and its contract's unit.
#[derive(Debug, PartialEq, Eq)]
pub struct StoredCredential {
    pub login_number: String,
    pub kind: String,
    pub is_good: bool,
}

impl<'a> Story<'a> {
    /// A story with its own numbers, loaded as a contract.
    pub fn new(system: &'a System) -> Result<Self> {
        Self::with(system, system.next_family())
    }

    /// The story of the registered telephone.
    pub fn of_the_telephone(system: &'a System) -> Result<Self> {
        Self::with(system, PHONE_FAMILY)
    }

    fn with(system: &'a System, index: usize) -> Result<Self> {
        let family = Family::new(index);
        let Family { contract, child, plain } = &family;
        let rows =
            format!("{contract},{contract},yes\n{contract},{child},yes\n{contract},{plain},no\n");
        let story = Self { system, family };
        story.load(&rows)?;
        Ok(story)
    }

    /// Loads these rows as the operator would.
    pub fn load(&self, rows: &str) -> Result<()> {
        self.import(&format!("contract_number,number,service\n{rows}"))
    }

    /// Loads the same numbers for a customer with this mark.
    pub fn load_for_customer(&self, mark: &str) -> Result<()> {
        let Family { contract, child, plain } = &self.family;
        let numbers = [(contract, "yes"), (child, "yes"), (plain, "no")];
        let rows =
            numbers.map(|(number, service)| format!("{contract},{number},{service},{mark}\n"));
        self.import(&format!("contract_number,number,service,customer\n{}", rows.concat()))
    }

    fn import(&self, csv: &str) -> Result<()> {
        let file = self.system.folder.path().join(format!("{}.csv", self.family.contract));
        fs::write(&file, csv)?;
        self.system.operator(&["contracts", "import", file.to_str().unwrap()])
    }

    /// The contract number calls, asserted by the carrier.
    pub fn call_from_contract(&self) -> Result<Subscriber> {
        Caller::asserted(&self.family.contract).call(&self.system.line())
    }

    /// An additional number calls.
    pub fn call_from_child(&self) -> Result<Subscriber> {
        Caller::asserted(&self.family.child).call(&self.system.line())
    }

    /// A fresh temporary password, remembered for the search of the logs. No digit follows itself.
    pub fn password(&self) -> String {
        let mut digit = 0;
        let mut next = || {
            digit = (digit + rand::random_range(1..10)) % 10;
            digit.to_string()
        };
        let password: String = std::iter::repeat_with(&mut next).take(8).collect();
        self.used(&password);
        password
    }

    /// Remembers a password for the search of the logs.
    pub fn used(&self, password: &str) {
        self.system.remember(password);
    }

    /// The unit in force.
    pub fn unit(&self) -> Result<Option<String>> {
        let query = "SELECT unit FROM contract WHERE number = $1";
        let row = self.system.wait(async {
            let client = self.system.database.owner().await?;
            anyhow::Ok(client.query_one(query, &[&self.family.contract]).await?)
        })?;
        Ok(row.get(0))
    }

    /// The stored credentials of the contract's numbers; `is_good` by the database's clock and C1,
    /// C2.
    pub fn stored(&self) -> Result<Vec<StoredCredential>> {
        let query = "SELECT login_number, kind, password_hash LIKE '$argon2id$%'
                 AND voided_at IS NULL AND failed_attempts = 0
                 AND set_at BETWEEN now() - interval '10 minutes' AND now()
             FROM credential JOIN phone_number ON login_number = number
             WHERE contract_number = $1 ORDER BY login_number";
        let rows = self.system.wait(async {
            let client = self.system.database.owner().await?;
            anyhow::Ok(client.query(query, &[&self.family.contract]).await?)
        })?;
        Ok(rows
            .iter()
            .map(|row| StoredCredential {
                login_number: row.get(0),
                kind: row.get(1),
                is_good: row.get::<_, Option<bool>>(2).unwrap_or(false),
            })
            .collect())
    }

    /// Expects that nothing is stored, and the contract has no unit.
    pub fn expect_nothing_stored(&self) -> Result<()> {
        let (stored, unit) = (self.stored()?, self.unit()?);
        ensure!(stored.is_empty() && unit.is_none(), "stored: {stored:?}, unit {unit:?}");
        Ok(())
    }

    /// Expects a temporary password for `login_number` alone, with this unit, which logs in over
    /// the API as `role` for `numbers`.
    pub fn expect_stored(
        &self,
        login_number: &str,
        password: &str,
        unit: &str,
        role: &str,
        numbers: &[&str],
    ) -> Result<()> {
        let expected = StoredCredential {
            login_number: login_number.to_owned(),
            kind: "temporary".to_owned(),
            is_good: true,
        };
        let (mut stored, in_force) = (self.stored()?, self.unit()?);
        stored.retain(|stored| stored.is_good);
        ensure!(stored == [expected], "stored: {stored:?}");
        ensure!(in_force.as_deref() == Some(unit), "the unit is {in_force:?}");
        let (status, answer) = self.log_in(login_number, password)?;
        ensure!(status == 200, "login answers {status}");
        let field = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let answered = [field("number"), field("unit"), field("role"), field("password_change")];
        ensure!(answered == [login_number, unit, role, "temporary"], "login says {answered:?}");
        let configures: Vec<&str> =
            answer["numbers"].as_array().into_iter().flatten().filter_map(Value::as_str).collect();
        ensure!(configures == numbers, "login configures {configures:?}");
        Ok(())
    }

    /// The daemon's API.
    pub fn api(&self) -> Result<Api> {
        let daemon = self.system.daemon.as_ref().unwrap().lock().unwrap();
        Api::new(&daemon.site(), client(&daemon.certificate())?.timeout(ANSWER_TIMEOUT))
    }

    /// Logs in over the API.
    pub fn log_in(&self, login_number: &str, password: &str) -> Result<(u16, Value)> {
        Ok(self.system.wait(self.api()?.log_in(login_number, password))?)
    }

    /// Expects that the password does not log in.
    pub fn expect_refused(&self, login_number: &str, password: &str) -> Result<()> {
        let (status, _) = self.log_in(login_number, password)?;
        ensure!(status == 401, "login answers {status}");
        Ok(())
    }
}

/// Keys the password twice, and expects to hear that it is stored for `login_number`.
pub fn complete(call: &mut Subscriber, login_number: &str, password: &str) -> Result<()> {
    call.key_password(password)?.hear("confirm-password")?.key_password(password)?;
    call.hear_number(login_number)?.hear_whole("completed")?.expect_hangup()?;
    Ok(())
}
