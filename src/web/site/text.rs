//! The Japanese text of the pages that code chooses: names, times, headings and field errors.

use std::time::Duration;

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::{Offset, TimeZone};

use super::error_kind::ErrorKind;
use domain::auth_unit::AuthUnit;
use domain::contract::Role;
use domain::credential::PasswordChange;
use domain::password::Rejection;
use domain::rules;
use domain::session::{PreviousLogin, TemporarySetting};
use domain::unit_outcome::NewCredential;

/// Hours from UTC to Japan's time, which has no summer time.
const JAPAN: i8 = 9;

pub(super) const ENTER_NUMBER: &str = "電話番号を入力してください。";
/// Beside what cannot be a telephone number (`W13`).
pub(super) const ENTER_WHOLE_NUMBER: &str =
    "電話番号は、市外局番から10桁または11桁で入力してください。";
pub(super) const ENTER_PASSWORD: &str = "パスワードを入力してください。";
/// Beside the number of a refused login (`W2`).
pub(super) const CHECK_NUMBER: &str = "電話番号をご確認ください。";
/// Beside the password of a refused login (`W2`).
pub(super) const CHECK_PASSWORD: &str = "パスワードを入力し直してください。";
pub(super) const ENTER_CURRENT: &str = "現在のパスワードを入力してください。";
pub(super) const ENTER_NEW: &str = "新しいパスワードを入力してください。";
pub(super) const ENTER_NEW_AGAIN: &str = "確認のため、新しいパスワードをもう一度入力してください。";

/// The rules for a new password (`C5`).
pub(super) fn about_new_password() -> String {
    let (min, max) = (rules::PASSWORD_LENGTH.start(), rules::PASSWORD_LENGTH.end());
    format!(
        "半角英数字{min}桁～{max}桁で入力してください。数字のみの設定はできません。英字の大文字と小文字は区別されます。"
    )
}

/// Beside a wrong current password; `wrong_entries` in a row void it (`C2`).
pub(super) fn wrong_current(kind: &str, wrong_entries: i32) -> String {
    format!(
        "現在のパスワードが正しくありません。もう一度入力してください。{kind}は、{wrong_entries}回連続で間違えると無効になります。"
    )
}

/// What a session's current password is.
pub(super) fn credential_name(forced: Option<PasswordChange>) -> &'static str {
    match forced {
        Some(PasswordChange::Temporary) => "仮パスワード",
        Some(PasswordChange::Expired) | None => "パスワード",
    }
}

/// Beside a wrong password of a number.
pub(super) fn wrong_of(number: &str) -> String {
    format!("{number}のパスワードが正しくありません。もう一度入力してください。")
}

/// Beside an empty password of a number.
pub(super) fn enter_password_of(number: &str) -> String {
    format!("{number}のパスワードを入力してください。")
}

/// The field that shows a reason against a new password.
pub(super) fn field_of(reason: Rejection) -> &'static str {
    match reason {
        Rejection::TooShort
        | Rejection::TooLong
        | Rejection::NotAlphanumeric
        | Rejection::DigitsOnly
        | Rejection::SameAsCurrent => "new",
        Rejection::NotSameTwice => "new_again",
    }
}

/// Why a new password is rejected, and what to do (`C5`).
pub(super) fn rejection(reason: Rejection) -> String {
    let (min, max) = (rules::PASSWORD_LENGTH.start(), rules::PASSWORD_LENGTH.end());
    match reason {
        Rejection::TooShort => format!("新しいパスワードは、{min}桁以上で入力してください。"),
        Rejection::TooLong => format!("新しいパスワードは、{max}桁以内で入力してください。"),
        Rejection::NotAlphanumeric => {
            "新しいパスワードには、半角英数字だけを使用してください。".to_owned()
        }
        Rejection::DigitsOnly => "数字のみの設定はできません。英字も入れてください。".to_owned(),
        Rejection::NotSameTwice => {
            "確認用のパスワードが一致しません。「新しいパスワード」と同じものを入力してください。"
                .to_owned()
        }
        Rejection::SameAsCurrent => {
            "現在のパスワードと同一のものは設定できません。別のパスワードを入力してください。"
                .to_owned()
        }
    }
}

