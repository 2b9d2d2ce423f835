//! A change of the unit on the site: each row of U with its refusals and its outcome, and W6.

use super::browser::Manner;
use anyhow::{Result, ensure};

use super::visit::{Visit, hyphenated};
use super::{in_every_manner, in_manner};
use crate::story::Family;

/// The link on the top page, and the button of the form.
pub const CHANGE: &str = "認証単位変更";
const NOT_CHANGED: &str = "認証単位を変更できませんでした";
pub const CHANGED: &str = "認証単位を変更しました";
const ELSEWHERE: &str = "ご契約の内容が変更されています";

const LINE: Unit = Unit("line", "回線単位");
const NUMBER: Unit = Unit("number", "電話番号単位");
const ADMIN_USER: Unit = Unit("admin_user", "管理者/ユーザ単位");

#[test]
fn u_from_number_to_line() -> Result<()> {
    in_every_manner(|visit| {
        let Family { contract, child, .. } = visit.family();
        let afterwards = [(contract.as_str(), TheChangers)];
        check(
            visit,
            &UnitVisitCase {
                from: NUMBER,
                to: LINE,
                held: &[child, contract],
                afterwards: &afterwards,
            },
        )
    })
}

#[test]
fn u_from_line_to_number() -> Result<()> {
    in_every_manner(|visit| {
        let Family { contract, child, .. } = visit.family();
        let afterwards = [(contract.as_str(), TheChangers), (child, TheChangers)];
        check(
            visit,
            &UnitVisitCase { from: LINE, to: NUMBER, held: &[contract], afterwards: &afterwards },
        )
    })
}

#[test]
fn u_from_number_to_admin_user() -> Result<()> {
    in_every_manner(|visit| {
        let Family { contract, child, .. } = visit.family();
        let afterwards = [(contract.as_str(), ItsOwn), (child, ItsOwn)];
        check(
            visit,
            &UnitVisitCase {
                from: NUMBER,
                to: ADMIN_USER,
                held: &[child, contract],
                afterwards: &afterwards,
            },
        )
    })
}

#[test]
fn u_from_line_to_admin_user() -> Result<()> {
    in_every_manner(|visit| {
        let Family { contract, child, .. } = visit.family();
        let afterwards = [(contract.as_str(), TheChangers), (child, TheChangers)];
        check(
            visit,
            &UnitVisitCase {
                from: LINE,
                to: ADMIN_USER,
                held: &[contract],
                afterwards: &afterwards,
            },
        )
    })
}

#[test]
fn u_from_admin_user_to_line() -> Result<()> {
    in_every_manner(|visit| {
        let Family { contract, child, .. } = visit.family();
        let afterwards = [(contract.as_str(), ItsOwn)];
        check(
            visit,
            &UnitVisitCase {
                from: ADMIN_USER,
                to: LINE,
                held: &[contract, child],
                afterwards: &afterwards,
            },
        )
    })
}

#[test]
fn u_from_admin_user_to_number() -> Result<()> {
    in_every_manner(|visit| {
        let Family { contract, child, .. } = visit.family();
        let afterwards = [(contract.as_str(), ItsOwn), (child, ItsOwn)];
        check(
            visit,
            &UnitVisitCase {
                from: ADMIN_USER,
                to: NUMBER,
                held: &[contract, child],
                afterwards: &afterwards,
            },
        )
    })
}

#[test]
fn u2_a_user_cannot_change_the_unit() -> Result<()> {
    in_every_manner(|visit| {
        let child = &visit.family().child;
        let password = visit.give_password(child, ADMIN_USER.0)?;
        visit.log_in(child, &password)?.expect_text("ユーザ")?.expect_no_text(CHANGE)?;
        visit.check_layout("top-user")?;
        for path in ["/unit", "/unit/line", "/unit/number"] {
            visit.go(path)?.expect_heading("認証単位を変更できません")?;
        }
        visit.check_layout("unit-not-allowed")?;
        visit.press("設定サイトトップへ")?.expect_heading("設定サイトトップ")?;
        Ok(())
    })
}

#[test]
fn w6_a_window_left_behind_changes_nothing() -> Result<()> {
    in_manner(Manner::Pointer, |visit| {
        let contract = &visit.family().contract;
        let password = visit.give_password(contract, LINE.0)?;
        visit.log_in(contract, &password)?;
        visit.go("/unit/number")?;
        visit.fill(&label(contract), &password)?;
        let first = visit.wait(visit.who.browser.second_window())?;
        visit.go("/unit/admin_user")?;
        visit.fill(&label(contract), &password)?;
        visit.press(CHANGE)?.expect_heading(CHANGED)?;
        visit.wait(visit.who.browser.turn_to(first))?;
        let late = visit.press(CHANGE)?;
        late.expect_heading(CHANGED)?
            .expect_text("今回送信された内容では、何も変更していません")?;
        visit.check_layout("unit-changed-before")?;
        ensure!(visit.story.unit()?.as_deref() == Some(ADMIN_USER.0), "the first window won");
        ensure!(visit.count(contract)? == (0, false), "it was counted");
        Ok(())
    })
}

