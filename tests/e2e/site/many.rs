//! U4: contracts of up to a thousand numbers go through each change of the unit. What their pages
//! weigh and how long the changes take is printed.

use std::net::Ipv4Addr;
use std::time::Instant;

use anyhow::{Result, anyhow, ensure};
use domain::common_passwords::CommonPasswords;
use domain::password::{NewPassword, SubmittedPassword};
use karipass::hashing::{Cost, Dummy, Hasher, Keys, Salt};

use super::browser::{Manner, Page};
use super::visit::Visit;
use super::{Browsers, LANGUAGES, in_manner};

const SIZES: [usize; 5] = [1, 10, 100, 500, 1_000];
/// Every change, each from the unit that the one before has left.
const CHANGES: [(&str, &str); 6] = [
    ("number", "line"),
    ("line", "number"),
    ("number", "admin_user"),
    ("admin_user", "line"),
    ("line", "admin_user"),
    ("admin_user", "number"),
];
/// A change of a thousand numbers at [`Cost::LIVE`] is a figure of `make bench`.
const CHEAP: Cost = Cost { memory_kib: 64, passes: 1, lanes: 1 };
/// In how many columns the top page has the numbers, once they are unfolded.
const COLUMNS: &str = "(document.querySelector('details').open = true,
    new Set([...document.querySelectorAll('#numbers li')]
        .map(number => number.getBoundingClientRect().left)).size)";
/// Whether every password has its button.
const HAVE_BUTTONS: &str = "[...document.querySelectorAll('input[type=password]')].every(
    field => document.querySelector(`[aria-controls=${field.id}]`).checkVisibility())";
/// Whether every password follows the hidden name under which a password manager keeps it.
const HAVE_NAMES: &str = "[...document.querySelectorAll('input[type=password]')].every(field => {
    const name = field.previousElementSibling, section = `section-${name.value}`;
    return field.id === `password-${name.value}` && !name.checkVisibility() &&
        name.getAttribute('autocomplete') === `${section} username` &&
        field.getAttribute('autocomplete') === `${section} current-password`;
})";
/// Whether the button prints. The printer's dialog is left out.
const PRINTS: &str = "(window.print = () => { document.title = 'printed'; },
    document.getElementById('print').click(), document.title === 'printed')";
/// Whether the folded table is visible.
const IS_UNFOLDED: &str = "document.querySelector('#gone td').checkVisibility()";
/// Whether something is visible that is of no use on paper.
const HAS_CONTROLS: &str = "[...document.querySelectorAll('footer, .buttons, .language')]
    .some(node => node.checkVisibility())";
const FORM: &str = "document.getElementById('unit-form')";
/// The heights that a page may have, in pixels: the top page on a desktop, and the form on a
/// telephone with ten rows of its table, and for each of a few fields or of many.
const MAX_TOP: u64 = 2_000;
const MAX_FORM: u64 = 3_500;
const MAX_FIELD: u64 = 350;
const MAX_COMPACT_FIELD: u64 = 90;
/// A form of more fields is compact.
const MAX_WIDE_FIELDS: u64 = 10;
/// The largest request of a unit change.
const MAX_SENT: u64 = 128 * 1024;
/// Notes what a progress bar shows, until the page is left.
const WATCH: &str = "const bar = document.querySelector('progress');
    setInterval(() => {
        if (!bar.hidden && bar.value > 0) sessionStorage.setItem('progress', bar.max);
    }, 20);";

