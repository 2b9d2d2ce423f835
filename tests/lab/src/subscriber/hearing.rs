//! Recognises the guidance in the received audio, byte by byte, from the sound files alone.
//!
//! The received µ-law is one stream of bytes, whatever packets it came in: Asterisk refills packets
//! across the end of a file, so a file may begin anywhere in one. A [`Hearing`] searches the stream
//! for any 10 ms of a known file, then follows that file until it ends or the stream departs from
//! it. Files that begin alike stay candidates together until they differ. Silence is passed over;
//! sound that is in no file is heard as [`UNKNOWN`].

use std::collections::{HashMap, VecDeque};
use std::sync::LazyLock;
use std::time::Instant;

use super::ulaw;
use crate::sounds;

/// The name under which sound that is in no file is heard.
pub const UNKNOWN: &str = "?";

/// Bytes that identify a place of a file: 10 ms.
const BLOCK: usize = 80;
/// A file's end that may be missing, since Asterisk sends whole packets only: 20 ms.
const PACKET: usize = 160;
/// A stretch without a file, and how many of its bytes must be loud to make it [`UNKNOWN`].
const UNKNOWN_BYTES: usize = 160;
const UNKNOWN_LOUD_BYTES: usize = 40;
/// How far back from its first loud block a file's silent beginning is looked for: 1 s.
const LEAD: usize = 8000;
/// Bytes that are dropped at once, when they are of no more use.
const DROPPED: usize = 16_000;

type Block = [u8; BLOCK];

/// Sound files in µ-law, and where each of their blocks is.
pub struct Library {
    sounds: Vec<Sound>,
    places: HashMap<Block, Vec<Place>>,
}

struct Sound {
    name: String,
    codes: Vec<u8>,
}

/// A byte of a sound.
#[derive(Debug, Clone, Copy)]
struct Place {
    sound: usize,
    offset: usize,
}

impl Library {
    /// Every spoken sound of the guidance; read once.
    pub fn guidance() -> &'static Self {
        static GUIDANCE: LazyLock<Library> = LazyLock::new(|| {
            let read = |name: &str| sounds::samples(name).expect("a sound of this repository");
            Library::new(sounds::words().map(|(name, _)| (name.to_owned(), read(name))))
        });
        &GUIDANCE
    }

    /// Sounds by name, as 16-bit samples at 8 kHz.
    pub fn new(sounds: impl IntoIterator<Item = (String, Vec<i16>)>) -> Self {
        let mut library = Self { sounds: Vec::new(), places: HashMap::new() };
        for (name, samples) in sounds {
            let sound = library.sounds.len();
            let codes: Vec<u8> = samples.into_iter().map(ulaw::encode).collect();
            for (index, block) in codes.as_chunks::<BLOCK>().0.iter().enumerate() {
                if block.iter().any(|code| ulaw::is_loud(*code)) {
                    let place = Place { sound, offset: index * BLOCK };
                    library.places.entry(*block).or_default().push(place);
                }
            }
            library.sounds.push(Sound { name, codes });
        }
        library
    }

    fn codes(&self, sound: usize) -> &[u8] {
        self.sounds.get(sound).map_or(&[], |sound| &sound.codes)
    }
}

/// One thing heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// What it is: the file's name; several while (or if) it could be any of them.
    pub names: Vec<String>,
    /// When its first packet came.
    pub started: Instant,
    /// When its last packet came, once it is over.
    pub ended: Option<Instant>,
    /// Where in the file it began, in samples.
    pub from: usize,
    /// Whether it was heard from the file's beginning to its end, silent edges aside.
    pub whole: bool,
}

impl Heard {
    /// Whether it is certainly this.
    pub fn is(&self, name: &str) -> bool {
        self.names.iter().all(|candidate| candidate == name)
    }

    /// Whether it may be this, for all that was heard yet.
    pub fn may_be(&self, name: &str) -> bool {
        self.names.iter().any(|candidate| candidate == name)
    }
}

