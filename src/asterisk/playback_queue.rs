//! Which playback of a call has started, concluded from the order in which Asterisk plays.
//!
//! Asterisk's own start events would come for every sound, that is for every digit that is read
//! out. But Asterisk plays one playback after the other. So a playback starts when it is requested
//! and nothing is before it, or when all before it have ended. That saves a third of all events.

use std::collections::VecDeque;

use super::events::Slot;
use domain::dialog::PlaybackId;

/// The playbacks that were requested and have not ended, in order.
#[derive(Debug, Default)]
pub(super) struct PlaybackQueue {
    queue: VecDeque<QueuedPlayback>,
}

#[derive(Debug)]
struct QueuedPlayback {
    id: PlaybackId,
    started: bool,
    accepted: bool,
}

impl PlaybackQueue {
    /// Records a sent request; the playback may end before the request is answered.
    pub(super) fn mark_requested(&mut self, id: PlaybackId) {
        self.queue.push_back(QueuedPlayback { id, started: false, accepted: false });
    }

    /// The slots of all queued playbacks.
    pub(super) fn slots(&self) -> Vec<Slot> {
        self.queue.iter().map(|playback| Slot::for_playback(playback.id)).collect()
    }

    /// The latest playback in this slot.
    pub(super) fn in_slot(&self, slot: Slot) -> Option<PlaybackId> {
        self.queue.iter().map(|playback| playback.id).rfind(|id| Slot::for_playback(*id) == slot)
    }

    /// Records that Asterisk has accepted the request. Returns the playback that starts now.
    pub(super) fn mark_accepted(&mut self, id: PlaybackId) -> Option<PlaybackId> {
        self.queue.iter_mut().find(|playback| playback.id == id)?.accepted = true;
        self.start_first()
    }

    /// Removes a playback that was refused or stopped. Returns the playback that starts now.
    pub(super) fn remove(&mut self, id: PlaybackId) -> Option<PlaybackId> {
        self.queue.retain(|playback| playback.id != id);
        self.start_first()
    }

    /// Records that a playback, and all before it, have ended. Returns the playback that starts
    /// now.
    pub(super) fn mark_finished(&mut self, id: PlaybackId) -> Option<PlaybackId> {
        let place = self.queue.iter().position(|playback| playback.id == id)?;
        self.queue.drain(..=place);
        self.start_first()
    }

    fn start_first(&mut self) -> Option<PlaybackId> {
        let first = self.queue.front_mut()?;
        let starts = first.accepted && !first.started;
        first.started |= starts;
        starts.then_some(first.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: PlaybackId = PlaybackId(1);
    const TWO: PlaybackId = PlaybackId(2);
    const THREE: PlaybackId = PlaybackId(3);

    fn queue_of(ids: &[PlaybackId]) -> PlaybackQueue {
        let mut queue = PlaybackQueue::default();
        for id in ids {
            queue.mark_requested(*id);
            let started = queue.mark_accepted(*id);
            assert_eq!(started, (Some(id) == ids.first()).then_some(*id));
        }
        queue
    }

    #[test]
    fn one_starts_when_the_one_before_it_is_over_and_only_once() {
        let mut queue = queue_of(&[ONE, TWO, THREE]);
        assert_eq!(queue.mark_finished(ONE), Some(TWO));
        assert_eq!(queue.mark_finished(ONE), None);
        assert_eq!(queue.mark_finished(TWO), Some(THREE));
        assert_eq!(queue.mark_finished(THREE), None);
    }

    #[test]
    fn one_that_is_stopped_makes_room_whether_or_not_its_end_is_reported() {
        let mut queue = queue_of(&[ONE, TWO, THREE]);
        assert_eq!(queue.remove(TWO), None);
        assert_eq!(queue.remove(ONE), Some(THREE));
        assert_eq!(queue.mark_finished(ONE), None);
        assert_eq!(queue.mark_finished(TWO), None);
    }

    #[test]
    fn an_end_that_was_not_reported_is_made_up_for_by_the_next() {
        let mut queue = queue_of(&[ONE, TWO, THREE]);
        assert_eq!(queue.mark_finished(TWO), Some(THREE));
    }

    #[test]
    fn a_slot_is_its_latest_playbacks_as_long_as_that_is_not_over() {
        let same = PlaybackId(ONE.0 + 8);
        let mut queue = queue_of(&[ONE, TWO, same]);
        assert_eq!(queue.in_slot(Slot::for_playback(ONE)), Some(same));
        queue.mark_finished(same);
        assert_eq!(queue.in_slot(Slot::for_playback(ONE)), None);
    }

    #[test]
    fn an_end_that_overtakes_the_answer_counts() {
        let mut queue = queue_of(&[ONE]);
        assert_eq!(queue.mark_finished(ONE), None);
        queue.mark_requested(TWO);
        assert_eq!(queue.mark_finished(TWO), None);
        assert_eq!(queue.mark_accepted(TWO), None);
        queue.mark_requested(THREE);
        assert_eq!(queue.mark_accepted(THREE), Some(THREE));
    }
}
