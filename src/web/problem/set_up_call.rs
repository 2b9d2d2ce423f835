//! The call that sets a temporary password: whom to call, and which key to press (`W12`).

use std::fmt;

use domain::auth_unit::AuthUnit;
use domain::phone_number::PhoneNumber;

/// What another unit would change.
pub(super) const OTHER_UNIT: &str = "ご契約電話番号から現在と異なる認証単位を選ぶと、\
    認証単位が変更され、同じご契約で設定済みのほかのパスワードと仮パスワードは無効になります。";

/// A call under a known unit. Shown as the beginning of a sentence.
#[derive(Debug, Clone, Copy)]
pub(in crate::web) struct SetUpCall {
    pub(in crate::web) number: PhoneNumber,
    /// The unit in force.
    pub(in crate::web) unit: AuthUnit,
}

impl fmt::Display for SetUpCall {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { number, unit } = self;
        write!(
            f,
            "契約回線から仮パスワード設定番号{}（有料）に電話をかけ、「{}」（{}）を押して",
            number.hyphenated(),
            key(*unit),
            name(*unit)
        )
    }
}

/// The key of each unit, for a caller whose unit is not known.
pub(super) fn keys() -> String {
    let keys = AuthUnit::ALL.map(|unit| format!("{}は「{}」", name(unit), key(unit)));
    keys.join("、")
}

fn key(unit: AuthUnit) -> char {
    char::from(unit.menu_key())
}

fn name(unit: AuthUnit) -> &'static str {
    match unit {
        AuthUnit::Line => "回線単位",
        AuthUnit::Number => "電話番号単位",
        AuthUnit::AdminUser => "管理者/ユーザ単位",
    }
}
