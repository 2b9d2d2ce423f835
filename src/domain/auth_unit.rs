//! The authentication unit (認証単位): which numbers of a contract have their own login.

use std::fmt;
use std::str::FromStr;

/// The authentication unit of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
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
    /// Its name in the API and the database.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Line => "line",
            Self::Number => "number",
            Self::AdminUser => "admin_user",
        }
    }
}

impl FromStr for AuthUnit {
    type Err = InvalidAuthUnit;

    fn from_str(text: &str) -> Result<Self, InvalidAuthUnit> {
        match text {
            "line" => Ok(Self::Line),
            "number" => Ok(Self::Number),
            "admin_user" => Ok(Self::AdminUser),
            _ => Err(InvalidAuthUnit),
        }
    }
}

impl fmt::Display for AuthUnit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