#[test]
fn w6_a_form_older_than_the_contract_is_refused() -> Result<()> {
    in_manner(Manner::WithoutScript, |visit| {
        let Family { contract, child, plain } = visit.family();
        let password = visit.give_password(contract, LINE.0)?;
        visit.log_in(contract, &password)?;
        visit.go("/unit/number")?;
        // A wrong one: not even this counts.
        visit.fill(&label(contract), &visit.new_password())?;
        let rows =
            format!("{contract},{contract},yes\n{contract},{child},yes\n{contract},{plain},yes\n");
        visit.story.load(&rows)?;
        visit.press(CHANGE)?.expect_heading(ELSEWHERE)?;
        visit.check_layout("changed-elsewhere")?;
        ensure!(visit.story.unit()?.as_deref() == Some(LINE.0), "the unit was changed");
        ensure!(visit.count(contract)? == (0, false), "it was counted");
        // With an up-to-date form, it works.
        visit.go("/unit/number")?;
        visit.fill(&label(contract), &password)?;
        visit.press(CHANGE)?.expect_heading(CHANGED)?.expect_text(&hyphenated(plain))?;
        Ok(())
    })
}

/// A unit as the database and as a page calls it.
#[derive(Clone, Copy)]
struct Unit(&'static str, &'static str);

/// The source of the password that a number logs in with afterwards.
enum With {
    ItsOwn,
    TheChangers,
}
use With::{ItsOwn, TheChangers};

/// One row of U.
struct UnitVisitCase<'a> {
    from: Unit,
    to: Unit,
    /// Numbers with a password, which is required; the first one makes the change.
    held: &'a [&'a str],
    afterwards: &'a [(&'a str, With)],
}

fn check(visit: &Visit<'_>, case: &UnitVisitCase<'_>) -> Result<()> {
    let (from, to) = (case.from.0, case.to.0);
    let mut held = Vec::new();
    for number in case.held {
        held.push((*number, visit.give_password(number, from)?));
    }
    let changers = held[0].1.clone();
    visit.log_in(held[0].0, &changers)?;
    visit.press(CHANGE)?.expect_text(case.from.1)?;
    visit.check_layout("unit")?;
    visit.press(case.to.1)?.expect_heading(&format!("認証単位を{}に変更", case.to.1))?;
    visit.check_layout(&format!("unit-{from}-to-{to}"))?;
    refusals(visit, case, &held)?;
    // The right ones need not be entered again (U4).
    let (wrong, password) = held.last().unwrap();
    visit.fill(&label(wrong), password)?;
    let page = visit.press(CHANGE)?;
    page.expect_heading(CHANGED)?.expect_text(case.to.1)?;
    visit.check_layout(&format!("unit-{from}-to-{to}-changed"))?;
    ensure!(visit.story.unit()?.as_deref() == Some(to), "the unit is another");
    visit.press("ログインする")?;
    for (number, with) in case.afterwards {
        page.expect_text(&hyphenated(number))?;
        let own = || held.iter().find(|(held, _)| held == number).map(|(_, own)| own.as_str());
        let password = match with {
            ItsOwn => own().unwrap(),
            TheChangers => changers.as_str(),
        };
        visit
            .log_in(number, password)?
            .expect_heading("設定サイトトップ")?
            .expect_text(case.to.1)?;
        visit.press("ログアウト")?;
    }
    for (number, password) in &held {
        if case.afterwards.iter().all(|(logs_in, _)| logs_in != number) {
            visit.log_in(number, password)?.expect_text("ログインできませんでした")?;
        }
    }
    Ok(())
}

/// An empty field is not counted; a wrong password counts for its own number, and nothing is
/// changed.
fn refusals(visit: &Visit<'_>, case: &UnitVisitCase<'_>, held: &[(&str, String)]) -> Result<()> {
    visit.press(CHANGE)?.expect_text(NOT_CHANGED)?;
    for (number, _) in held {
        let words = format!("{}のパスワードを入力してください。", hyphenated(number));
        visit.expect_error(&label(number), &words)?;
        ensure!(visit.count(number)? == (0, false), "an empty field was counted");
    }
    let ((wrong, _), right) = held.split_last().unwrap();
    for (number, password) in right {
        visit.fill(&label(number), password)?;
    }
    visit.fill(&label(wrong), &visit.new_password())?;
    visit.press(CHANGE)?.expect_text(NOT_CHANGED)?.expect_text("何も変更していません")?;
    visit.expect_error(&label(wrong), "パスワードが正しくありません")?;
    visit.check_layout("unit-refused")?;
    ensure!(visit.count(wrong)? == (1, false), "a wrong one was not counted");
    for (number, _) in right {
        ensure!(visit.count(number)? == (0, false), "a right one was counted");
    }
    ensure!(visit.story.unit()?.as_deref() == Some(case.from.0), "the unit was changed");
    Ok(())
}

/// The label of a number's password.
pub fn label(number: &str) -> String {
    format!("{}のパスワード", hyphenated(number))
}