#[test]
fn u4_contracts_of_one_to_a_thousand_numbers_go_through_each_change() -> Result<()> {
    for size in SIZES {
        in_manner(Manner::Unexamined, |visit| {
            let contract = LargeContract::load(visit, size, CHEAP)?;
            for (from, to) in CHANGES {
                contract.log_in(from)?;
                contract.change(from, to)?;
            }
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn u4_a_progress_bar_counts_the_passwords_that_are_compared() -> Result<()> {
    in_manner(Manner::Unexamined, |visit| {
        let contract = LargeContract::load(visit, 100, Cost::LIVE)?;
        contract.log_in("number")?;
        visit.go("/unit/line")?;
        contract.send(WATCH)?.expect_heading("認証単位を変更しました")?;
        let shown = visit.value("sessionStorage.getItem('progress')")?;
        ensure!(shown == "100", "the bar showed {shown}");
        Ok(())
    })
}

#[test]
fn u4_the_form_of_many_numbers_is_in_both_languages() -> Result<()> {
    in_manner(Manner::Pointer, |visit| {
        let contract = LargeContract::load(visit, 12, CHEAP)?;
        contract.log_in("number")?;
        for language in LANGUAGES {
            visit.go(&format!("/?lang={language}"))?;
            visit.check_layout(&format!("top-many-{language}"))?;
            visit.go("/unit/line")?;
            visit.check_layout(&format!("unit-many-{language}"))?;
            ensure!(visit.value(HAVE_BUTTONS)? == true, "what is typed cannot be shown");
            ensure!(visit.value(HAVE_NAMES)? == true, "a password manager mixes up the numbers");
            contract.send(&one_wrong(&visit.new_password()))?;
            visit.check_layout(&format!("unit-many-refused-{language}"))?;
        }
        contract.send("")?;
        for language in LANGUAGES {
            visit.go(&format!("/unit-changed?lang={language}"))?;
            visit.check_layout(&format!("unit-many-changed-{language}"))?;
        }
        visit.go("/?lang=ja")?;
        contract.log_in("line")?;
        let columns = visit.value(COLUMNS)?;
        ensure!(columns.as_u64() > Some(1), "the numbers are in {columns} columns");
        visit.check_layout("top-many-unfolded")
    })
}

#[test]
fn u4_the_outcome_of_a_change_is_printed_whole() -> Result<()> {
    in_manner(Manner::Unexamined, |visit| {
        let contract = LargeContract::load(visit, 12, CHEAP)?;
        contract.log_in("number")?;
        visit.go("/unit/line")?;
        contract.send("")?.expect_heading("認証単位を変更しました")?;
        let [unfolded, controls] = [IS_UNFOLDED, HAS_CONTROLS].map(|what| visit.value(what));
        ensure!(unfolded? == false && controls? == true, "on the screen it is as on paper");
        ensure!(visit.value(PRINTS)? == true, "the button does not print");
        let browser = visit.who.browser;
        visit.wait(browser.emulate("print", "prefers-color-scheme", "light"))?;
        let [unfolded, controls] = [IS_UNFOLDED, HAS_CONTROLS].map(|what| visit.value(what));
        visit.wait(browser.emulate("", "prefers-color-scheme", "light"))?;
        ensure!(unfolded? == true && controls? == false, "on paper it is as on the screen");
        Ok(())
    })
}

/// A contract whose numbers all have the service and the same password, of the largest length.
struct LargeContract<'a> {
    visit: &'a Visit<'a>,
    numbers: Vec<String>,
    password: String,
    /// The password, hashed.
    hash: String,
}

impl<'a> LargeContract<'a> {
    fn load(visit: &'a Visit<'a>, size: usize, cost: Cost) -> Result<Self> {
        let own = &visit.family().contract;
        let part: String = [3, 5, 7].map(|place| &own[place..=place]).concat();
        let numbers: Vec<String> = (0..size).map(|n| format!("066{part}{n:04}")).collect();
        let rows = numbers.iter().map(|number| format!("{},{number},yes\n", numbers[0]));
        visit.story.load(&rows.collect::<String>())?;
        let password = format!("Pwpw{}", visit.story.password());
        visit.story.used(&password);
        let hash = hash(visit, &password, cost)?;
        let contract = Self { visit, numbers, password, hash };
        contract.give_to_all()?;
        Ok(contract)
    }

    /// Gives every number the password.
    fn give_to_all(&self) -> Result<()> {
        let sql = "INSERT INTO credential (login_number, kind, password_hash, set_at)
            SELECT number, 'password', $2, clock_timestamp() FROM phone_number
            WHERE contract_number = $1";
        self.execute(sql, &self.hash)
    }

    /// Logs in with the contract number under this unit, and measures the top page. The login makes
    /// a cheap hash a new one; its copies would make the following changes slow.
    fn log_in(&self, unit: &str) -> Result<()> {
        self.execute("UPDATE contract SET unit = $2 WHERE number = $1", unit)?;
        let (size, browser) = (self.numbers.len(), self.visit.who.browser);
        self.visit.log_in(&self.numbers[0], &self.password)?.expect_heading("設定サイトトップ")?;
        let [telephone, desktop] = self.visit.wait(browser.heights())?;
        eprintln!(
            "{size} numbers under {unit}: top page {telephone} px at 375, {desktop} px at 1280"
        );
        ensure!(desktop <= MAX_TOP, "the actions are out of sight");
        let sql = "UPDATE credential SET password_hash = $2 FROM phone_number
            WHERE number = login_number AND contract_number = $1 AND password_hash IS NOT NULL";
        self.execute(sql, &self.hash)
    }

    /// Changes the unit, after a slip where several passwords are required.
    fn change(&self, from: &str, to: &str) -> Result<()> {
        let (visit, size) = (self.visit, self.numbers.len());
        visit.go(&format!("/unit/{to}"))?;
        let [telephone, desktop] = visit.wait(visit.who.browser.heights())?;
        let bytes = self.number("performance.getEntriesByType('navigation')[0].decodedBodySize")?;
        let sent =
            self.number(&format!("new URLSearchParams(new FormData({FORM})).toString().length"))?;
        let fields = self.number(&format!("{FORM}.querySelectorAll('[type=password]').length"))?;
        let sent = sent + fields * u64::try_from(self.password.len())?;
        let field = if fields > MAX_WIDE_FIELDS { MAX_COMPACT_FIELD } else { MAX_FIELD };
        ensure!(telephone <= MAX_FORM + fields * field, "the form is {telephone} px high");
        ensure!(sent <= MAX_SENT, "{sent} bytes are sent");
        let mut seconds = Vec::new();
        let mut timed = |script: &str| -> Result<Page> {
            let began = Instant::now();
            let page = self.send(script)?;
            seconds.push(format!("{:.1} s", began.elapsed().as_secs_f64()));
            Ok(page)
        };
        if fields > 1 {
            timed(&one_wrong(&visit.new_password()))?.expect_text("確認済み")?;
        }
        timed("")?.expect_heading("認証単位を変更しました")?;
        eprintln!(
            "{size} numbers, {from} to {to}: form {telephone} px at 375, {desktop} px at 1280, \
             {bytes} bytes, {sent} bytes sent, {} (a slip, and the change)",
            seconds.join(", ")
        );
        // Each number logs in afterwards, or has lost its password.
        let rows = self.number("document.querySelectorAll('.outcome tbody tr').length")?;
        ensure!(rows == u64::try_from(size)?, "the outcome has {rows} rows");
        Ok(())
    }

    /// Fills the form's fields with the password, runs a script, and sends it.
    fn send(&self, script: &str) -> Result<Page> {
        self.visit.leave_by(&format!(
            "const form = {FORM};
             const fields = [...form.querySelectorAll('input[type=password]')];
             for (const field of fields) field.value = '{}';
             {script}
             form.requestSubmit();",
            self.password
        ))
    }

    fn number(&self, expression: &str) -> Result<u64> {
        let value = self.visit.value(expression)?;
        value.as_u64().ok_or_else(|| anyhow!("{expression} is {value}"))
    }

    /// Runs a statement about the contract number and `text`.
    fn execute(&self, sql: &str, text: &str) -> Result<()> {
        self.visit.wait(async {
            let owner = self.visit.story.system.database.owner().await?;
            owner.execute(sql, &[&self.numbers[0], &text]).await?;
            Ok(())
        })
    }
}

/// Enters a wrong password for the last number.
fn one_wrong(password: &str) -> String {
    format!("fields.at(-1).value = '{password}';")
}

/// The hash of a password at this cost, with the keys of the daemon.
fn hash(visit: &Visit<'_>, password: &str, cost: Cost) -> Result<String> {
    let keys = Browsers::keys(visit.story.system)?;
    let hasher = Hasher::start(Keys::parse(&keys)?, cost, &Dummy::draw(&mut rand::rng()))?;
    let typed = |text: &str| SubmittedPassword::from(text.to_owned());
    let none = CommonPasswords::default();
    let new = NewPassword::check(&typed(""), &typed(password), &typed(password), &none);
    let new = new.map_err(|reasons| anyhow!("{reasons:?}"))?;
    let salt = Salt::draw(&mut rand::rng());
    let hash = visit.wait(hasher.hash_for_change(new, salt, Ipv4Addr::LOCALHOST.into()))?;
    Ok(hash.expose().to_owned())
}
