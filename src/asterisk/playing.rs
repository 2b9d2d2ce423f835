//! Which playback of a call has begun, told from the order in which Asterisk plays.
//!
//! Asterisk would tell of each sound's beginning, which is every digit of a number that is read
//! out. But it plays one playback after the other, so one begins when it is asked for and nothing
//! is before it, or when all before it are over: a third of all events need not be sent.

use std::collections::VecDeque;

use super::event::Slot;
use domain::dialog::PlaybackId;

/// The playbacks that Asterisk has been asked for and has not told the end of, in order.
#[derive(Debug, Default)]
pub(crate) struct Playing {
    queue: VecDeque<Playback>,
}

#[derive(Debug)]
struct Playback {
    id: PlaybackId,
    begun: bool,
    accepted: bool,
}

impl Playing {
    /// The request for a playback goes out; its end may be told before its answer.
    pub(crate) fn requested(&mut self, id: PlaybackId) {
        self.queue.push_back(Playback { id, begun: false, accepted: false });
    }

    /// The slots of all that may be queued.
    pub(crate) fn slots(&self) -> Vec<Slot> {
        self.queue.iter().map(|playback| Slot::of(playback.id)).collect()
    }

    /// The playback that has this slot now.
    pub(crate) fn in_slot(&self, slot: Slot) -> Option<PlaybackId> {
        self.queue.iter().map(|playback| playback.id).rfind(|id| Slot::of(*id) == slot)
    }

    /// Asterisk has taken the request; gives the playback that has begun by it.
    pub(crate) fn accepted(&mut self, id: PlaybackId) -> Option<PlaybackId> {
        self.queue.iter_mut().find(|playback| playback.id == id)?.accepted = true;
        self.first()
    }

    /// A playback will not play, or has been stopped; gives the one that has begun by it.
    pub(crate) fn removed(&mut self, id: PlaybackId) -> Option<PlaybackId> {
        self.queue.retain(|playback| playback.id != id);
        self.first()
    }

    /// Asterisk has told a playback's end, and with it that of all before it; gives the one that
    /// has begun by it.
    pub(crate) fn finished(&mut self, id: PlaybackId) -> Option<PlaybackId> {
        let place = self.queue.iter().position(|playback| playback.id == id)?;
        self.queue.drain(..=place);
        self.first()
    }

    fn first(&mut self) -> Option<PlaybackId> {
        let first = self.queue.front_mut()?;
        let begins = first.accepted && !first.begun;
        first.begun |= begins;
        begins.then_some(first.id)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: PlaybackId = PlaybackId(1);
    const TWO: PlaybackId = PlaybackId(2);
    const THREE: PlaybackId = PlaybackId(3);

    fn playing(ids: &[PlaybackId]) -> Playing {
        let mut playing = Playing::default();
        for id in ids {
            playing.requested(*id);
            let begun = playing.accepted(*id);
            assert_eq!(begun, (Some(id) == ids.first()).then_some(*id));
        }
        playing
    }

    #[test]
    fn one_begins_when_the_one_before_it_is_over_and_only_once() {
        let mut playing = playing(&[ONE, TWO, THREE]);
        assert_eq!(playing.finished(ONE), Some(TWO));
        assert_eq!(playing.finished(ONE), None);
        assert_eq!(playing.finished(TWO), Some(THREE));
        assert_eq!(playing.finished(THREE), None);
    }

    #[test]
    fn one_that_is_stopped_makes_room_whether_or_not_its_end_is_told() {
        let mut playing = playing(&[ONE, TWO, THREE]);
        assert_eq!(playing.removed(TWO), None);
        assert_eq!(playing.removed(ONE), Some(THREE));
        assert_eq!(playing.finished(ONE), None);
        assert_eq!(playing.finished(TWO), None);
    }

    #[test]
    fn an_end_that_was_not_told_is_made_up_for_by_the_next() {
        let mut playing = playing(&[ONE, TWO, THREE]);
        assert_eq!(playing.finished(TWO), Some(THREE));
    }

    #[test]
    fn a_slot_is_its_latest_playbacks_as_long_as_that_is_not_over() {
        let same = PlaybackId(ONE.0 + 8);
        let mut playing = playing(&[ONE, TWO, same]);
        assert_eq!(playing.in_slot(Slot::of(ONE)), Some(same));
        playing.finished(same);
        assert_eq!(playing.in_slot(Slot::of(ONE)), None);
    }

    #[test]
    fn an_end_that_overtakes_the_answer_counts() {
        let mut playing = playing(&[ONE]);
        assert_eq!(playing.finished(ONE), None);
        playing.requested(TWO);
        assert_eq!(playing.finished(TWO), None);
        assert_eq!(playing.accepted(TWO), None);
        playing.requested(THREE);
        assert_eq!(playing.accepted(THREE), Some(THREE));
    }
}