/// What one call's audio was recognised as.
pub struct Hearing {
    library: &'static Library,
    /// Everything heard, in order.
    pub heard: Vec<Heard>,
    stream: Vec<u8>,
    /// The stream's bytes that were dropped already.
    base: usize,
    /// Where the last file ended; another cannot begin before it.
    floor: usize,
    /// How far sound without a file was looked for.
    noted: usize,
    /// How far it was searched or followed.
    position: usize,
    /// Ends of packets in the stream, and when they came.
    arrivals: VecDeque<(usize, Instant)>,
    /// The files being followed, each at `position`; none while searching.
    following: Vec<Place>,
}

impl Hearing {
    /// Nothing heard yet.
    pub fn new(library: &'static Library) -> Self {
        Self {
            library,
            heard: Vec::new(),
            stream: Vec::new(),
            base: 0,
            floor: 0,
            noted: 0,
            position: 0,
            arrivals: VecDeque::new(),
            following: Vec::new(),
        }
    }

    /// Takes a packet's µ-law; returns whether [`Hearing::heard`] has changed.
    pub fn hear(&mut self, at: Instant, payload: &[u8]) -> bool {
        self.stream.extend(payload.iter().map(|code| ulaw::canonical(*code)));
        self.arrivals.push_back((self.base + self.stream.len(), at));
        let mut changed = false;
        loop {
            let step = if self.following.is_empty() { self.search() } else { self.follow() };
            match step {
                Step::NeedsMore => break,
                Step::On => {}
                Step::Changed => changed = true,
            }
        }
        self.forget();
        changed
    }

    /// Nothing more will come.
    pub fn close(&mut self) {
        if !self.following.is_empty() {
            self.finish();
        }
    }

    fn arrival(&self, position: usize) -> Option<Instant> {
        self.arrivals.iter().find(|(end, _)| position < *end).map(|(_, at)| *at)
    }

    fn search(&mut self) -> Step {
        let start = self.position - self.base;
        let Some(window) = self.stream.get(start..start + BLOCK) else { return Step::NeedsMore };
        let Ok(block) = Block::try_from(window) else { return Step::NeedsMore };
        let Some(places) = self.library.places.get(&block) else {
            self.position += 1;
            return self.note_unknown(self.position);
        };
        let backed: Vec<(usize, Place)> =
            places.iter().map(|place| (self.backwards(*place), *place)).collect();
        let best = backed.iter().map(|(length, _)| *length).max().unwrap_or(0);
        let since = self.position - best;
        self.following = backed
            .into_iter()
            .filter(|(length, _)| *length == best)
            .map(|(_, place)| Place { offset: place.offset + BLOCK, ..place })
            .collect();
        let from = self.following.first().map_or(0, |place| place.offset - BLOCK - best);
        self.note_unknown(since);
        self.floor = since;
        self.position += BLOCK;
        self.noted = self.position;
        let Some(started) = self.arrival(since) else { return Step::NeedsMore };
        let names = self.names(&self.following);
        self.heard.push(Heard { names, started, ended: None, from, whole: false });
        Step::Changed
    }

    /// How many bytes before `position` agree with those before a place of a file.
    fn backwards(&self, place: Place) -> usize {
        let before = self.library.codes(place.sound).get(..place.offset).unwrap_or(&[]);
        let stream = self.stream.get(self.floor - self.base..self.position - self.base);
        let stream = stream.unwrap_or(&[]);
        before.iter().rev().zip(stream.iter().rev()).take_while(|(a, b)| a == b).count()
    }

