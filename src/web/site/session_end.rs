//! Reasons for the end of a session, and the page for each.

use domain::auth_unit::AuthUnit;

/// How a session ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SessionEnd {
    /// By the logout page.
    LoggedOut,
    /// It was idle for too long (`W5`).
    Idle,
    /// Its 12 hours are over (`W5`).
    PastLifetime,
    /// Its temporary password has expired, under this unit (`C1`).
    TemporaryExpired(AuthUnit),
    /// Wrong entries sent from it voided its password, under this unit (`C2`).
    WrongEntries(AuthUnit),
    /// Its password was changed, on this page or another (`C5`).
    PasswordChanged,
    /// By another page, a call or an operator.
    Elsewhere,
    /// When a form was sent, its session had ended.
    BeforeForm(EndBeforeForm),
}

/// How a session ended before a form was sent, which has changed nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EndBeforeForm {
    /// See [`SessionEnd::LoggedOut`].
    LoggedOut,
    /// See [`SessionEnd::Idle`].
    Idle,
    /// See [`SessionEnd::PastLifetime`].
    PastLifetime,
    /// See [`SessionEnd::PasswordChanged`].
    PasswordChanged,
    /// See [`SessionEnd::Elsewhere`].
    Elsewhere,
    /// The browser has no session.
    Unknown,
}

impl SessionEnd {
    /// The page for this reason.
    pub(super) fn path(self) -> &'static str {
        match self {
            Self::LoggedOut => "/logged-out",
            Self::Idle => "/timed-out",
            Self::PastLifetime => "/session-over?lifetime",
            Self::TemporaryExpired(AuthUnit::Line) => "/session-over?temporary-line",
            Self::TemporaryExpired(AuthUnit::Number) => "/session-over?temporary-number",
            Self::TemporaryExpired(AuthUnit::AdminUser) => "/session-over?temporary-admin_user",
            Self::WrongEntries(AuthUnit::Line) => "/session-over?void-line",
            Self::WrongEntries(AuthUnit::Number) => "/session-over?void-number",
            Self::WrongEntries(AuthUnit::AdminUser) => "/session-over?void-admin_user",
            Self::PasswordChanged => "/session-over?password-changed",
            Self::Elsewhere => "/session-over?elsewhere",
            Self::BeforeForm(EndBeforeForm::LoggedOut) => "/session-over?form-logged-out",
            Self::BeforeForm(EndBeforeForm::Idle) => "/session-over?form-idle",
            Self::BeforeForm(EndBeforeForm::PastLifetime) => "/session-over?form-lifetime",
            Self::BeforeForm(EndBeforeForm::PasswordChanged) => {
                "/session-over?form-password-changed"
            }
            Self::BeforeForm(EndBeforeForm::Elsewhere) => "/session-over?form-elsewhere",
            Self::BeforeForm(EndBeforeForm::Unknown) => "/session-over",
        }
    }

    /// What a query of `/session-over` stands for. A language may follow.
    pub(super) fn from_query(query: Option<&str>) -> Self {
        match query.and_then(|query| query.split('&').next()) {
            Some("lifetime") => Self::PastLifetime,
            Some("temporary-line") => Self::TemporaryExpired(AuthUnit::Line),
            Some("temporary-number") => Self::TemporaryExpired(AuthUnit::Number),
            Some("temporary-admin_user") => Self::TemporaryExpired(AuthUnit::AdminUser),
            Some("void-line") => Self::WrongEntries(AuthUnit::Line),
            Some("void-number") => Self::WrongEntries(AuthUnit::Number),
            Some("void-admin_user") => Self::WrongEntries(AuthUnit::AdminUser),
            Some("password-changed") => Self::PasswordChanged,
            Some("elsewhere") => Self::Elsewhere,
            Some("form-logged-out") => Self::BeforeForm(EndBeforeForm::LoggedOut),
            Some("form-idle") => Self::BeforeForm(EndBeforeForm::Idle),
            Some("form-lifetime") => Self::BeforeForm(EndBeforeForm::PastLifetime),
            Some("form-password-changed") => Self::BeforeForm(EndBeforeForm::PasswordChanged),
            Some("form-elsewhere") => Self::BeforeForm(EndBeforeForm::Elsewhere),
            Some(_) | None => Self::BeforeForm(EndBeforeForm::Unknown),
        }
    }

    /// Whether the end is an error for the subscriber.
    pub(super) fn is_error(self) -> bool {
        match self {
            Self::LoggedOut
            | Self::Idle
            | Self::PastLifetime
            | Self::PasswordChanged
            | Self::BeforeForm(
                EndBeforeForm::LoggedOut
                | EndBeforeForm::Idle
                | EndBeforeForm::PastLifetime
                | EndBeforeForm::PasswordChanged,
            ) => false,
            Self::TemporaryExpired(_)
            | Self::WrongEntries(_)
            | Self::Elsewhere
            | Self::BeforeForm(EndBeforeForm::Elsewhere | EndBeforeForm::Unknown) => true,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_end_of_its_own_words_is_found_by_its_query() {
        for end in [
            SessionEnd::PastLifetime,
            SessionEnd::TemporaryExpired(AuthUnit::Line),
            SessionEnd::TemporaryExpired(AuthUnit::Number),
            SessionEnd::TemporaryExpired(AuthUnit::AdminUser),
            SessionEnd::WrongEntries(AuthUnit::Line),
            SessionEnd::WrongEntries(AuthUnit::Number),
            SessionEnd::WrongEntries(AuthUnit::AdminUser),
            SessionEnd::PasswordChanged,
            SessionEnd::Elsewhere,
            SessionEnd::BeforeForm(EndBeforeForm::LoggedOut),
            SessionEnd::BeforeForm(EndBeforeForm::Idle),
            SessionEnd::BeforeForm(EndBeforeForm::PastLifetime),
            SessionEnd::BeforeForm(EndBeforeForm::PasswordChanged),
            SessionEnd::BeforeForm(EndBeforeForm::Elsewhere),
            SessionEnd::BeforeForm(EndBeforeForm::Unknown),
        ] {
            let query = end.path().split_once('?').map(|(_, query)| query);
            assert_eq!(SessionEnd::from_query(query), end);
            let query = query.map_or("lang=en".to_owned(), |query| format!("{query}&lang=en"));
            assert_eq!(SessionEnd::from_query(Some(&query)), end);
        }
        let unknown = SessionEnd::BeforeForm(EndBeforeForm::Unknown);
        assert_eq!(SessionEnd::from_query(Some("x")), unknown);
    }
}
