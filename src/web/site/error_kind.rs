//! What an error page can be about.

use domain::auth_unit::AuthUnit;

/// The kinds of error page; nothing was changed unless the kind says so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ErrorKind {
    /// No such page.
    NotFound,
    /// No such method on this page.
    MethodNotAllowed,
    /// The request is none that a form sends.
    Malformed,
    /// The body or the head is too large.
    TooLarge,
    /// The form does not belong to this browser's session.
    CsrfError,
    /// Too many attempts from one address.
    RateLimited,
    /// Overload, or the database is unreachable.
    Unavailable,
    /// The database became unreachable during a change, which may have been made.
    OutcomeUnknown,
    /// Wrong entries elsewhere voided the session's password; the session continues (`C2`).
    VoidElsewhere(AuthUnit),
    /// The contract has changed since the form was made (`W6`).
    ChangedElsewhere,
    /// The login's role does not allow this (`U2`).
    NotAllowed,
    /// A fault of the service.
    Internal,
}

impl ErrorKind {
    /// Whether the session of the request may go on after this error.
    pub(super) fn may_have_session(self) -> bool {
        match self {
            Self::OutcomeUnknown => false,
            Self::NotFound
            | Self::MethodNotAllowed
            | Self::Malformed
            | Self::TooLarge
            | Self::CsrfError
            | Self::RateLimited
            | Self::Unavailable
            | Self::VoidElsewhere(_)
            | Self::ChangedElsewhere
            | Self::NotAllowed
            | Self::Internal => true,
        }
    }

    /// Whether the same form can be sent again later.
    pub(super) fn is_transient(self) -> bool {
        matches!(self, Self::RateLimited | Self::Unavailable)
    }

    /// The unit in force, if a temporary password has to be set (`W12`).
    pub(super) fn unit_to_recover(self) -> Option<AuthUnit> {
        match self {
            Self::VoidElsewhere(unit) => Some(unit),
            Self::NotFound
            | Self::MethodNotAllowed
            | Self::Malformed
            | Self::TooLarge
            | Self::CsrfError
            | Self::RateLimited
            | Self::Unavailable
            | Self::OutcomeUnknown
            | Self::ChangedElsewhere
            | Self::NotAllowed
            | Self::Internal => None,
        }
    }
}
