//! The domain's enums in the description of the API, with the names that they have there.

use std::borrow::Cow;

use strum::VariantNames as _;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use domain::auth_unit::AuthUnit;
use domain::contract::Role;
use domain::credential::PasswordChange;
use domain::password::Rejection;
use domain::unit_outcome::NewCredential;

/// A schema with the doc comment as its description, the name after it, and the names of an enum.
macro_rules! schema_of_names {
    ($(#[doc = $line:literal])+ $schema:ident = $name:literal, $names:ty) => {
        $(#[doc = $line])+
        pub(super) struct $schema;

        impl PartialSchema for $schema {
            fn schema() -> RefOr<Schema> {
                of_names(&[$($line),+], <$names>::VARIANTS)
            }
        }

        impl ToSchema for $schema {
            fn name() -> Cow<'static, str> {
                $name.into()
            }
        }
    };
}

schema_of_names! {
    /// The authentication unit, which decides who logs in. `line`: the contract number alone.
    /// `number`: each number that has the service. `admin_user`: the contract number as
    /// administrator, and each additional number as user.
    UnitSchema = "Unit", AuthUnit
}

schema_of_names! {
    /// What a login may do: `line` and `admin` configure every number that has the service,
    /// `number` and `user` their own. A `user` cannot change the unit.
    RoleSchema = "Role", Role
}

schema_of_names! {
    /// Why the password must be changed: it is a `temporary` one, or it has `expired`.
    PasswordChangeSchema = "Change", PasswordChange
}

schema_of_names! {
    /// What a number logs in with after a change of the unit. `own`: its password as before.
    /// `changers`: the password of the login that makes the change. `none`: a temporary password
    /// must be set by phone first.
    NewCredentialSchema = "NewLoginPassword", NewCredential
}

schema_of_names! {
    /// Why a new password is rejected.
    RejectionSchema = "Reason", Rejection
}

fn of_names(lines: &[&str], names: &[&str]) -> RefOr<Schema> {
    let lines: Vec<&str> = lines.iter().map(|line| line.trim_start()).collect();
    let names = names.iter().copied();
    let builder = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(names));
    builder.description(Some(lines.join("\n"))).build().into()
}
