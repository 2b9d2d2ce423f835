//! The demonstration's telephone at `/phone`: WebRTC between Chromium and Asterisk. A newcomer
//! needs nothing but a browser.

use std::sync::LazyLock;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use karipass_demonstration::phone::{self, BrowserPhone};
use karipass_lab::asterisk::Phone;
use karipass_lab::sounds;
use karipass_lab::subscriber::hearing::{Heard, Hearing, Library};

use super::browser::Manner;
use super::visit::{Visit, hyphenated};
use super::{Browsers, password, visit_at};
use crate::check::check;
use crate::story::{Family, PHONE_FAMILY};
use crate::system::{PATIENT, System};

/// For one guidance to begin or to end.
const GUIDANCE_TIMEOUT: Duration = Duration::from_mins(1);
/// One for each test that makes a call.
const FAMILIES: usize = 3;

/// A system with the telephone.
struct Demonstration {
    system: System,
    /// It serves as long as it exists.
    _phone: BrowserPhone,
}

static DEMONSTRATION: LazyLock<Demonstration> =
    LazyLock::new(|| Demonstration::start().expect("a demonstration"));

impl Demonstration {
    fn start() -> Result<Self> {
        let system = System::with_asterisk(|mut setup, _| {
            let families = (PHONE_FAMILY + 1..).take(FAMILIES).map(Family::new);
            let numbers = families.flat_map(|Family { contract, child, .. }| [contract, child]);
            setup.phones = numbers.map(|number| Phone::new(&number)).collect();
            Ok(phone::prepare(setup))
        })?;
        let asterisk = &system.asterisk.setup;
        let phone = system.wait(BrowserPhone::serve(asterisk, |_| "hears the menu".to_owned()))?;
        let (name, socket) = phone.variable();
        let system = system.with_daemon(&[PATIENT[0], PATIENT[1], (name, &socket)])?;
        Ok(Self { system, _phone: phone })
    }

    /// Runs a story of one visit to the telephone.
    fn visit(&self, manner: Manner, story: impl FnOnce(&Visit<'_>) -> Result<()>) -> Result<()> {
        // The browsers are the shared system's.
        Browsers::shared(&System::shared());
        let site = self.system.daemon.as_ref().context("no daemon")?.lock().unwrap().site();
        visit_at(&self.system, &site, manner, story)
    }
}

/// A call from the telephone.
struct BrowserCall<'a> {
    visit: &'a Visit<'a>,
    hearing: Hearing,
    /// How many of the sounds have been expected.
    expected: usize,
}

impl<'a> BrowserCall<'a> {
    /// Opens the telephone and calls from this number.
    fn begin(visit: &'a Visit<'a>, number: &str) -> Result<Self> {
        visit.wait(visit.who.tap_audio())?;
        visit.go("/phone")?.expect_heading("電話 Telephone")?;
        let phones = &DEMONSTRATION.system.asterisk.setup.phones;
        let place = phones.iter().position(|phone| phone.number == number);
        visit.wait(visit.who.call_from(place.context("no such telephone")?))?;
        Ok(Self { visit, hearing: Hearing::new(Library::guidance()), expected: 0 })
    }

    /// Waits until the next sound is certainly this.
    fn hear(&mut self, name: &str) -> Result<&mut Self> {
        self.hear_until(name, |heard| heard.is(name))
    }

    /// The same, from its beginning to its end.
    fn hear_whole(&mut self, name: &str) -> Result<&mut Self> {
        self.hear_until(name, |heard| heard.is(name) && heard.whole)
    }

    fn hear_until(&mut self, name: &str, is_so: impl Fn(&Heard) -> bool) -> Result<&mut Self> {
        let until = Instant::now() + GUIDANCE_TIMEOUT;
        while !self.hearing.heard.get(self.expected).is_some_and(&is_so) {
            ensure!(Instant::now() < until, "{name} was expected: {:#?}", self.hearing.heard);
            let audio = self.visit.wait(self.visit.who.take_audio())?;
            if audio.is_empty() {
                std::thread::sleep(Duration::from_millis(20));
            } else {
                self.hearing.hear(Instant::now(), &audio);
            }
        }
        self.expected += 1;
        Ok(self)
    }

