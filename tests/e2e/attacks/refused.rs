//! Keys while Asterisk refuses the daemon's commands: the guidance that asks for them never plays.

use std::fs;

use anyhow::Result;

use super::wait_until_no_channel;
use crate::outages::wait_for_readyz;
use crate::story::{Family, Story, complete};
use crate::system::{PATIENT, System};

/// The variable of a daemon that checks no media.
const WITHOUT_NETWORKS: (&str, &str) = ("KARIPASS_CALL_MEDIA_NETWORKS", "");

/// The password of `ari.conf` changes in mid-call. Asterisk goes on sending events.
#[test]
fn p12_nothing_keyed_counts_while_asterisk_refuses_commands() -> Result<()> {
    // The check of the media would refuse the password as well.
    let system = System::start(&[&PATIENT[..], &[WITHOUT_NETWORKS]].concat())?;
    let story = Story::new(&system)?;
    let (Family { contract, child, .. }, password) = (&story.family, story.password());
    let operators = system.daemon.as_ref().unwrap().lock().unwrap().setup.operators;
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(contract, "set-password")?;
    set_ari_password(&system, "another")?;
    call.key_password(&password)?.key_password(&password)?;
    call.hear_whole("trouble")?.key_password(&password)?.key_password(&password)?;
    if call.ending().is_none() {
        call.hang_up()?;
    }
    system.wait(wait_until_no_channel(&system.asterisk))?;
    wait_for_readyz(operators, 503, "")?;
    story.expect_nothing_stored()?;
    story.expect_refused(contract, &password)?;
    set_ari_password(&system, &system.asterisk.setup.ari_password)?;
    wait_for_readyz(operators, 200, "ready")?;
    let mut call = story.call_from_contract()?;
    call.hear("menu")?.key("1")?.begin_to_hear_number(contract, "set-password")?;
    complete(&mut call, contract, &password)?;
    story.expect_stored(contract, &password, "line", "line", &[contract, child])
}

fn set_ari_password(system: &System, password: &str) -> Result<()> {
    let file = system.asterisk.setup.etc().join("karipass.d/ari.conf");
    fs::write(file, format!("password = {password}\n"))?;
    system.asterisk.console("module reload res_ari.so").map(drop)
}