    fn follow(&mut self) -> Step {
        let Some(&code) = self.stream.get(self.position - self.base) else {
            let has_ended = self.following.iter().all(|place| self.rest(*place).is_empty());
            return if has_ended { self.finish() } else { Step::NeedsMore };
        };
        let agrees = |place: &&Place| self.rest(**place).first() == Some(&code);
        let agreeing = self.following.iter().filter(agrees);
        let agreeing = agreeing.map(|place| Place { offset: place.offset + 1, ..*place });
        let agreeing: Vec<Place> = agreeing.collect();
        if agreeing.is_empty() {
            return self.finish();
        }
        let fewer = agreeing.len() < self.following.len();
        self.following = agreeing;
        self.position += 1;
        if !fewer {
            return Step::On;
        }
        let names = self.names(&self.following);
        if let Some(heard) = self.heard.last_mut() {
            heard.names = names;
        }
        Step::Changed
    }

    fn rest(&self, place: Place) -> &[u8] {
        self.library.codes(place.sound).get(place.offset..).unwrap_or(&[])
    }

    /// The files that were followed are over, or the stream has departed from them.
    fn finish(&mut self) -> Step {
        let is_over = |place: &&Place| is_negligible(self.rest(**place));
        let over: Vec<Place> = self.following.iter().filter(is_over).copied().collect();
        let followed = std::mem::take(&mut self.following);
        let ended = self.arrival(self.position - 1);
        let names = self.names(if over.is_empty() { &followed } else { &over });
        let silent_until = |from: usize| {
            let first = over.first()?;
            Some(is_negligible(self.library.codes(first.sound).get(..from)?))
        };
        let whole = self.heard.last().and_then(|heard| silent_until(heard.from)).unwrap_or(false);
        if let Some(heard) = self.heard.last_mut() {
            (heard.names, heard.ended, heard.whole) = (names, ended, whole);
        }
        (self.floor, self.noted) = (self.position, self.position);
        Step::Changed
    }

    fn names(&self, places: &[Place]) -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for sound in places.iter().filter_map(|place| self.library.sounds.get(place.sound)) {
            if !names.contains(&sound.name) {
                names.push(sound.name.clone());
            }
        }
        names
    }

    /// Since `noted` and until there no file was found: was there sound?
    fn note_unknown(&mut self, until: usize) -> Step {
        if until <= self.noted {
            return Step::On;
        }
        let span = self.stream.get(self.noted - self.base..until - self.base).unwrap_or(&[]);
        // While searching, the sound may yet turn out to be a file's: its first block decides.
        if span.len() < 2 * BLOCK + UNKNOWN_BYTES && self.following.is_empty() {
            return Step::On;
        }
        let loud = span.iter().filter(|code| ulaw::is_loud(**code)).count();
        let first = span.iter().position(|code| ulaw::is_loud(*code)).unwrap_or(0);
        let (begin, last) = (self.arrival(self.noted + first), self.arrival(until - 1));
        self.noted = until;
        let Some(started) = begin.filter(|_| loud >= UNKNOWN_LOUD_BYTES) else { return Step::On };
        match self.heard.last_mut() {
            Some(heard) if heard.is(UNKNOWN) => heard.ended = last,
            _ => self.heard.push(Heard {
                names: vec![UNKNOWN.to_owned()],
                started,
                ended: last,
                from: 0,
                whole: false,
            }),
        }
        Step::Changed
    }

    /// Drops what no file can begin in any more.
    fn forget(&mut self) {
        if self.following.is_empty() {
            self.floor = self.floor.max(self.position.saturating_sub(LEAD)).min(self.noted);
        }
        let done = self.floor - self.base;
        if done < DROPPED {
            return;
        }
        self.stream.drain(..done);
        self.base = self.floor;
        while self.arrivals.front().is_some_and(|(end, _)| *end <= self.floor) {
            self.arrivals.pop_front();
        }
    }
}

/// Whether an edge of a file is too short or too quiet to be missed.
fn is_negligible(edge: &[u8]) -> bool {
    edge.len() < PACKET || !edge.iter().any(|code| ulaw::is_loud(*code))
}

enum Step {
    NeedsMore,
    On,
    Changed,
}

#[cfg(test)]
mod tests;
