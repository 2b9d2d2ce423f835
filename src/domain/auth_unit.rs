//! The authentication unit (認証単位): which numbers of a contract have their own login.

use strum::{Display, EnumString, IntoStaticStr, VariantNames};

/// The authentication unit of a contract.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, Hash, Display, EnumString, IntoStaticStr, VariantNames,
)]
#[strum(serialize_all = "snake_case", parse_err_ty = InvalidAuthUnit, parse_err_fn = invalid)]
pub enum AuthUnit {
    /// 回線単位: one login, the contract number's.
    Line,
    /// 電話番号単位: one login for each service number.
    Number,
    /// 管理者/ユーザ単位: the contract number is the administrator, and each additional service number
    /// is a user that logs in for itself.
    AdminUser,
}

/// The text names no authentication unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an authentication unit: line, number or admin_user")]
pub struct InvalidAuthUnit;

impl AuthUnit {
    /// Every unit, in the order of the telephone menu.
    pub const ALL: [Self; 3] = [Self::Line, Self::Number, Self::AdminUser];

    /// The key of the telephone menu that chooses it (`P3`).
    #[must_use]
    pub fn menu_key(self) -> u8 {
        match self {
            Self::Line => b'1',
            Self::Number => b'2',
            Self::AdminUser => b'3',
        }
    }

    /// Its name in the API and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

fn invalid(_: &str) -> InvalidAuthUnit {
    InvalidAuthUnit
}
