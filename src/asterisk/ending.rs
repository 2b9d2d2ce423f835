//! How this daemon lets go of a call: it is hung up, or goes on in the dialplan.
//!
//! What plays is stopped first, and with it the word that is said to callers whom nobody serves. So
//! Asterisk is asked again and again, and the call is this daemon's until it has obeyed.

use std::future::pending;

use tokio::sync::mpsc::Receiver;
use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::Chain;
use super::calls::News;
use super::event::{Parting, Slot, Word};
use super::orders::back_off;
use super::pbx::Pbx;

/// What becomes of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum End {
    HungUp,
    /// The dialplan offers it to another daemon, or apologises.
    SentOn,
}

/// Does not take a call.
pub(crate) async fn decline(pbx: &Pbx, channel: &str, adopted: bool, news: &mut Receiver<News>) {
    let slots = adopted.then(Slot::all);
    let_go(pbx, channel, slots.into_iter().flatten(), End::SentOn, news).await;
}

/// Does not take a channel that has replaced one of ours: the dialplan apologises to whoever it is.
pub(crate) async fn decline_replacement(
    pbx: &Pbx,
    channel: &str,
    replaced: &str,
    news: &mut Receiver<News>,
) {
    // What plays goes on under the name of the channel that it began on, and would keep Asterisk
    // from letting the call go on.
    if let Err(error) = pbx.rest.clear(replaced, Slot::all()).await {
        warn!(error = %Chain(&error), "what plays to a replaced channel could not be stopped");
    }
    decline(pbx, channel, true, news).await;
}

/// Stops all that is queued, of which Asterisk would warn at a hang-up and which it would play before it
/// went on, and ends the call; returns once that is done, or the call is gone or another process's.
pub(crate) async fn let_go(
    pbx: &Pbx,
    channel: &str,
    slots: impl IntoIterator<Item = Slot>,
    end: End,
    news: &mut Receiver<News>,
) {
    // By then Asterisk's own limit has ended it.
    let ended = timeout(pbx.line.limits.max_channel_lifetime(), async {
        if let Err(error) = pbx.rest.clear(channel, slots).await {
            warn!(error = %Chain(&error), "what plays could not be stopped at a call's end");
        }
        insist(pbx, channel, end).await;
    });
    tokio::select! {
        biased;
        () = is_out_of_hand(news) => {}
        _ = ended => {}
    }
}

async fn insist(pbx: &Pbx, channel: &str, end: End) {
    let mut tries = 0;
    loop {
        let asked = match end {
            End::HungUp => pbx.rest.hang_up(channel).await,
            End::SentOn => pbx.rest.send_on(channel).await,
        };
        match asked {
            Ok(()) if tries > 0 => return info!("a call has been let go"),
            Ok(()) => return,
            Err(error) if tries == 0 => {
                warn!(error = %Chain(&error), ?end, "a call could not be let go; trying until it is");
            }
            Err(_) => {}
        }
        sleep(back_off(tries)).await;
        tries = tries.saturating_add(1);
        // What was not answered may have been done, and the call be another daemon's by now.
        if end == End::SentOn && has_left(pbx, channel).await {
            return;
        }
    }
}

async fn has_left(pbx: &Pbx, channel: &str) -> bool {
    pbx.rest.channels_in(&pbx.app).await.is_ok_and(|channels| {
        !channels.is_some_and(|channels| channels.iter().any(|present| present == channel))
    })
}

/// Until Asterisk says that the call is gone, or that another process has it.
async fn is_out_of_hand(news: &mut Receiver<News>) {
    while let Some((word, _)) = news.recv().await {
        if let Word::Over(Parting::Theirs | Parting::Left) = word {
            return;
        }
    }
    pending::<()>().await;
}
