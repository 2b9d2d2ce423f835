//! What the form of a change of the unit offers.

use super::decision::in_use;
use super::unit_change_plan::{UnitChangePlan, may_change_unit};
use super::{Access, Audience, SessionToken};
use crate::db::{Db, DbError};
use domain::auth_unit::AuthUnit;
use domain::phone_number::PhoneNumber;

/// What the form of a change offers, made from one look at the contract.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitChoices {
    /// The contract's version, which the form has to carry
    /// ([`ByForm`](super::FormVersion::ByForm)).
    pub version: i64,
    /// Every unit but the one in force.
    pub choices: Vec<UnitChoice>,
}

/// One unit that can be chosen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UnitChoice {
    /// The unit.
    pub unit: AuthUnit,
    /// The numbers whose passwords it asks for.
    pub asked: Vec<PhoneNumber>,
    /// The numbers for which it is refused until they have a password again (`U3`).
    pub blocked: Vec<PhoneNumber>,
}

/// What the form of a change offers to a session; `None` if it may not change the unit (`U2`, `C6`), or
/// is over.
///
/// # Errors
/// [`DbError`]
pub async fn unit_choices(
    store: &Db,
    token: &SessionToken,
    door: Audience,
    standing: &Access,
) -> Result<Option<UnitChoices>, DbError> {
    let view = store.snapshot(standing.contract, &token.digest(door)).await?;
    let Some(view) = view else { return Ok(None) };
    let allowed = in_use(&view).filter(|(standing, _)| {
        standing.password_change.is_none() && may_change_unit(standing.role)
    });
    let choice = |login, unit| {
        let UnitChangePlan { required_passwords: asked, blocked, .. } =
            UnitChangePlan::new(&view.contract, &view.held, login, unit);
        UnitChoice { unit, asked, blocked }
    };
    Ok(allowed.map(|(standing, _)| UnitChoices {
        version: view.contract.version,
        choices: [AuthUnit::Line, AuthUnit::Number, AuthUnit::AdminUser]
            .into_iter()
            .filter(|unit| *unit != standing.unit)
            .map(|unit| choice(standing.login, unit))
            .collect(),
    }))
}
