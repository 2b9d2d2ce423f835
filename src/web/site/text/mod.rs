//! The text of the pages in each language: the tables `ja` and `en`, and the choice of a text by
//! code.
//!
//! A text is a method of [`Language`], and its placeholders are the arguments. The compiler refuses
//! a text that one table lacks, an argument too few or too many, and a placeholder that a table
//! does not use. A text is whole: none is joined from parts, since parts have another order in
//! another language.

/// Defines a function for each text of one language.
///
/// A text is a format string, or one for each case of an argument:
/// `{ count: "1" => "{count} day", _ => "{count} days" }`.
macro_rules! table {
    ($($name:ident $(($($argument:ident),+))? = $text:tt;)*) => {
        $(pub(super) fn $name($($($argument: impl ToMarkup),+)?) -> Markup {
            $($(let $argument = $argument.to_markup();)+)?
            formatted!($text)
        })*
    };
}

/// The same for the language that names all texts, and a method that chooses the language.
macro_rules! reference {
    ($($name:ident $(($($argument:ident),+))? = $text:tt;)*) => {
        table! { $($name $(($($argument),+))? = $text;)* }

        impl super::Language {
            $(pub(crate) fn $name(self $($(, $argument: impl ToMarkup)+)?) -> Markup {
                match self {
                    Self::Japanese => $name($($($argument),+)?),
                    Self::English => super::en::$name($($($argument),+)?),
                }
            })*
        }
    };
}

macro_rules! formatted {
    ({ $argument:ident: $($case:pat => $text:literal),+ }) => {
        match $argument.as_str() {
            $($case => Markup::from_args(format_args!($text)),)+
        }
    };
    ($text:literal) => {
        Markup::from_args(format_args!($text))
    };
}

mod en;
mod ja;

use std::time::Duration;

use jiff::tz::{Offset, TimeZone};
use jiff::{Timestamp, Zoned};

use super::error_kind::ErrorKind;
use super::language::Language;
use super::markup::Markup;
use super::session_end::{EndBeforeForm, SessionEnd};
use domain::auth_unit::AuthUnit;
use domain::contract::Role;
use domain::credential::CredentialKind;
use domain::password::Rejection;
use domain::rules;
use domain::session::{PreviousLogin, TemporaryPasswordSet};
use domain::unit_outcome::NewCredential;

/// Hours from UTC to Japan's time, which has no summer time.
const JAPAN: i8 = 9;

/// The field that shows a reason against a new password.
pub(super) fn field_of(reason: Rejection) -> &'static str {
    match reason {
        Rejection::TooShort
        | Rejection::TooLong
        | Rejection::NotAlphanumeric
        | Rejection::DigitsOnly
        | Rejection::SameAsCurrent
        | Rejection::TooCommon => "new",
        Rejection::NotSameTwice => "new_again",
    }
}

/// Why a new password is rejected, and what to do (`C5`).
pub(super) fn rejection(lang: Language, reason: Rejection) -> Markup {
    let (min, max) = (rules::PASSWORD_LENGTH.start(), rules::PASSWORD_LENGTH.end());
    match reason {
        Rejection::TooShort => lang.too_short(min),
        Rejection::TooLong => lang.too_long(max),
        Rejection::NotAlphanumeric => lang.not_alphanumeric(),
        Rejection::DigitsOnly => lang.digits_only(),
        Rejection::NotSameTwice => lang.not_same_twice(),
        Rejection::SameAsCurrent => lang.same_as_current(),
        Rejection::TooCommon => lang.too_common(),
    }
}

pub(super) fn hours(life: Duration) -> u64 {
    life.as_secs() / (60 * 60)
}

pub(super) fn days(life: Duration) -> u64 {
    life.as_secs() / (24 * 60 * 60)
}

/// The heading of an error page.
pub(super) fn heading(lang: Language, kind: ErrorKind) -> Markup {
    match kind {
        ErrorKind::NotFound => lang.not_found(),
        ErrorKind::MethodNotAllowed => lang.method_not_allowed(),
        ErrorKind::Malformed | ErrorKind::TooLarge => lang.not_readable(),
        ErrorKind::CsrfError => lang.form_outdated(),
        ErrorKind::RateLimited => lang.rate_limited(),
        ErrorKind::Unavailable => lang.unavailable(),
        ErrorKind::OutcomeUnknown => lang.outcome_unknown(),
        ErrorKind::VoidElsewhere(_) => lang.password_void(),
        ErrorKind::ChangedElsewhere => lang.changed_elsewhere(),
        ErrorKind::NotAllowed => lang.not_allowed(),
        ErrorKind::Internal => lang.internal(),
    }
}

