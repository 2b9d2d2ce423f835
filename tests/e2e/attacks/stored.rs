//! Whole calls of a stranger with the daemon, judged by what is heard and by the stored
//! passwords.

use std::net::UdpSocket;

use anyhow::{Result, ensure};
use karipass_lab::asterisk::{Asterisk, SET_UP_NUMBER};

use super::agent::{Agent, Dialog};
use super::ear::Ear;
use super::{DESK, DIALPLAN, ENDPOINTS, MODULES, OUTSIDE, wait_until_bridged};
use crate::story::{Family, PHONE_FAMILY, Story};
use crate::system::{PATIENT, System};

#[test]
fn p1_neither_a_forwarded_call_nor_an_attended_transfer_sets_a_password() -> Result<()> {
    expect_nothing_stored(
        async |Strangers { asterisk, mut desk, mut outside, contract, password }| {
            let ear = Ear::new(OUTSIDE)?;
            let mut forwarded = outside.invite_with("101", &contract, "", &ear.offer()).await?;
            outside.expect_answer(&mut forwarded).await?;
            key_all(&mut outside, &mut forwarded, &password).await?;
            outside.expect_hangup().await?;
            ear.expect_last("not-available").await?;
            let ear = Ear::new(OUTSIDE)?;
            let mut line = desk.invite(SET_UP_NUMBER, "desk", "").await?;
            desk.expect_answer(&mut line).await?;
            let mut called = outside.invite_with("100", &contract, "", &ear.offer()).await?;
            let mut taken = desk.take_call("200 OK", "").await?;
            outside.expect_answer(&mut called).await?;
            // Asterisk transfers only calls that are already connected.
            wait_until_bridged(asterisk).await?;
            let to = format!(
                "sip:{SET_UP_NUMBER}@{}?Replaces={}",
                asterisk.setup.sip,
                line.replaces().replace(';', "%3B").replace('=', "%3D")
            );
            let status =
                desk.request("REFER", &mut taken, &format!("Refer-To: <{to}>\r\n"), "").await?;
            ensure!(status == 202, "the transfer is refused: {status}");
            key_all(&mut outside, &mut called, &password).await?;
            outside.expect_hangup().await?;
            ear.expect_last("trouble").await
        },
    )
}

/// The stranger replaces the telephone in a call that it has begun (RFC 3891).
#[test]
fn p1_an_invite_that_replaces_a_call_to_the_line_sets_no_password() -> Result<()> {
    expect_nothing_stored(
        async |Strangers { mut desk, mut outside, contract, password, .. }| {
            let mut line = desk.invite(SET_UP_NUMBER, "desk", "").await?;
            desk.expect_answer(&mut line).await?;
            let replaces = format!("Replaces: {}\r\n", line.replaces());
            let ear = Ear::new(OUTSIDE)?;
            let mut replacing =
                outside.invite_with("100", &contract, &replaces, &ear.offer()).await?;
            outside.expect_answer(&mut replacing).await?;
            desk.expect_hangup().await?;
            key_all(&mut outside, &mut replacing, &password).await?;
            outside.expect_hangup().await?;
            ear.expect_last("trouble").await
        },
    )
}

/// The telephone and a stranger, who keys a password.
struct Strangers<'a> {
    asterisk: &'a Asterisk,
    desk: Agent,
    outside: Agent,
    contract: String,
    password: String,
}

/// Whatever they do, nothing is stored.
fn expect_nothing_stored(act: impl AsyncFnOnce(Strangers<'_>) -> Result<()>) -> Result<()> {
    let desk = Agent::socket(DESK)?;
    let (system, family) = system(&desk)?;
    let story = Story::new(&system)?;
    ensure!(story.family.contract == family.contract, "another story has taken the numbers");
    let asterisk = &system.asterisk;
    system.wait(async {
        act(Strangers {
            asterisk,
            desk: Agent::new(desk, asterisk.setup.sip)?,
            outside: Agent::new(Agent::socket(OUTSIDE)?, asterisk.setup.sip)?,
            contract: family.contract,
            password: story.password(),
        })
        .await
    })?;
    story.expect_nothing_stored()
}

/// A system with these strangers and the telephone, and the numbers of its first story.
fn system(desk: &UdpSocket) -> Result<(System, Family)> {
    let family = Family::new(PHONE_FAMILY + 1);
    let phones =
        format!("{ENDPOINTS}[desk]\ntype = aor\ncontact = sip:desk@{}\n", desk.local_addr()?)
            .replace("callerid = <0612345601>", &format!("callerid = <{}>", family.contract));
    let snippets =
        [("modules.conf", MODULES), ("phones.conf", &phones), ("extensions.conf", DIALPLAN)];
    Ok((System::without_daemon(&snippets)?.with_daemon(&PATIENT)?, family))
}

/// Keys a whole call ahead.
async fn key_all(agent: &mut Agent, dialog: &mut Dialog, password: &str) -> Result<()> {
    for key in format!("1{password}{password}").chars() {
        agent.key(dialog, key).await?;
    }
    Ok(())
}
