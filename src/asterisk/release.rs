//! How the daemon releases a call: it hangs up, or continues the call in the dialplan.
//!
//! Everything that plays is stopped first, and with it the fallback for abandoned callers. From
//! then on the caller hears nothing, so the daemon keeps the call and retries until Asterisk has
//! obeyed.

use std::future::pending;

use tokio::time::{sleep, timeout};
use tracing::{info, warn};

use super::commands::retry_delay;
use super::events::{CallEvent, EndReason, Slot};
use super::handle::AsteriskHandle;
use super::mailbox::Mailbox;
use super::rest::ErrorChain;

/// Where a call goes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Release {
    HangUp,
    /// The dialplan offers the call to another daemon, or plays its apology.
    ContinueInDialplan,
}

/// Continues a call in the dialplan instead of serving it.
pub(super) async fn decline(
    asterisk: &AsteriskHandle,
    channel: &str,
    adopted: bool,
    mailbox: Mailbox,
) {
    let slots = adopted.then(Slot::all);
    let slots = slots.into_iter().flatten();
    release(asterisk, channel, slots, Release::ContinueInDialplan, mailbox).await;
}

/// Declines a channel that has replaced one of ours, so that its caller hears the apology.
pub(super) async fn decline_replacement(
    asterisk: &AsteriskHandle,
    channel: &str,
    replaced: &str,
    mailbox: Mailbox,
) {
    // Playbacks keep the id of the channel that they began on, and would hold the call in the
    // application.
    if let Err(error) = asterisk.rest.stop_all(replaced, Slot::all()).await {
        warn!(error = %ErrorChain(&error), "could not stop the playbacks of a replaced channel");
    }
    decline(asterisk, channel, true, mailbox).await;
}

/// Stops the playbacks in `slots` and releases the call. Returns once Asterisk has obeyed, or the
/// call is gone or another process serves it.
///
/// Asterisk would warn of queued playbacks at a hang-up, and would play them before it continued.
pub(super) async fn release(
    asterisk: &AsteriskHandle,
    channel: &str,
    slots: impl IntoIterator<Item = Slot>,
    release: Release,
    mut mailbox: Mailbox,
) {
    // After that time Asterisk's own limit has ended the call.
    let released = timeout(asterisk.services.limits.max_channel_lifetime(), async {
        if let Err(error) = asterisk.rest.stop_all(channel, slots).await {
            warn!(error = %ErrorChain(&error), "could not stop the playbacks of an ending call");
        }
        retry_until_done(asterisk, channel, release).await;
    });
    tokio::select! {
        biased;
        () = wait_until_gone(&mut mailbox) => {}
        _ = released => {}
    }
}

async fn retry_until_done(asterisk: &AsteriskHandle, channel: &str, release: Release) {
    let mut retries = 0;
    loop {
        let result = match release {
            Release::HangUp => asterisk.rest.hang_up(channel).await,
            Release::ContinueInDialplan => asterisk.rest.continue_in_dialplan(channel).await,
        };
        match result {
            Ok(()) if retries > 0 => return info!("released the call"),
            Ok(()) => return,
            Err(error) if retries == 0 => {
                warn!(error = %ErrorChain(&error), ?release, "could not release the call; retrying");
            }
            Err(_) => {}
        }
        sleep(retry_delay(retries)).await;
        retries = retries.saturating_add(1);
        // A request without an answer may have been carried out, and the call may be another
        // daemon's.
        if release == Release::ContinueInDialplan && has_left_app(asterisk, channel).await {
            return;
        }
    }
}

async fn has_left_app(asterisk: &AsteriskHandle, channel: &str) -> bool {
    asterisk.rest.channels_in(&asterisk.app).await.is_ok_and(|channels| {
        !channels.is_some_and(|channels| channels.iter().any(|present| present == channel))
    })
}

/// Waits until Asterisk reports that the call is gone, or that another process has it.
async fn wait_until_gone(mailbox: &mut Mailbox) {
    while let Some(delivery) = mailbox.recv().await {
        if let CallEvent::Ended(EndReason::Remote | EndReason::TakenOver) = delivery.event {
            return;
        }
    }
    pending::<()>().await;
}
