//! One visit to the site: its own numbers, a fresh browser, and the database's rows about the
//! numbers.

use std::net::Ipv4Addr;

use super::browser::{Chromium, Manner, Page, Visitor};
use anyhow::{Context as _, Result, anyhow, ensure};
use domain::common_passwords::CommonPasswords;
use domain::password::{NewPassword, PhcString, SubmittedPassword, TemporaryPassword};
use karipass::hashing::Salt;

use super::Browsers;
use crate::story::{Family, Story};
use crate::system::System;

/// A visitor with a contract.
pub struct Visit<'a> {
    pub story: Story<'a>,
    pub who: Visitor<'a>,
}

impl<'a> Visit<'a> {
    /// Loads the contract and opens the browser.
    pub fn begin(
        system: &'a System,
        browser: &'a Chromium,
        site: &str,
        manner: Manner,
    ) -> Result<Self> {
        let story = Story::new(system)?;
        let who = system.wait(Visitor::start(browser, site, manner))?;
        Ok(Self { story, who })
    }

    /// Ends the visit, and expects no errors behind the scenes.
    pub fn end(self) -> Result<()> {
        self.story.system.wait(self.who.finish())
    }

    /// The contract's numbers.
    pub fn family(&self) -> &Family {
        &self.story.family
    }

    pub fn wait<T>(&self, work: impl Future<Output = T>) -> T {
        self.story.system.wait(work)
    }

    /// The address of a path.
    pub fn url(&self, path: &str) -> String {
        self.who.url(path)
    }

    pub fn go(&self, path: &str) -> Result<Page> {
        self.wait(self.who.go(path))
    }

    pub fn fill(&self, label: &str, text: &str) -> Result<&Self> {
        self.wait(self.who.fill(label, text))?;
        Ok(self)
    }

    pub fn press(&self, words: &str) -> Result<Page> {
        self.wait(self.who.press(words))
    }

    /// Runs a script that leaves the page.
    pub fn leave_by(&self, script: &str) -> Result<Page> {
        self.wait(self.who.leave_by(script))
    }

    /// The value of an expression of the page's script.
    pub fn value(&self, expression: &str) -> Result<serde_json::Value> {
        self.wait(self.who.browser.value(expression))
    }

    /// Fills the login form and sends it.
    pub fn log_in(&self, number: &str, password: &str) -> Result<Page> {
        self.go("/login")?.expect_text("ログイン")?;
        self.fill("電話番号", number)?.fill("パスワード", password)?;
        self.press("ログイン")
    }

    /// Expects these words beneath a field, and that the field is marked as wrong.
    pub fn expect_error(&self, label: &str, words: &str) -> Result<()> {
        let (text, is_wrong) = self.wait(self.who.browser.error_beneath(label))?;
        ensure!(is_wrong && text.contains(words), "beneath {label} (wrong: {is_wrong}): {text}");
        Ok(())
    }

    /// Expects that the page fits on every screen; takes screenshots for the documentation on
    /// demand.
    pub fn check_layout(&self, name: &str) -> Result<()> {
        self.wait(self.who.check_layout(name))
    }

    /// Gives `login_number` a temporary password, which it returns, and its contract this unit.
    pub fn give_temporary(&self, login_number: &str, unit: &str) -> Result<String> {
        let secret = self.story.password();
        let password = TemporaryPassword::try_from(secret.as_bytes())?;
        let salt = Salt::draw(&mut rand::rng());
        let hashed =
            self.wait(Browsers::shared(self.story.system).hasher.hash_for_call(password, salt))?;
        self.store(login_number, "temporary", unit, &hashed)?;
        Ok(secret)
    }

    /// Gives `login_number` a password, which it returns, and its contract this unit.
    pub fn give_password(&self, login_number: &str, unit: &str) -> Result<String> {
        let secret = self.new_password();
        let typed = |text: &str| SubmittedPassword::from(text.to_owned());
        let password = NewPassword::check(
            &typed(""),
            &typed(&secret),
            &typed(&secret),
            &CommonPasswords::default(),
        );
        let password = password.map_err(|reasons| anyhow!("{reasons:?}"))?;
        let salt = Salt::draw(&mut rand::rng());
        let hashed = self.wait(Browsers::shared(self.story.system).hasher.hash_for_change(
            password,
            salt,
            Ipv4Addr::LOCALHOST.into(),
        ))?;
        self.store(login_number, "password", unit, &hashed)?;
        Ok(secret)
    }

    /// A fresh valid password, remembered for the search of the logs.
    pub fn new_password(&self) -> String {
        let secret = format!("Pw{}", self.story.password());
        self.story.used(&secret);
        secret
    }

    fn store(&self, login_number: &str, kind: &str, unit: &str, hashed: &PhcString) -> Result<()> {
        let contract = &self.family().contract;
        self.wait(async {
            let owner = self.story.system.database.owner().await?;
            let sets =
                "UPDATE contract SET unit = $2 WHERE number = $1 AND unit IS DISTINCT FROM $2";
            owner.execute(sets, &[contract, &unit]).await?;
            owner
                .execute("DELETE FROM credential WHERE login_number = $1", &[&login_number])
                .await?;
            let stores = "INSERT INTO credential (login_number, kind, password_hash, set_at)
                 VALUES ($1, $2, $3, clock_timestamp())";
            owner.execute(stores, &[&login_number, &kind, &hashed.expose()]).await?;
            Ok(())
        })
    }

    /// Makes the credential of `login_number` older by an SQL interval.
    pub fn age(&self, login_number: &str, by: &str) -> Result<()> {
        let sql =
            "UPDATE credential SET set_at = set_at - $2::text::interval WHERE login_number = $1";
        let changed = self.wait(async {
            let owner = self.story.system.database.owner().await?;
            anyhow::Ok(owner.execute(sql, &[&login_number, &by]).await?)
        })?;
        ensure!(changed == 1, "{changed} credentials were aged");
        Ok(())
    }

    /// Voids the credential of `login_number`, as wrong entries do.
    pub fn void(&self, login_number: &str) -> Result<()> {
        self.execute(
            "UPDATE credential SET password_hash = NULL, failed_attempts = 10,
                 voided_at = clock_timestamp() WHERE login_number = $1",
            login_number,
        )
    }

    /// Removes the credential of `login_number`.
    pub fn forget(&self, login_number: &str) -> Result<()> {
        self.execute("DELETE FROM credential WHERE login_number = $1", login_number)
    }

    /// Runs a statement about `number`.
    pub fn execute(&self, sql: &str, number: &str) -> Result<()> {
        self.wait(async {
            let owner = self.story.system.database.owner().await?;
            owner.execute(sql, &[&number]).await?;
            Ok(())
        })
    }

    /// The failures counted for `login_number`, and whether it is void.
    pub fn count(&self, login_number: &str) -> Result<(i32, bool)> {
        let sql =
            "SELECT failed_attempts, voided_at IS NOT NULL FROM credential WHERE login_number = $1";
        let row = self.wait(async {
            let owner = self.story.system.database.owner().await?;
            anyhow::Ok(owner.query_opt(sql, &[&login_number]).await?)
        })?;
        let row = row.context("no credential")?;
        Ok((row.get(0), row.get(1)))
    }
}

/// A number as people write it: `06-7000-4510`.
pub fn hyphenated(number: &str) -> String {
    format!("{}-{}-{}", &number[..2], &number[2..6], &number[6..])
}
