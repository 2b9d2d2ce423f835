//! Calls in a carrier's name whose media are elsewhere, judged by the stored passwords.
//!
//! The stranger sends SIP as the carrier and receives none of the line's answers there, only RTP.
//! Each attack succeeds while the carrier has no networks in `call.media_networks`.

use std::net::Ipv4Addr;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use futures_util::future::try_join_all;
use karipass_lab::asterisk::{CARRIER, SET_UP_NUMBER};
use karipass_lab::subscriber::handset::{Handset, Received};
use karipass_lab::subscriber::{Keying, Pace};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};
use tokio::task::spawn_blocking;
use tokio::time::timeout;

use super::agent::{Agent, SDP, sdp};
use super::wait_until_no_channel;
use crate::story::Story;
use crate::system::{PATIENT, System};

/// The address of the stranger's media.
const STRANGER: Ipv4Addr = Ipv4Addr::new(127, 0, 0, 66);
/// The carrier's networks.
const NETWORKS: (&str, &str) = ("KARIPASS_CALL_MEDIA_NETWORKS", "carrier=127.0.0.2");
/// No networks.
const ANYWHERE: (&str, &str) = ("KARIPASS_CALL_MEDIA_NETWORKS", "");

/// From the answer, where the stranger must hear the line: only a fault takes as long.
const HEARING_TIMEOUT: Duration = Duration::from_mins(1);
/// The same, where the stranger must not hear it, and then sets no password in any case.
const UNHEARD_FOR: Duration = Duration::from_secs(20);

const ATTACKS: [MediaAttack; 4] =
    [MediaAttack::Offer, MediaAttack::Sender, MediaAttack::LateAnswer, MediaAttack::Reinvite];

#[test]
fn p1_a_call_in_the_carriers_name_with_foreign_media_sets_no_password() -> Result<()> {
    let mut system = System::without_daemon(&[])?;
    for networks in [ANYWHERE, NETWORKS] {
        let variables = [PATIENT[0], PATIENT[1], networks];
        system.daemon = None;
        system = system.with_daemon(&variables)?;
        let victims = ATTACKS.iter().map(|attack| anyhow::Ok((*attack, Story::new(&system)?)));
        let victims: Vec<(MediaAttack, Story<'_>)> = victims.collect::<Result<_>>()?;
        let patience = if networks == ANYWHERE { HEARING_TIMEOUT } else { UNHEARD_FOR };
        let tried =
            victims.iter().map(|(attack, story)| attempt(&system, *attack, story, patience));
        system.wait(try_join_all(tried))?;
        system.wait(wait_until_no_channel(&system.asterisk))?;
        for (attack, story) in &victims {
            let (stored, succeeds) = (story.stored()?, networks == ANYWHERE);
            ensure!(stored.len() == usize::from(succeeds), "{networks:?} {attack:?}: {stored:?}");
        }
    }
    Ok(())
}

#[derive(Debug, Clone, Copy)]
enum MediaAttack {
    /// The offer names the stranger's media; the answer is not acknowledged.
    Offer,
    /// The offer names the carrier's media, and the stranger sends RTP to the line's port.
    Sender,
    /// There is no offer, and the answer in the ACK names the stranger's media.
    LateAnswer,
    /// The media are the carrier's until a re-INVITE.
    Reinvite,
}

/// Calls in the victim's name, and keys if anything is heard.
async fn attempt(
    system: &System,
    attack: MediaAttack,
    victim: &Story<'_>,
    patience: Duration,
) -> Result<()> {
    let (caller, password) = (&victim.family.contract, victim.password());
    let mut carrier = Agent::new(Agent::socket(CARRIER)?, system.asterisk.setup.sip)?;
    let (mut stranger, mut own) = (MediaEndpoint::new(STRANGER)?, MediaEndpoint::new(CARRIER)?);
    let (foreign, honest) = (sdp(stranger.handset.address), sdp(own.handset.address));
    let offer = match attack {
        MediaAttack::Offer => &foreign,
        MediaAttack::Sender | MediaAttack::Reinvite => &honest,
        MediaAttack::LateAnswer => "",
    };
    let asserted = format!("P-Asserted-Identity: <sip:{caller}@x>\r\n");
    let mut dialog = carrier.invite_with(SET_UP_NUMBER, caller, &asserted, offer).await?;
    let Some(line) = carrier.expect_media(&mut dialog).await? else { return Ok(()) };
    match attack {
        MediaAttack::Offer | MediaAttack::Sender => {}
        MediaAttack::LateAnswer => carrier.acknowledge(&dialog, &foreign).await?,
        MediaAttack::Reinvite => {
            carrier.acknowledge(&dialog, "").await?;
            own.hear(HEARING_TIMEOUT).await?;
            let status = carrier.request("INVITE", &mut dialog, SDP, &foreign).await?;
            ensure!(status == 200, "{status}");
            carrier.acknowledge(&dialog, "").await?;
        }
    }
    let listener = if let MediaAttack::Sender = attack { &mut own } else { &mut stranger };
    if listener.hear(patience).await.is_err() {
        return Ok(());
    }
    stranger.handset.speak_to(line);
    let keys = format!("1{password}{password}");
    spawn_blocking(move || stranger.handset.key(&keys, Pace::BRISK, Keying::Events).map(drop))
        .await?
}

/// The media of a telephone, without SIP.
struct MediaEndpoint {
    handset: Handset,
    packets: UnboundedReceiver<()>,
}

impl MediaEndpoint {
    fn new(address: Ipv4Addr) -> Result<Self> {
        let (heard, packets) = unbounded_channel();
        let handset = Handset::new(address, move |_, what| {
            if let Received::Audio { .. } = what {
                let _ = heard.send(()); // the test may have ended
            }
        })?;
        Ok(Self { handset, packets })
    }

    async fn hear(&mut self, patience: Duration) -> Result<()> {
        let heard = timeout(patience, self.packets.recv()).await;
        heard.ok().flatten().context("nothing is heard")
    }
}