/// The heading of the page after a session's end.
pub(super) fn end_heading(lang: Language, end: SessionEnd) -> Markup {
    match end {
        SessionEnd::LoggedOut
        | SessionEnd::Idle
        | SessionEnd::PastLifetime
        | SessionEnd::BeforeForm(
            EndBeforeForm::LoggedOut | EndBeforeForm::Idle | EndBeforeForm::PastLifetime,
        ) => lang.logged_out(),
        SessionEnd::TemporaryExpired(_) => lang.temporary_expired(),
        SessionEnd::WrongEntries(_) => lang.password_void(),
        SessionEnd::PasswordChanged | SessionEnd::BeforeForm(EndBeforeForm::PasswordChanged) => {
            lang.password_was_changed()
        }
        SessionEnd::Elsewhere
        | SessionEnd::BeforeForm(EndBeforeForm::Elsewhere | EndBeforeForm::Unknown) => {
            lang.session_over()
        }
    }
}

/// A time to wait: `20秒`, `2分`.
pub(super) fn wait(lang: Language, seconds: u64) -> Markup {
    if seconds < 60 { lang.seconds(seconds.max(1)) } else { lang.minutes(seconds.div_ceil(60)) }
}

/// A configured time: `15分`, `90秒`.
pub(super) fn span(lang: Language, time: Duration) -> Markup {
    let seconds = time.as_secs();
    if seconds >= 60 && seconds.is_multiple_of(60) {
        lang.minutes(seconds / 60)
    } else {
        lang.seconds(seconds)
    }
}

/// How to set a temporary password again where the unit is known (`W12`).
#[derive(Debug, Clone)]
pub(super) struct Recovery {
    /// The key of the telephone menu.
    pub(super) key: char,
    pub(super) unit: Markup,
}

impl Recovery {
    pub(super) fn under(lang: Language, in_force: AuthUnit) -> Self {
        Self { key: char::from(in_force.menu_key()), unit: unit(lang, in_force) }
    }
}

pub(super) fn unit(lang: Language, unit: AuthUnit) -> Markup {
    match unit {
        AuthUnit::Line => lang.unit_line(),
        AuthUnit::Number => lang.unit_number(),
        AuthUnit::AdminUser => lang.unit_admin_user(),
    }
}

/// The name of a unit within a sentence.
pub(super) fn the_unit(lang: Language, unit: AuthUnit) -> Markup {
    match unit {
        AuthUnit::Line => lang.the_unit_line(),
        AuthUnit::Number => lang.the_unit_number(),
        AuthUnit::AdminUser => lang.the_unit_admin_user(),
    }
}

/// The logins under a unit, and what each configures (`W1`).
pub(super) fn about_unit(lang: Language, unit: AuthUnit) -> Markup {
    match unit {
        AuthUnit::Line => lang.about_line(),
        AuthUnit::Number => lang.about_number_unit(),
        AuthUnit::AdminUser => lang.about_admin_user(),
    }
}

/// The password of each login after a change (table `U`); `None` if nothing changes.
/// `replaces_contracts` says whether the contract number gets another password than it has, and
/// `copies_to_contract` whether it gets that of this login.
pub(super) fn afterwards(
    lang: Language,
    from: AuthUnit,
    to: AuthUnit,
    replaces_contracts: bool,
    copies_to_contract: bool,
) -> Option<Markup> {
    match (from, to) {
        (AuthUnit::Number, AuthUnit::Line) if replaces_contracts => {
            Some(lang.after_number_to_line_by_another())
        }
        (AuthUnit::Number, AuthUnit::Line) => Some(lang.after_number_to_line()),
        (AuthUnit::Line, AuthUnit::Number | AuthUnit::AdminUser) => Some(lang.after_from_line()),
        (AuthUnit::Number, AuthUnit::AdminUser) if copies_to_contract => {
            Some(lang.after_number_to_admin_user())
        }
        (AuthUnit::AdminUser, AuthUnit::Line) => Some(lang.after_admin_user_to_line()),
        (AuthUnit::Number, AuthUnit::AdminUser) | (AuthUnit::AdminUser, AuthUnit::Number) => {
            Some(lang.after_with_own_passwords())
        }
        (AuthUnit::Line, AuthUnit::Line)
        | (AuthUnit::Number, AuthUnit::Number)
        | (AuthUnit::AdminUser, AuthUnit::AdminUser) => None,
    }
}

/// The password of a login after a change that `changer` made.
pub(super) fn logs_in_with(lang: Language, with: NewCredential, changer: &str) -> Markup {
    match with {
        NewCredential::Unchanged => lang.password_kept(),
        NewCredential::CopiedFromInitiator => lang.password_copied(changer),
        NewCredential::Nothing => lang.temporary_needed(),
    }
}

/// Whether a unit change is still to be made.
#[derive(Debug, Clone, Copy)]
pub(super) enum ChangeStage {
    Before,
    After,
}

/// That a number loses its credential by a change.
pub(super) fn lost(lang: Language, stage: ChangeStage, kind: CredentialKind) -> Markup {
    match (stage, kind) {
        (ChangeStage::Before, CredentialKind::Password) => lang.password_will_be_void(),
        (ChangeStage::Before, CredentialKind::Temporary) => lang.temporary_will_be_void(),
        (ChangeStage::After, CredentialKind::Password) => lang.password_is_now_void(),
        (ChangeStage::After, CredentialKind::Temporary) => lang.temporary_is_now_void(),
    }
}

