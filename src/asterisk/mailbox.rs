//! A call's mailbox: a bounded queue between the router and the call's task.
//!
//! A call is mostly silent, so the queue takes memory only for the events that wait. A channel of
//! tokio keeps room for 32 of them in each call.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use super::events::Delivery;

/// How many events a call may be behind.
pub(super) const CAPACITY: usize = 64;

/// The task's end of a mailbox.
pub(super) struct Mailbox(Arc<Mutex<MailboxQueue>>);

/// The router's end of a mailbox.
pub(super) struct MailboxSender(Arc<Mutex<MailboxQueue>>);

/// Why a mailbox takes no event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum SendError {
    Full,
    /// The task has ended.
    Closed,
}

#[derive(Default)]
struct MailboxQueue {
    deliveries: VecDeque<Delivery>,
    /// One of the ends has been dropped.
    closed: bool,
    /// Wakes the task that waits for an event.
    waker: Option<Waker>,
}

/// A new mailbox.
pub(super) fn mailbox() -> (MailboxSender, Mailbox) {
    let queue = Arc::default();
    (MailboxSender(Arc::clone(&queue)), Mailbox(queue))
}

impl MailboxSender {
    /// Adds an event; returns how many were there before.
    pub(super) fn send(&self, delivery: Delivery) -> Result<usize, SendError> {
        let mut queue = lock(&self.0);
        let depth = queue.deliveries.len();
        if queue.closed {
            return Err(SendError::Closed);
        }
        if depth == CAPACITY {
            return Err(SendError::Full);
        }
        queue.deliveries.push_back(delivery);
        wake(queue);
        Ok(depth)
    }
}

impl Drop for MailboxSender {
    fn drop(&mut self) {
        let mut queue = lock(&self.0);
        queue.closed = true;
        wake(queue);
    }
}

impl Mailbox {
    /// The next event; `None` if none is left and the router has dropped its end. Dropping the
    /// future loses nothing.
    pub(super) async fn recv(&mut self) -> Option<Delivery> {
        poll_fn(|context| {
            let mut queue = lock(&self.0);
            match queue.deliveries.pop_front() {
                None if !queue.closed => {
                    queue.waker = Some(context.waker().clone());
                    Poll::Pending
                }
                delivery => Poll::Ready(delivery),
            }
        })
        .await
    }
}

impl Drop for Mailbox {
    fn drop(&mut self) {
        lock(&self.0).closed = true;
    }
}

/// Wakes the task once the queue is no longer locked.
fn wake(mut queue: MutexGuard<'_, MailboxQueue>) {
    let waker = queue.waker.take();
    drop(queue);
    if let Some(waker) = waker {
        waker.wake();
    }
}

fn lock(queue: &Mutex<MailboxQueue>) -> MutexGuard<'_, MailboxQueue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt as _;
    use tokio::task::yield_now;

    use super::*;
    use crate::asterisk::events::{CallEvent, EndReason, Slot};
    use crate::clock;
    use domain::dialog::{PlaybackEnd, PlaybackId};

    /// An event that is recognised by its number.
    fn numbered(number: u32) -> Delivery {
        let event =
            CallEvent::PlaybackFinished(Slot::for_playback(PlaybackId(number)), PlaybackEnd::Done);
        Delivery { event, at: clock::now() }
    }

    fn shown(delivery: Option<Delivery>) -> String {
        format!("{:?}", delivery.map(|delivery| delivery.event))
    }

    #[tokio::test]
    async fn a_task_that_waits_gets_every_event_in_order() {
        let (sender, mut mailbox) = mailbox();
        let receiving = tokio::spawn(async move {
            let mut received = Vec::new();
            while let Some(delivery) = mailbox.recv().await {
                received.push(shown(Some(delivery)));
            }
            received
        });
        for number in 0..7 {
            yield_now().await;
            assert_eq!(sender.send(numbered(number)), Ok(0));
        }
        assert_eq!(sender.send(numbered(7)), Ok(1));
        drop(sender);
        let expected: Vec<String> = (0..8).map(|number| shown(Some(numbered(number)))).collect();
        assert_eq!(receiving.await.unwrap(), expected);
    }

    #[test]
    fn a_full_mailbox_takes_no_event_until_one_is_taken_out() {
        let (sender, mut mailbox) = mailbox();
        for depth in 0..CAPACITY {
            assert_eq!(sender.send(numbered(0)), Ok(depth));
        }
        assert_eq!(sender.send(numbered(0)), Err(SendError::Full));
        assert!(mailbox.recv().now_or_never().unwrap().is_some());
        assert_eq!(sender.send(numbered(0)), Ok(CAPACITY - 1));
    }

    #[test]
    fn what_is_left_is_received_after_the_router_and_nothing_is_sent_after_the_task() {
        let (sender, mut mailbox) = mailbox();
        let ended = Delivery { event: CallEvent::Ended(EndReason::Remote), at: clock::now() };
        assert_eq!(sender.send(ended), Ok(0));
        drop(sender);
        let received = mailbox.recv().now_or_never().unwrap();
        assert_eq!(shown(received), "Some(Ended(Remote))");
        assert!(mailbox.recv().now_or_never().unwrap().is_none());
        let (sender, mailbox) = super::mailbox();
        drop(mailbox);
        assert_eq!(sender.send(numbered(0)), Err(SendError::Closed));
    }
}
