//! Attempts to take over a contract. Most reach the line as somebody else (`P1`), on an Asterisk
//! that transfers and forwards.
//!
//! Those here are judged by the Stasis arguments: each of these calls must arrive without a trusted
//! caller.

mod accounts;
pub mod agent;
pub mod ear;
mod media;
mod refused;
mod stored;

use std::fs;
use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result, anyhow, ensure};
use karipass_lab::asterisk::{ARI_USER, Asterisk, AsteriskSetup, CARRIER, SET_UP_NUMBER};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

use crate::dialplan::{Disposition, Events, listen, next_start};
use agent::{Agent, Dialog, SDP, sdp};

/// A trunk without any trust, from which strangers call telephones.
const OUTSIDE: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 9);
/// A telephone that transfers and forwards, known by its address so that it needs no digest.
pub const DESK: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 5);
/// A trunk that is not trusted but leads to `karipass-trunk`.
const INTRUDER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 8);
/// The same, leading to `karipass-trunk-from`.
const PRETENDER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 10);
/// The number whose password the stranger wants to set.
const VICTIM: &str = "0612345600";

const ARRIVAL_TIMEOUT: Duration = Duration::from_mins(1);
/// Longer than the last guidance.
const GONE_TIMEOUT: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(20);

const MODULES: &str = "
load = app_dial.so
load = app_disa.so
load = bridge_simple.so
load = bridge_softmix.so
load = res_clioriginate.so
load = res_pjsip_diversion.so
";

const ENDPOINTS: &str = "
[outside](karipass-endpoint)
context = outside
identify_by = ip
allow_transfer = yes
[outside]
type = identify
endpoint = outside
match = 127.0.0.9
[intruder](karipass-endpoint)
context = karipass-trunk
identify_by = ip
[intruder]
type = identify
endpoint = intruder
match = 127.0.0.8
[pretender](karipass-endpoint)
context = karipass-trunk-from
identify_by = ip
[pretender]
type = identify
endpoint = pretender
match = 127.0.0.10
[desk](karipass-phone)
callerid = <0612345601>
identify_by = ip
aors = desk
allow_transfer = yes
[desk]
type = identify
endpoint = desk
match = 127.0.0.5
";

const DIALPLAN: &str = "
[outside]
exten => 100,1,Dial(PJSIP/desk,20)
exten => 101,1,Dial(Local/0664806430@karipass-phones,20)
exten => 102,1,FollowMe(desk,d)
exten => 103,1,DISA(no-password,inside)
exten => 104,1,Answer()
 same => n,Wait(60)
exten => 105,1,Goto(karipass-phones,0664806430,1)
exten => 0664806430,1,Goto(karipass-phones,0664806430,1)
exten => 106,1,Dial(PJSIP/desk,20,F(karipass-phones,0664806430,1))
[inside]
exten => 0664806430,1,Goto(karipass-phones,0664806430,1)
";

const FOLLOW_ME: &str = "[desk]\ncontext = karipass-phones\nnumber => 0664806430,5\n";

const ATTACKS: [Attack; 18] = [
    Attack::BlindTransfer,
    Attack::BlindTransferOfTheTelephone,
    Attack::Moved,
    Attack::Forwarded("101"),
    Attack::Forwarded("102"),
    Attack::Forwarded("105"),
    Attack::Disa,
    Attack::Redirect,
    Attack::GoesOn,
    Attack::GoesOnAfterReinvite,
    Attack::RedirectAfterReinvite,
    Attack::Originate,
    Attack::Trunk(INTRUDER),
    Attack::Trunk(PRETENDER),
    Attack::Header("Diversion: <sip:0612345699@x>;reason=unconditional"),
    Attack::Header("Referred-By: <sip:0612345699@x>"),
    Attack::Header("History-Info: <sip:0612345699@x;cause=302>;index=1.1"),
    Attack::Header("History-Info: <sip:0612345699@x?Reason=SIP%3Bcause%3D302>;index=1"),
];

