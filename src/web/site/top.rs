//! `/`, the top page (設定サイトトップ): the numbers that this login configures, the end of its
//! password (`W4`), and its number's history (`W11`). Without a session, the entry page.

use std::time::Duration;

use askama::Template;
use axum::extract::RawQuery;
use axum::http::StatusCode;
use axum::response::Response;

use super::entry;
use super::error::PageError;
use super::language::Language;
use super::layout::{Layout, render};
use super::markup::Markup;
use super::session::CookieSession;
use super::text::{self, Recovery};
use domain::access::Access;
use domain::phone_number::PhoneNumber;
use domain::policy::unit_plan::may_change_unit;
use domain::rules;
use domain::session::LoginHistory;

/// `top.html`
#[derive(Template)]
#[template(path = "top.html", config = ".askama.toml")]
struct TopPage {
    layout: Layout,
    /// How to set a temporary password, if the password is void (`C2`).
    void: Option<Recovery>,
    number: String,
    unit: Markup,
    role: Option<Markup>,
    /// The numbers that the login configures.
    numbers: Vec<String>,
    /// The days until the password expires.
    days_left: Markup,
    good_until: Markup,
    good_until_for_machines: String,
    /// Whether the password has just been changed.
    just_changed: bool,
    /// Whether the password expires soon.
    ends_soon: bool,
    /// Whether the login may change the unit (`U2`).
    may_change_unit: bool,
    history: HistoryView,
}

/// The history of the login number.
struct HistoryView {
    /// When and from where the previous login came.
    previous_login: Option<Markup>,
    /// Wrong entries since then.
    failed_attempts: i32,
    /// When and from where the last temporary password was set.
    temporary_password_set: Option<Markup>,
}

/// More numbers than this are folded (`U4`).
const MAX_OPEN_NUMBERS: usize = 10;
/// The page after a change of the password.
pub(super) const AFTER_CHANGE: &str = "/?changed";
/// How long the top page confirms a change of the password.
const CONFIRMATION_PERIOD: Duration = Duration::from_mins(1);

pub(super) async fn show(
    RawQuery(query): RawQuery,
    session: Result<CookieSession, PageError>,
    layout: Layout,
) -> Result<Response, PageError> {
    let CookieSession(session) = match session {
        Ok(session) => session,
        Err(PageError::LoggedOut) => return Ok(entry::show(layout)),
        Err(error) => return Err(error),
    };
    let access = &session.access;
    let is_changed = is_after_change(query.as_deref()) && age(access) < CONFIRMATION_PERIOD;
    let just_changed = is_changed && !access.is_void;
    let lang = layout.lang;
    let page = TopPage {
        layout: if just_changed {
            session.layout.with_address(AFTER_CHANGE)
        } else {
            session.layout
        },
        void: access.is_void.then(|| Recovery::under(lang, access.unit)),
        number: access.login_number.hyphenated(),
        unit: text::unit(lang, access.unit),
        role: text::role(lang, access.role),
        numbers: access.numbers.iter().map(PhoneNumber::hyphenated).collect(),
        days_left: lang.days_left(text::days(left(access))),
        good_until: text::time(lang, access.password_expires_at),
        good_until_for_machines: text::machine_time(access.password_expires_at),
        just_changed,
        ends_soon: age(access) >= rules::PASSWORD_NOTICE_AGE && !access.is_void,
        may_change_unit: may_change_unit(access.role),
        history: HistoryView::new(lang, &session.history),
    };
    Ok(render(StatusCode::OK, &page))
}

impl TopPage {
    fn is_folded(&self) -> bool {
        self.numbers.len() > MAX_OPEN_NUMBERS
    }
}

impl HistoryView {
    fn new(lang: Language, history: &LoginHistory) -> Self {
        let LoginHistory { previous_login, failed_attempts, temporary_password_set } = *history;
        Self {
            previous_login: previous_login.map(|login| text::previous_login(lang, login)),
            failed_attempts,
            temporary_password_set: temporary_password_set
                .map(|set| text::temporary_password_set(lang, set)),
        }
    }
}

/// Whether the query is that of [`AFTER_CHANGE`]. A language may follow.
fn is_after_change(query: Option<&str>) -> bool {
    query.and_then(|query| query.split('&').next()) == Some("changed")
}

/// The age of the password, by the database's clock.
fn age(access: &Access) -> Duration {
    Duration::try_from(access.now.duration_since(access.set_at)).unwrap_or_default()
}

/// How much longer the password is valid, by the database's clock.
fn left(access: &Access) -> Duration {
    Duration::try_from(access.password_expires_at.duration_since(access.now)).unwrap_or_default()
}