    /// Hears a number, and then these words of the guidance, which the page shows in writing.
    fn hear_about(&mut self, number: &str, name: &str) -> Result<&mut Self> {
        for digit in number.chars() {
            self.hear_whole(&format!("digits/{digit}"))?;
        }
        self.hear(name)?.read(number, name)
    }

    /// Expects that the page shows the guidance in writing.
    fn read(&mut self, number: &str, name: &str) -> Result<&mut Self> {
        let (_, words) = sounds::words().find(|(sound, _)| *sound == name).context("no words")?;
        let number = if number.is_empty() { String::new() } else { hyphenated(number) };
        self.see(&format!("said.lastElementChild.textContent.startsWith('{number}{words}')"))
    }

    fn see(&mut self, expression: &str) -> Result<&mut Self> {
        self.visit.wait(self.visit.who.browser.expect_soon(expression))?;
        Ok(self)
    }

    fn key(&mut self, digits: &str) -> Result<&mut Self> {
        self.visit.wait(self.visit.who.key_digits(digits))?;
        Ok(self)
    }

    /// Keys the password twice, hears that it is stored for `login_number`, and opens the login.
    fn complete(&mut self, login_number: &str, temporary: &str) -> Result<()> {
        self.key(temporary)?.hear("confirm-password")?.key(temporary)?;
        self.see("keyed.textContent === '••••••••'")?;
        self.hear_about(login_number, "completed")?;
        self.see("state.textContent.startsWith('通話が終わりました。')")?;
        self.visit.wait(self.visit.who.open_login(login_number))
    }
}

/// Logs in where the number is filled in.
fn log_in(visit: &Visit<'_>, temporary: &str) -> Result<()> {
    visit.fill("パスワード", temporary)?;
    visit.press("ログイン")?.expect_heading("パスワード変更")?;
    Ok(())
}

#[test]
fn r_a_newcomer_gets_to_a_changed_password_with_nothing_but_a_browser() -> Result<()> {
    DEMONSTRATION.visit(Manner::Pointer, |visit| {
        let Family { contract, .. } = visit.family();
        let temporary = visit.story.password();
        visit.go("/phone")?;
        visit.check_layout("phone")?;
        let mut call = BrowserCall::begin(visit, contract)?;
        call.hear_whole("menu")?.read("", "menu")?.key("1")?;
        call.hear_about(contract, "set-password")?;
        visit.wait(visit.who.arrive())?;
        visit.check_layout("phone-call")?;
        call.complete(contract, &temporary)?;
        log_in(visit, &temporary)?;
        let new = visit.new_password();
        password::change(visit, &temporary, &new, &new)?.expect_heading("設定サイトトップ")?;
        Ok(())
    })
}

#[test]
fn r_the_telephone_in_the_browser_is_used_by_keyboard_alone() -> Result<()> {
    DEMONSTRATION.visit(Manner::Keyboard, |visit| {
        let Family { contract, child, .. } = visit.family();
        let temporary = visit.story.password();
        let mut call = BrowserCall::begin(visit, contract)?;
        call.hear("menu")?.key("2")?.hear("enter-number")?.key(&format!("{child}#"))?;
        call.hear_about(child, "set-password")?.complete(child, &temporary)?;
        visit.story.expect_stored(child, &temporary, "number", "number", &[child])?;
        log_in(visit, &temporary)
    })
}

#[test]
fn p6_an_additional_number_registers_its_own_password_from_a_browser() -> Result<()> {
    DEMONSTRATION.visit(Manner::Pointer, |visit| {
        let Family { child, .. } = visit.family();
        let temporary = visit.story.password();
        let mut call = BrowserCall::begin(visit, child)?;
        call.hear("menu")?.key("3")?;
        call.hear_about(child, "register-password")?.complete(child, &temporary)?;
        log_in(visit, &temporary)
    })
}

#[test]
fn r_check_has_nothing_to_say_of_the_telephone_in_the_browser() -> Result<()> {
    let (status, said) = check(&DEMONSTRATION.system, &[])?;
    ensure!((status, said.as_str()) == (Some(0), "no problems found\n"), "{status:?}: {said}");
    Ok(())
}