/// How many numbers lose their credential by a change.
pub(super) fn losing(lang: Language, stage: ChangeStage, count: usize) -> Markup {
    match stage {
        ChangeStage::Before => lang.passwords_will_be_void(count),
        ChangeStage::After => lang.passwords_are_now_void(count),
    }
}

/// The name of a role; `None` where all logins have the same.
pub(super) fn role(lang: Language, role: Role) -> Option<Markup> {
    match role {
        Role::Line | Role::Number => None,
        Role::Admin => Some(lang.administrator()),
        Role::User => Some(lang.user()),
    }
}

/// When and from where an earlier login came.
pub(super) fn previous_login(lang: Language, login: PreviousLogin) -> Markup {
    let time = time(lang, login.at);
    match login.address {
        Some(address) => lang.login_from(time, address.to_string()),
        None => time,
    }
}

/// When and from where a temporary password was set.
pub(super) fn temporary_password_set(lang: Language, setting: TemporaryPasswordSet) -> Markup {
    let time = time(lang, setting.at);
    match setting.caller {
        Some(caller) => lang.set_by_call(time, caller.hyphenated()),
        None => lang.set_by_help_desk(time),
    }
}

/// A time in Japan: `2026年11月22日（日）18時05分`.
pub(super) fn time(lang: Language, at: Timestamp) -> Markup {
    let at = in_japan(at);
    lang.date_and_time(
        at.year(),
        lang.month(at.month()),
        at.day(),
        lang.weekday(at.weekday().to_monday_one_offset()),
        at.hour(),
        format!("{:02}", at.minute()),
    )
}

/// The same for programs: `2026-11-22T18:05+09:00`.
pub(super) fn machine_time(at: Timestamp) -> String {
    in_japan(at).strftime("%Y-%m-%dT%H:%M%:z").to_string()
}

fn in_japan(at: Timestamp) -> Zoned {
    at.to_zoned(TimeZone::fixed(Offset::constant(JAPAN)))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The tables as they are written.
    const TABLES: [&str; 2] = [include_str!("ja.rs"), include_str!("en.rs")];

    /// The names of a table's texts with their placeholders, as they are declared.
    fn declared(table: &str) -> Vec<&str> {
        let entries = table.lines().filter_map(|line| line.strip_prefix("    "));
        let entries = entries.filter(|line| line.starts_with(|letter: char| letter.is_lowercase()));
        entries.filter_map(|line| Some(line.split_once(" = ")?.0)).collect()
    }

    /// The compiler finds a text that is missing. It does not find two placeholders in another
    /// order, whose texts would change places.
    #[test]
    fn w4_both_languages_have_the_same_texts_with_the_same_placeholders() {
        let [japanese, english] = TABLES.map(declared);
        assert!(japanese.len() > 200, "{}", japanese.len());
        assert_eq!(japanese, english);
    }

    #[test]
    fn w4_no_text_of_a_page_stands_outside_the_tables() {
        let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/web/site");
        let is_japanese = |letter: char| matches!(letter, '\u{3040}'..='\u{30ff}' | '\u{4e00}'..='\u{9fff}' | '\u{ff01}'..='\u{ff60}');
        let mut templates = 0;
        for file in std::fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()) {
            if !file.extension().is_some_and(|kind| kind == "html" || kind == "js") {
                continue;
            }
            templates += 1;
            let content = std::fs::read_to_string(&file).unwrap();
            assert!(!content.contains(is_japanese), "{}", file.display());
            if file.extension().is_some_and(|kind| kind == "html") {
                assert_eq!(text_of(&content), "", "{}", file.display());
            }
        }
        assert!(templates > 10, "{templates}");
    }

    /// The letters of a template that are neither of a tag nor of an expression.
    fn text_of(template: &str) -> String {
        let mut rest = template.to_owned();
        for (open, close) in [("{{", "}}"), ("{%", "%}"), ("<", ">")] {
            while let Some(start) = rest.find(open) {
                let end = rest[start..].find(close).unwrap() + start + close.len();
                rest.replace_range(start..end, "");
            }
        }
        rest.split_whitespace().collect()
    }

    #[test]
    fn times_are_shown_as_in_japan() {
        let at = "2026-11-22T15:05:59Z".parse().unwrap();
        assert_eq!(time(Language::Japanese, at).as_str(), "2026年11月23日（月）0時05分");
        let english = "Monday, 23 November 2026, 0:05 (Japan time)";
        assert_eq!(time(Language::English, at).as_str(), english);
        assert_eq!(machine_time(at), "2026-11-23T00:05+09:00");
    }

    #[test]
    fn w4_english_has_a_form_for_one() {
        let shown = |count: u64| Language::English.phone_numbers(count).to_string();
        assert_eq!([1, 2].map(shown), ["1 phone number", "2 phone numbers"]);
        let left = |days: u64| Language::English.days_left(days).to_string();
        let expected = ["Valid for less than 24 hours", "Valid for 1 more day"];
        assert_eq!([0, 1].map(left), expected);
        let span = |s: u64| span(Language::English, Duration::from_secs(s)).to_string();
        assert_eq!([60, 90, 900].map(span), ["1 minute", "90 seconds", "15 minutes"]);
    }
}