pub(super) fn hours(life: Duration) -> u64 {
    life.as_secs() / (60 * 60)
}

pub(super) fn days(life: Duration) -> u64 {
    life.as_secs() / (24 * 60 * 60)
}

/// The labels of the links from an error page back to a form.
pub(super) const BACK_TO_LOGIN: &str = "ログイン画面へ戻る";
pub(super) const BACK_TO_PASSWORD: &str = "パスワード変更へ戻る";
pub(super) const BACK_TO_UNIT: &str = "認証単位変更へ戻る";

/// The heading of an error page.
pub(super) fn heading(kind: ErrorKind) -> &'static str {
    match kind {
        ErrorKind::NotFound => "お探しのページが見つかりません",
        ErrorKind::MethodNotAllowed => "この操作はできません",
        ErrorKind::Malformed | ErrorKind::TooLarge => "送信された内容を確認できませんでした",
        ErrorKind::CsrfError => "この画面は有効ではなくなりました",
        ErrorKind::RateLimited => "しばらくお待ちください",
        ErrorKind::Unavailable => "ただいまご利用いただけません",
        ErrorKind::OutcomeUnknown => "変更されたかどうか、ご確認ください",
        ErrorKind::VoidElsewhere(_) => "パスワードが無効になりました",
        ErrorKind::ChangedElsewhere => "契約の内容が変更されています",
        ErrorKind::NotAllowed => "認証単位を変更できません",
        ErrorKind::Internal => "エラーが発生しました",
    }
}

/// A time to wait: `20秒`, `2分`.
pub(super) fn wait(seconds: u64) -> String {
    if seconds < 60 {
        format!("{}秒", seconds.max(1))
    } else {
        format!("{}分", seconds.div_ceil(60))
    }
}

/// How much longer a password is valid, in whole days.
pub(super) fn days_left(left: Duration) -> String {
    match days(left) {
        0 => "有効期限まで24時間未満です".to_owned(),
        days => format!("有効期限まであと{days}日"),
    }
}

/// A configured time: `15分`, `90秒`.
pub(super) fn span(time: Duration) -> String {
    let seconds = time.as_secs();
    if seconds >= 60 && seconds.is_multiple_of(60) {
        format!("{}分", seconds / 60)
    } else {
        format!("{seconds}秒")
    }
}

/// How to set a temporary password again where the unit is known (`W12`).
#[derive(Debug, Clone, Copy)]
pub(super) struct Recovery {
    /// The key of the telephone menu.
    pub(super) key: char,
    pub(super) unit: &'static str,
}

impl Recovery {
    pub(super) fn under(in_force: AuthUnit) -> Self {
        Self { key: char::from(in_force.menu_key()), unit: unit(in_force) }
    }
}

pub(super) fn unit(unit: AuthUnit) -> &'static str {
    match unit {
        AuthUnit::Line => "回線単位",
        AuthUnit::Number => "電話番号単位",
        AuthUnit::AdminUser => "管理者/ユーザ単位",
    }
}

/// The logins under a unit, and what each configures (`W1`).
pub(super) fn about_unit(unit: AuthUnit) -> &'static str {
    match unit {
        AuthUnit::Line => "ご契約電話番号でログインして、すべての電話番号の設定を変更します。",
        AuthUnit::Number => "電話番号ごとにログインして、その電話番号の設定を変更します。",
        AuthUnit::AdminUser => {
            "管理者（ご契約電話番号）はすべての電話番号の設定を、ユーザ（追加番号）はその電話番号の設定を変更します。"
        }
    }
}

