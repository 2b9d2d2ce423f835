//! What is around every page and in its texts, made once from the configuration (`W10`).

use std::time::Duration;

use super::assets::Assets;
use super::text;
use crate::config::{Config, Links};
use domain::auth_unit::AuthUnit;
use domain::phone_number::PhoneNumber;
use domain::rules;

/// What `layout.html` shows on every page.
#[derive(Debug)]
pub(in crate::web) struct PageFrame {
    pub(super) assets: Assets,
    pub(super) name: String,
    pub(super) company: Option<String>,
    pub(super) links: Links,
    pub(super) support: Option<SupportLine>,
    pub(super) notices: Vec<String>,
    pub(super) set_up: Callable,
    /// The idle time that ends a session (`W5`): `15分`.
    pub(super) idle_limit: String,
    pub(super) idle_warning: IdleWarning,
    pub(super) rules: RuleNumbers,
    pub(super) menu: MenuKeys,
}

/// How long before the idle end its warning comes (`W9`).
#[derive(Debug)]
pub(super) struct IdleWarning {
    pub(super) lead_s: u64,
    /// `2分`
    pub(super) shown: String,
}

/// The telephone line for questions.
#[derive(Debug)]
pub(super) struct SupportLine {
    pub(super) number: Callable,
    pub(super) hours: Option<String>,
}

/// A number that a page shows as a link for telephones.
#[derive(Debug)]
pub(super) struct Callable {
    /// With hyphens.
    pub(super) shown: String,
    /// To dial.
    pub(super) digits: String,
}

/// The numbers of the rules, as the texts show them.
#[derive(Debug)]
pub(super) struct RuleNumbers {
    pub(super) temporary_digits: usize,
    pub(super) temporary_hours: u64,
    pub(super) temporary_wrong: i32,
    pub(super) password_wrong: i32,
    pub(super) password_days: u64,
    pub(super) password_min: usize,
    pub(super) password_max: usize,
    /// Wrong entries of one step that end a call.
    pub(super) call_wrong: u8,
    /// Hours that end a session in any case.
    pub(super) session_hours: u64,
}

/// The keys of the telephone menu (`P3`).
#[derive(Debug)]
pub(super) struct MenuKeys {
    pub(super) line: char,
    pub(super) number: char,
    pub(super) admin_user: char,
}

impl PageFrame {
    pub(in crate::web) fn new(config: &Config) -> Self {
        let identity = &config.site.identity;
        Self {
            assets: Assets::new(identity),
            name: identity.name.clone(),
            company: identity.company.clone(),
            links: identity.links.clone(),
            support: identity.support.as_ref().map(|support| SupportLine {
                number: Callable::new(support.number),
                hours: support.hours.clone(),
            }),
            notices: identity.notices.clone(),
            set_up: Callable::new(config.site.set_up_number),
            idle_limit: text::span(config.session.idle_timeout),
            idle_warning: IdleWarning::new(config.session.idle_timeout),
            rules: RuleNumbers::new(),
            menu: MenuKeys::new(),
        }
    }
}

impl IdleWarning {
    fn new(idle: Duration) -> Self {
        let lead = rules::IDLE_WARNING_LEAD.min(idle / 2);
        Self { lead_s: lead.as_secs(), shown: text::span(lead) }
    }
}

impl Callable {
    fn new(number: PhoneNumber) -> Self {
        Self { shown: number.hyphenated(), digits: number.as_str().to_owned() }
    }
}

impl RuleNumbers {
    fn new() -> Self {
        Self {
            temporary_digits: rules::TEMPORARY_PASSWORD_DIGITS,
            temporary_hours: text::hours(rules::TEMPORARY_PASSWORD_LIFETIME),
            temporary_wrong: rules::MAX_TEMPORARY_PASSWORD_FAILURES,
            password_wrong: rules::MAX_PASSWORD_FAILURES,
            password_days: text::days(rules::PASSWORD_MAX_AGE),
            password_min: *rules::PASSWORD_LENGTH.start(),
            password_max: *rules::PASSWORD_LENGTH.end(),
            call_wrong: rules::MAX_WRONG_ENTRIES_PER_STEP,
            session_hours: text::hours(rules::MAX_SESSION_LIFETIME),
        }
    }
}

impl MenuKeys {
    fn new() -> Self {
        let key = |unit: AuthUnit| char::from(unit.menu_key());
        Self {
            line: key(AuthUnit::Line),
            number: key(AuthUnit::Number),
            admin_user: key(AuthUnit::AdminUser),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w9_the_warning_comes_two_minutes_before_the_idle_end_or_half_way() {
        for (idle_s, lead_s, shown) in [(900, 120, "2分"), (180, 90, "90秒"), (7, 3, "3秒")] {
            let warning = IdleWarning::new(Duration::from_secs(idle_s));
            assert_eq!((warning.lead_s, warning.shown.as_str()), (lead_s, shown));
        }
    }
}
