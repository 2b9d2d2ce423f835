//! The authentication unit (認証単位): what a contract's credentials belong to.

use std::fmt;
use std::str::FromStr;

/// The authentication unit of a contract.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Unit {
    /// 回線単位: one login, the contract number's.
    Line,
    /// 電話番号単位: one login for each service number.
    Number,
    /// 管理者/ユーザ単位: the contract number administers, each additional service number logs in for itself.
    AdminUser,
}

/// What was given names no unit.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not an authentication unit: line, number or admin_user")]
pub struct NotAUnit;

impl Unit {
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

impl FromStr for Unit {
    type Err = NotAUnit;

    fn from_str(text: &str) -> Result<Self, NotAUnit> {
        match text {
            "line" => Ok(Self::Line),
            "number" => Ok(Self::Number),
            "admin_user" => Ok(Self::AdminUser),
            _ => Err(NotAUnit),
        }
    }
}

impl fmt::Display for Unit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
