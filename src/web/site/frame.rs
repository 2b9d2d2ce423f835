//! What is around every page and in its texts, made once from the configuration for each language
//! (`W10`).

use std::sync::Arc;
use std::time::Duration;

use url::Url;

use super::assets::Assets;
use super::language::Language;
use super::markup::{Markup, ToMarkup as _};
use super::text;
use crate::config::{Config, Links, SiteIdentity};
use domain::auth_unit::AuthUnit;
use domain::phone_number::{self, PhoneNumber};
use domain::rules;

/// The frames of all languages.
#[derive(Debug)]
pub(in crate::web) struct PageFrames {
    pub(super) assets: Arc<Assets>,
    /// Where to report a vulnerability.
    pub(super) security_contact: Option<Url>,
    japanese: Arc<PageFrame>,
    english: Arc<PageFrame>,
}

/// What `layout.html` shows on every page of one language.
#[derive(Debug)]
pub(super) struct PageFrame {
    pub(super) assets: Arc<Assets>,
    /// The name of the site, for titles.
    pub(super) name: String,
    /// The same for the page itself.
    pub(super) name_shown: Markup,
    pub(super) company: Option<OperatorText>,
    pub(super) links: Links,
    pub(super) support: Option<SupportLine>,
    pub(super) notices: Vec<OperatorText>,
    /// The set-up number, as a link for telephones.
    pub(super) set_up: Markup,
    /// The idle time that ends a session (`W5`): `15分`.
    pub(super) idle_limit: Markup,
    pub(super) idle_warning: IdleWarning,
    pub(super) rules: RuleNumbers,
    pub(super) menu: MenuKeys,
}

/// How long before the idle end its warning comes (`W9`).
#[derive(Debug)]
pub(super) struct IdleWarning {
    pub(super) lead_s: u64,
    /// `2分`
    pub(super) shown: Markup,
}

/// The telephone line for questions.
#[derive(Debug)]
pub(super) struct SupportLine {
    /// As a link for telephones.
    pub(super) number: Markup,
    pub(super) hours: Option<Markup>,
}

/// A text of the configuration.
#[derive(Debug)]
pub(super) struct OperatorText {
    pub(super) text: String,
    /// Its language, if the page has another.
    pub(super) lang: Option<&'static str>,
    /// With a mark of its language if the page has another.
    pub(super) shown: Markup,
}

/// The numbers of the rules, formatted for the texts.
#[derive(Debug)]
pub(super) struct RuleNumbers {
    pub(super) number_min: usize,
    pub(super) number_max: usize,
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

impl PageFrames {
    pub(in crate::web) fn new(config: &Config) -> Self {
        let assets = Arc::new(Assets::new(&config.site.identity));
        let frame = |lang| Arc::new(PageFrame::new(config, &assets, lang));
        let (japanese, english) = (frame(Language::Japanese), frame(Language::English));
        let security_contact = config.site.identity.security_contact.clone();
        Self { assets, security_contact, japanese, english }
    }

    pub(super) fn in_language(&self, lang: Language) -> &Arc<PageFrame> {
        match lang {
            Language::Japanese => &self.japanese,
            Language::English => &self.english,
        }
    }
}

impl PageFrame {
    fn new(config: &Config, assets: &Arc<Assets>, lang: Language) -> Self {
        let identity = &config.site.identity;
        let Words { name, company, hours, notices, links } = Words::new(identity, lang);
        Self {
            assets: Arc::clone(assets),
            name: name.text,
            name_shown: name.shown,
            company,
            links,
            support: identity.support_number.map(|number| SupportLine {
                number: telephone_link(number),
                hours: hours.map(|hours| hours.shown),
            }),
            notices,
            set_up: telephone_link(config.site.set_up_number),
            idle_limit: text::span(lang, config.session.idle_timeout),
            idle_warning: IdleWarning::new(lang, config.session.idle_timeout),
            rules: RuleNumbers::new(),
            menu: MenuKeys::new(),
        }
    }
}

/// The operator's words for pages of one language.
struct Words {
    name: OperatorText,
    company: Option<OperatorText>,
    hours: Option<OperatorText>,
    notices: Vec<OperatorText>,
    links: Links,
}

impl Words {
    /// What has no English form is shown in Japanese, and marked as such.
    fn new(identity: &SiteIdentity, lang: Language) -> Self {
        let (japanese, english) = (&identity.japanese, &identity.english);
        let chosen = |japanese: &Option<String>, english: &Option<String>| {
            let english = english.as_ref().filter(|_| lang == Language::English);
            let english = english.map(|text| OperatorText::new(text, Language::English, lang));
            let japanese = japanese.as_ref();
            let japanese = japanese.map(|text| OperatorText::new(text, Language::Japanese, lang));
            english.or(japanese)
        };
        let (notices, language) = if lang == Language::English && !english.notices.is_empty() {
            (&english.notices, Language::English)
        } else {
            (&japanese.notices, Language::Japanese)
        };
        let default_name = || OperatorText::new(lang.settings_site().as_str(), lang, lang);
        let links = match lang {
            Language::Japanese => japanese.links.clone(),
            Language::English => english.links.clone().or(&japanese.links),
        };
        Self {
            name: chosen(&japanese.name, &english.name).unwrap_or_else(default_name),
            company: chosen(&japanese.company, &english.company),
            hours: chosen(&japanese.support_hours, &english.support_hours),
            notices: notices.iter().map(|text| OperatorText::new(text, language, lang)).collect(),
            links,
        }
    }
}

impl OperatorText {
    /// A text in `language` for pages in `of_page`.
    fn new(text: &str, language: Language, of_page: Language) -> Self {
        let escaped = text.to_markup();
        let lang = (language != of_page).then(|| language.tag());
        let shown = match lang {
            None => escaped,
            Some(tag) => Markup::from_args(format_args!("<span lang=\"{tag}\">{escaped}</span>")),
        };
        Self { text: text.to_owned(), lang, shown }
    }
}

impl IdleWarning {
    fn new(lang: Language, idle: Duration) -> Self {
        let lead = rules::IDLE_WARNING_LEAD.min(idle / 2);
        Self { lead_s: lead.as_secs(), shown: text::span(lang, lead) }
    }
}

fn telephone_link(number: PhoneNumber) -> Markup {
    let (digits, shown) = (number.as_str(), number.hyphenated());
    Markup::from_args(format_args!("<a class=\"number\" href=\"tel:{digits}\">{shown}</a>"))
}

impl RuleNumbers {
    fn new() -> Self {
        Self {
            number_min: *phone_number::DIGITS.start(),
            number_max: *phone_number::DIGITS.end(),
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
            let warning = IdleWarning::new(Language::Japanese, Duration::from_secs(idle_s));
            assert_eq!((warning.lead_s, warning.shown.as_str()), (lead_s, shown));
        }
    }
}