#[test]
fn p1_a_call_that_was_transferred_or_forwarded_has_no_trusted_caller() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let desk = Agent::socket(DESK)?;
    let contact = format!("[desk]\ntype = aor\ncontact = sip:desk@{}\n", desk.local_addr()?);
    let setup = AsteriskSetup::new(folder.path())?
        .snippet("modules.conf", MODULES)
        .snippet("phones.conf", &format!("{ENDPOINTS}{contact}"))
        .snippet("extensions.conf", DIALPLAN);
    let asterisk = Asterisk::start(setup)?;
    fs::write(folder.path().join("etc/followme.conf"), FOLLOW_ME)?;
    asterisk.console("module load app_followme.so")?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let events = listen(&asterisk).await?;
        let outside = Agent::new(Agent::socket(OUTSIDE)?, asterisk.setup.sip)?;
        let desk = Agent::new(desk, asterisk.setup.sip)?;
        let mut ground = AttackGround { asterisk, events, outside, desk };
        let mut wrong = Vec::new();
        for attack in ATTACKS {
            match ground.attempt(attack).await.with_context(|| format!("{attack:?}"))? {
                Disposition::Stasis(verdict, _) if verdict == "untrusted" => {}
                other @ (Disposition::Stasis(..) | Disposition::Refused(_)) => {
                    wrong.push(format!("{attack:?}: {other:?}"));
                }
            }
        }
        ensure!(wrong.is_empty(), "{}", wrong.join("\n"));
        Ok(())
    })
}

/// An Asterisk, a stranger and a telephone.
struct AttackGround {
    asterisk: Asterisk,
    events: Events,
    outside: Agent,
    desk: Agent,
}

