//! What several operations answer with.

use jiff::Timestamp;
use serde::Serialize;
use utoipa::ToSchema;

use super::problems;
use crate::auth::{Audience, SessionToken};
use crate::web::problem::NumberSchema;
use crate::web::schema::{PasswordChangeSchema, RoleSchema, UnitSchema};
use crate::web::state::AppState;
use domain::access::Access;
use domain::auth_unit::AuthUnit;
use domain::contract::Role;
use domain::credential::PasswordChange;
use domain::phone_number::PhoneNumber;

/// A session began.
#[derive(Serialize, ToSchema)]
pub(super) struct LoggedIn {
    /// The bearer token of every other request.
    token: String,
    #[serde(flatten)]
    session: SessionView,
}

impl LoggedIn {
    /// The example of the description.
    pub(super) fn example() -> Self {
        let token = "tv9h0cxfQ4Vqk5Jz3m2nB8rLw1yXeT7uPsGdCaHiZoM.1795081800.kR2vN8xQ5tYbW3cJ7fLmPg";
        Self { token: token.to_owned(), session: SessionView::example() }
    }

    pub(super) fn new(state: &AppState, token: &SessionToken, access: Access) -> Self {
        Self { token: state.seal_token(token, Audience::Api), session: SessionView::from(access) }
    }
}

/// What a session may do, and until when.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionView {
    /// The login number.
    #[schema(value_type = NumberSchema)]
    number: String,
    /// The contract number.
    #[schema(value_type = NumberSchema)]
    contract_number: String,
    /// The authentication unit in force.
    #[schema(value_type = UnitSchema)]
    unit: &'static str,
    /// What the login may do.
    #[schema(value_type = RoleSchema)]
    role: &'static str,
    /// The numbers that the login configures.
    #[schema(value_type = Vec<NumberSchema>)]
    numbers: Vec<String>,
    /// Why the password must be changed before anything else; null if it need not.
    #[schema(value_type = Option<PasswordChangeSchema>, required)]
    password_change: Option<&'static str>,
    /// When the password expires.
    #[schema(value_type = String, format = DateTime)]
    password_expires_at: Timestamp,
    /// When the session ends if it is not used again.
    #[schema(value_type = String, format = DateTime)]
    expires_at: Timestamp,
}

impl SessionView {
    /// The example of the description.
    pub(super) fn example() -> Self {
        let number = || problems::NUMBER.to_owned();
        Self {
            number: number(),
            contract_number: number(),
            unit: AuthUnit::Line.as_str(),
            role: Role::Line.as_str(),
            numbers: vec![number(), "0612345679".to_owned()],
            password_change: None,
            password_expires_at: Timestamp::constant(1_800_000_000, 0),
            expires_at: Timestamp::constant(1_795_082_700, 0),
        }
    }
}

impl From<Access> for SessionView {
    fn from(access: Access) -> Self {
        let text = |number: &PhoneNumber| number.as_str().to_owned();
        Self {
            number: text(&access.login_number),
            contract_number: text(&access.contract_number),
            unit: access.unit.as_str(),
            role: access.role.as_str(),
            numbers: access.numbers.iter().map(text).collect(),
            password_change: access.password_change.map(PasswordChange::as_str),
            password_expires_at: access.password_expires_at,
            expires_at: access.expires_at,
        }
    }
}