/// The password of each login after a change (table `U`).
pub(super) fn afterwards(from: AuthUnit, to: AuthUnit) -> &'static str {
    match (from, to) {
        (AuthUnit::Number, AuthUnit::Line) => {
            "変更後は、ご契約電話番号と、今回ログインしたときのパスワードでログインします。ほかの電話番号のパスワードは無効になります。"
        }
        (AuthUnit::Line, AuthUnit::Number | AuthUnit::AdminUser) => {
            "変更後は、それぞれの電話番号と、今回ログインしたときのパスワードでログインします。"
        }
        (AuthUnit::Number, AuthUnit::AdminUser) => {
            "変更後は、それぞれの電話番号と、その電話番号のこれまでのパスワードでログインします。ご契約電話番号にパスワードがない場合は、今回ログインしたときのパスワードになります。"
        }
        (AuthUnit::AdminUser, AuthUnit::Line) => {
            "変更後は、ご契約電話番号と、これまでのパスワードでログインします。ほかの電話番号のパスワードは無効になります。"
        }
        (AuthUnit::AdminUser, AuthUnit::Number) => {
            "変更後は、それぞれの電話番号と、その電話番号のこれまでのパスワードでログインします。"
        }
        (AuthUnit::Line, AuthUnit::Line)
        | (AuthUnit::Number, AuthUnit::Number)
        | (AuthUnit::AdminUser, AuthUnit::AdminUser) => "",
    }
}

/// Of a number that does not log in after a change of the unit.
pub(super) const LOGS_IN_NO_MORE: &str = "ログインには使用しません";

/// The password of a login after a change that `changer` made.
pub(super) fn logs_in_with(with: NewCredential, changer: &str) -> String {
    match with {
        NewCredential::Unchanged => "変更なし（これまでと同じパスワード）".to_owned(),
        NewCredential::CopiedFromInitiator => {
            format!("今回のログイン（{changer}）と同じパスワード")
        }
        NewCredential::Nothing => "仮パスワードの設定が必要です".to_owned(),
    }
}

/// The name of a role; `None` where all logins have the same.
pub(super) fn role(role: Role) -> Option<&'static str> {
    match role {
        Role::Line | Role::Number => None,
        Role::Admin => Some("管理者"),
        Role::User => Some("ユーザ"),
    }
}

/// When and from where an earlier login came.
pub(super) fn previous_login(login: PreviousLogin) -> String {
    match login.address {
        Some(address) => format!("{}（IPアドレス {address}）", time(login.at)),
        None => time(login.at),
    }
}

/// When and from where a temporary password was set.
pub(super) fn temporary_setting(setting: TemporarySetting) -> String {
    match setting.caller {
        Some(caller) => format!("{}（{}からのお電話）", time(setting.at), caller.hyphenated()),
        None => format!("{}（お客様窓口）", time(setting.at)),
    }
}

/// A time in Japan: `2026年11月22日（日）18時05分`.
pub(super) fn time(at: Timestamp) -> String {
    let at = at.to_zoned(TimeZone::fixed(Offset::constant(JAPAN)));
    let weekday = match at.weekday() {
        Weekday::Monday => '月',
        Weekday::Tuesday => '火',
        Weekday::Wednesday => '水',
        Weekday::Thursday => '木',
        Weekday::Friday => '金',
        Weekday::Saturday => '土',
        Weekday::Sunday => '日',
    };
    let (year, month, day) = (at.year(), at.month(), at.day());
    format!("{year}年{month}月{day}日（{weekday}）{}時{:02}分", at.hour(), at.minute())
}

/// The same for programs: `2026-11-22T18:05+09:00`.
pub(super) fn machine_time(at: Timestamp) -> String {
    at.to_zoned(TimeZone::fixed(Offset::constant(JAPAN))).strftime("%Y-%m-%dT%H:%M%:z").to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_shown_as_in_japan() {
        let at = "2026-11-22T15:05:59Z".parse().unwrap();
        assert_eq!(time(at), "2026年11月23日（月）0時05分");
        assert_eq!(machine_time(at), "2026-11-23T00:05+09:00");
    }
}