/// The attacks.
#[derive(Debug, Clone, Copy)]
enum Attack {
    /// The telephone transfers a stranger who has called it.
    BlindTransfer,
    /// A stranger transfers the telephone that was called.
    BlindTransferOfTheTelephone,
    /// The telephone answers a stranger with 302.
    Moved,
    /// The PBX forwards to the line, by its extension.
    Forwarded(&'static str),
    /// A stranger dials in.
    Disa,
    /// A stranger's channel is redirected.
    Redirect,
    /// The called telephone continues in the dialplan after the stranger has hung up.
    GoesOn,
    /// The same, after an INVITE of the telephone within that call.
    GoesOnAfterReinvite,
    /// The called telephone is redirected after such an INVITE.
    RedirectAfterReinvite,
    /// The PBX calls the telephone, as the victim.
    Originate,
    /// A trunk without trust asserts, or writes From.
    Trunk(Ipv4Addr),
    /// Headers of a call that comes from somewhere else.
    Header(&'static str),
}

impl AttackGround {
    /// Returns what reaches the line, and hangs up every call.
    async fn attempt(&mut self, attack: Attack) -> Result<Disposition> {
        match attack {
            Attack::BlindTransfer => {
                let (_, mut taken) = self.answer_stranger("100").await?;
                self.desk.request("REFER", &mut taken, &self.refer_to_the_line(), "").await?;
            }
            Attack::BlindTransferOfTheTelephone => {
                let (mut called, _) = self.answer_stranger("100").await?;
                self.outside.request("REFER", &mut called, &self.refer_to_the_line(), "").await?;
            }
            Attack::Moved => {
                self.outside.invite("100", VICTIM, "").await?;
                let contact =
                    format!("Contact: <sip:{SET_UP_NUMBER}@{}>\r\n", self.asterisk.setup.sip);
                self.desk.take_call("302 Moved Temporarily", &contact).await?;
            }
            Attack::Forwarded(extension) => {
                self.outside.invite(extension, VICTIM, "").await?;
            }
            Attack::Disa => {
                let mut called = self.outside.invite("103", VICTIM, "").await?;
                self.outside.expect_answer(&mut called).await?;
                for digit in SET_UP_NUMBER.chars() {
                    self.outside.key(&mut called, digit).await?;
                }
            }
            Attack::Redirect => {
                let mut called = self.outside.invite("104", VICTIM, "").await?;
                self.outside.expect_answer(&mut called).await?;
                self.redirect("PJSIP/outside")?;
            }
            Attack::GoesOn => {
                let (mut called, _) = self.answer_stranger("106").await?;
                self.outside.request("BYE", &mut called, "", "").await?;
            }
            Attack::GoesOnAfterReinvite => {
                let (mut called, mut taken) = self.answer_stranger("106").await?;
                self.reinvite(&mut taken).await?;
                self.outside.request("BYE", &mut called, "", "").await?;
            }
            Attack::RedirectAfterReinvite => {
                let (_, mut taken) = self.answer_stranger("100").await?;
                self.reinvite(&mut taken).await?;
                self.redirect("PJSIP/desk")?;
            }
            Attack::Originate => {
                let originate = self.originate();
                let (asked, taken) = tokio::join!(originate, self.desk.take_call("200 OK", ""));
                asked.and(taken)?;
            }
            Attack::Trunk(address) => {
                let mut agent = Agent::new(Agent::socket(address)?, self.asterisk.setup.sip)?;
                let asserted = format!("P-Asserted-Identity: <sip:{VICTIM}@x>\r\n");
                agent.invite(SET_UP_NUMBER, VICTIM, &asserted).await?;
            }
            Attack::Header(header) => {
                let mut agent = Agent::new(Agent::socket(CARRIER)?, self.asterisk.setup.sip)?;
                let headers = format!("P-Asserted-Identity: <sip:{VICTIM}@x>\r\n{header}\r\n");
                agent.invite(SET_UP_NUMBER, VICTIM, &headers).await?;
            }
        }
        let answer = timeout(ARRIVAL_TIMEOUT, next_start(&mut self.events)).await;
        let answer = answer.context("nothing reaches the line")?;
        self.hang_up_all().await?;
        answer.map_err(|error| anyhow!("{error:?}"))
    }

    /// The stranger's end of the call, and the telephone's.
    async fn answer_stranger(&mut self, dialled: &str) -> Result<(Dialog, Dialog)> {
        let mut called = self.outside.invite(dialled, VICTIM, "").await?;
        let taken = self.desk.take_call("200 OK", "").await?;
        self.outside.expect_answer(&mut called).await?;
        wait_until_bridged(&self.asterisk).await?;
        Ok((called, taken))
    }

    /// The telephone sends an INVITE within a call that Asterisk placed.
    async fn reinvite(&mut self, taken: &mut Dialog) -> Result<()> {
        let media = sdp((DESK, 40_000).into());
        let status = self.desk.request("INVITE", taken, SDP, &media).await?;
        ensure!(status == 200, "the INVITE within the call is refused: {status}");
        self.desk.acknowledge(taken, "").await
    }

    /// Sends the first channel of this name to the line.
    fn redirect(&self, name: &str) -> Result<()> {
        let channels = self.asterisk.console("core show channels concise")?;
        let mut names = channels.lines().filter_map(|line| line.split('!').next());
        let channel = names.find(|it| it.starts_with(name)).context("no such channel")?;
        let to = format!("karipass-phones,{SET_UP_NUMBER},1");
        self.asterisk.console(&format!("channel redirect {channel} {to}")).map(drop)
    }

    fn refer_to_the_line(&self) -> String {
        format!("Refer-To: <sip:{SET_UP_NUMBER}@{}>\r\n", self.asterisk.setup.sip)
    }

    /// Has the PBX call the telephone as the victim, and connect it with the line.
    fn originate(&self) -> impl Future<Output = Result<()>> + use<> {
        let Self { asterisk, .. } = self;
        let (address, password) = (asterisk.setup.ari, &asterisk.setup.ari_password);
        let request = format!(
            "POST /ari/channels?endpoint=PJSIP/desk&context=karipass-phones&priority=1\
             &extension={SET_UP_NUMBER}&callerId={VICTIM}&api_key={ARI_USER}:{password} HTTP/1.1\r\n\
             Host: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
        );
        async move {
            let mut connection = TcpStream::connect(address).await?;
            connection.write_all(request.as_bytes()).await?;
            let mut answer = String::new();
            connection.read_to_string(&mut answer).await?;
            ensure!(answer.starts_with("HTTP/1.1 200"), "{answer}");
            Ok(())
        }
    }

    /// Ends every call.
    async fn hang_up_all(&self) -> Result<()> {
        self.asterisk.console("channel request hangup all")?;
        wait_until_no_channel(&self.asterisk).await
    }
}

/// Waits until two channels are connected with each other.
pub async fn wait_until_bridged(asterisk: &Asterisk) -> Result<()> {
    let bridged = async {
        loop {
            let bridges = asterisk.console("bridge show all")?;
            let mut counts = bridges.lines().filter_map(|line| line.split_whitespace().nth(2));
            if counts.any(|count| count == "2") {
                return Ok(());
            }
            tokio::time::sleep(POLL_INTERVAL).await;
        }
    };
    timeout(ARRIVAL_TIMEOUT, bridged).await.context("nobody is connected")?
}

/// Waits until no channel is left.
async fn wait_until_no_channel(asterisk: &Asterisk) -> Result<()> {
    let gone = async {
        while !asterisk.console("core show channels concise")?.trim().is_empty() {
            tokio::time::sleep(POLL_INTERVAL).await;
        }
        Ok(())
    };
    timeout(GONE_TIMEOUT, gone).await.context("a channel is left")?
}
