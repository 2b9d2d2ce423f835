//! The words of the pages that are in no template: names of things, times, what is wrong in a field.

use jiff::Timestamp;
use jiff::civil::Weekday;
use jiff::tz::{Offset, TimeZone};

use super::error::What;
use crate::contract::Role;
use crate::unit::Unit;

/// Japan's time, hours ahead of UTC; it knows no summer time.
const JAPAN: i8 = 9;

/// Nothing was entered as the telephone number.
pub(super) const ENTER_NUMBER: &str = "電話番号を入力してください。";
/// Nothing was entered as the password.
pub(super) const ENTER_PASSWORD: &str = "パスワードを入力してください。";
/// Beside the number of a refused login (`W2`).
pub(super) const CHECK_NUMBER: &str = "電話番号が正しいか、確かめてください。";
/// Beside the password of a refused login (`W2`).
pub(super) const CHECK_PASSWORD: &str = "パスワードを入力し直してください。";

/// An error page's heading.
pub(super) fn heading(what: What) -> &'static str {
    match what {
        What::NotFound => "お探しのページはありません",
        What::NotSo => "この操作はできません",
        What::Malformed | What::TooLarge => "送信された内容を確認できませんでした",
        What::StaleForm => "画面が古くなっています",
        What::TooMany => "しばらくお待ちください",
        What::Unavailable => "ただいまご利用いただけません",
        What::Fault => "エラーが発生しました",
    }
}

/// So many seconds to wait: `20秒`, `2分`.
pub(super) fn wait(seconds: u64) -> String {
    if seconds < 60 {
        format!("{}秒", seconds.max(1))
    } else {
        format!("{}分", seconds.div_ceil(60))
    }
}

/// The unit's name.
pub(super) fn unit(unit: Unit) -> &'static str {
    match unit {
        Unit::Line => "回線単位",
        Unit::Number => "電話番号単位",
        Unit::AdminUser => "管理者/ユーザ単位",
    }
}

/// What a login of this role is called; nothing where there is but one kind.
pub(super) fn role(role: Role) -> Option<&'static str> {
    match role {
        Role::Line | Role::Number => None,
        Role::Admin => Some("管理者"),
        Role::User => Some("ユーザ"),
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
