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
    /// When a form was sent, its session had ended, or there was none.
    BeforeForm,
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
            Self::BeforeForm => "/session-over",
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
            Some(_) | None => Self::BeforeForm,
        }
    }

    /// Whether the end is an error for the subscriber.
    pub(super) fn is_error(self) -> bool {
        match self {
            Self::LoggedOut | Self::Idle | Self::PastLifetime | Self::PasswordChanged => false,
            Self::TemporaryExpired(_)
            | Self::WrongEntries(_)
            | Self::Elsewhere
            | Self::BeforeForm => true,
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
            SessionEnd::BeforeForm,
        ] {
            let query = end.path().split_once('?').map(|(_, query)| query);
            assert_eq!(SessionEnd::from_query(query), end);
            let query = query.map_or("lang=en".to_owned(), |query| format!("{query}&lang=en"));
            assert_eq!(SessionEnd::from_query(Some(&query)), end);
        }
        assert_eq!(SessionEnd::from_query(Some("x")), SessionEnd::BeforeForm);
    }
}
