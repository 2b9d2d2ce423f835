//! W5: a session that is left idle ends by itself, on a daemon whose patience is a minute short of
//! the usual.

use std::fs;
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use super::browser::Manner;
use anyhow::{Result, ensure};
use karipass_lab::daemon::{Daemon, DaemonSetup};

use super::visit::Visit;
use super::{password, visit_at};
use crate::system::{KARIPASS, System};

const IDLE_S: u64 = 14 * 60;
/// Moves the hands of the database's clock, for the sessions of one contract.
const LEFT_IDLE: &str = "UPDATE session SET last_seen_at = last_seen_at - interval '14 minutes'
    WHERE contract_number = $1";
const ANSWER_TIMEOUT: Duration = Duration::from_mins(1);

#[test]
fn w5_left_idle_a_session_ends_by_itself() -> Result<()> {
    let system = System::shared();
    let daemon = impatient(&system)?;
    visit_at(&system, &daemon.site(), Manner::WithoutScript, |visit| {
        let contract = &visit.family().contract;
        let current = visit.give_password(contract, "line")?;
        visit.log_in(contract, &current)?.expect_heading("設定サイトトップ")?;
        left_idle(visit)?;
        let page = visit.go("/")?;
        page.expect_heading("ログアウトしました")?
            .expect_text("14分間操作がなかったため、自動的にログアウトしました。")?;
        visit.check_layout("timed-out")?;
        visit.press("もう一度ログインする")?.expect_heading("ログイン")?;
        // A form that was left open does nothing any more.
        visit.log_in(contract, &current)?;
        visit.go("/password")?;
        left_idle(visit)?;
        let new = visit.new_password();
        password::change(visit, &current, &new, &new)?.expect_text("操作がなかったため")?;
        visit.log_in(contract, &new)?.expect_text("ログインできませんでした")?;
        visit.log_in(contract, &current)?.expect_heading("設定サイトトップ")?;
        Ok(())
    })
}

/// A second daemon on the same database; it has no Asterisk, and needs none.
fn impatient(system: &System) -> Result<Daemon> {
    let folder = system.folder.path().join("impatient");
    let keys = system.daemon.as_ref().unwrap().lock().unwrap().setup().keys();
    let setup = DaemonSetup::new(Path::new(KARIPASS), &folder, &system.asterisk, &system.database)?
        .variables([("KARIPASS_ARI_URL", "http://127.0.0.1:9"), ("KARIPASS_LOGIN_LIMIT", "off")])
        .variables([("KARIPASS_SESSION_IDLE_TIMEOUT_S", IDLE_S.to_string())]);
    fs::create_dir_all(&folder)?;
    fs::copy(keys, setup.keys())?;
    let mut daemon = Daemon::start_unready(setup)?;
    let address = daemon.site().replace("https://", "");
    daemon.child().wait_for(ANSWER_TIMEOUT, || Ok(TcpStream::connect(&address).is_ok()))?;
    Ok(daemon)
}

fn left_idle(visit: &Visit<'_>) -> Result<()> {
    let contract = &visit.family().contract;
    let aged = visit.wait(async {
        let owner = visit.story.system.database.owner().await?;
        anyhow::Ok(owner.execute(LEFT_IDLE, &[contract]).await?)
    })?;
    ensure!(aged > 0, "there is no session");
    Ok(())
}
