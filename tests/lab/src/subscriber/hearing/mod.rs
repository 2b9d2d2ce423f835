//! Recognises the guidance in the received audio, byte by byte, from the sound files alone.
//!
//! The received µ-law is one stream of bytes, whatever its packets: Asterisk refills packets across
//! the end of a file, so a file may begin anywhere in one. A [`Hearing`] searches the stream for
//! any 10 ms of a known file, then follows that file until it ends or the stream departs from it.
//! Files that begin alike stay candidates together until they differ. Silence is skipped; sound
//! that is in no file is heard as [`UNKNOWN`]. A packet that was sent but never arrived may have
//! been any part of the file that is being followed.

use std::collections::HashMap;
use std::iter;
use std::sync::LazyLock;
use std::time::Instant;

use super::ulaw;
pub use super::ulaw::is_loud;
use crate::sounds;

/// The name of sound that is in no file.
pub const UNKNOWN: &str = "?";

/// Bytes that identify a position of a file: 10 ms.
const BLOCK: usize = 80;
/// A file's end that may be missing, since Asterisk sends whole packets only: 20 ms.
const PACKET: usize = 160;
/// A span without a file, and how many of its bytes must be loud to make it [`UNKNOWN`].
const UNKNOWN_BYTES: usize = 160;
const UNKNOWN_LOUD_BYTES: usize = 40;

/// The positions of each block of the known sound files.
pub struct Library(HashMap<[u8; BLOCK], Vec<Place>>);

/// A file in µ-law.
struct SoundFile {
    name: &'static str,
    codes: Vec<u8>,
}

/// A position in a sound, or its end.
#[derive(Clone, Copy)]
struct Place {
    sound: &'static SoundFile,
    offset: usize,
}

impl Library {
    /// Every spoken sound of the guidance; read once.
    pub fn guidance() -> &'static Self {
        static GUIDANCE: LazyLock<Library> = LazyLock::new(|| {
            let read = |name| sounds::samples(name).expect("a sound of this repository");
            Library::new(sounds::words().map(|(name, _)| (name, read(name))))
        });
        &GUIDANCE
    }

    /// Sounds by name, as 16-bit samples at 8 kHz. They stay in memory.
    fn new(sounds: impl IntoIterator<Item = (&'static str, Vec<i16>)>) -> Self {
        let mut places: HashMap<[u8; BLOCK], Vec<Place>> = HashMap::new();
        for (name, samples) in sounds {
            let codes = samples.into_iter().map(ulaw::encode).collect();
            let sound: &'static SoundFile = Box::leak(Box::new(SoundFile { name, codes }));
            for (index, block) in sound.codes.as_chunks::<BLOCK>().0.iter().enumerate() {
                if block.iter().any(|code| ulaw::is_loud(*code)) {
                    places.entry(*block).or_default().push(Place { sound, offset: index * BLOCK });
                }
            }
        }
        Self(places)
    }
}

impl Place {
    fn after(self, bytes: usize) -> Self {
        Self { offset: self.offset + bytes, ..self }
    }

    fn rest(self) -> &'static [u8] {
        &self.sound.codes[self.offset..]
    }

    /// How many bytes before this position agree with the end of `stream`.
    fn agrees_before(self, stream: &[u8]) -> usize {
        let before = self.sound.codes[..self.offset].iter().rev();
        before.zip(stream.iter().rev()).take_while(|(code, heard)| agree(**code, **heard)).count()
    }
}

/// One prompt heard.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Heard {
    /// The file's name; several while (or if) it could be any of them.
    pub names: Vec<&'static str>,
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
    /// Its name for people; several while it could be any of them.
    pub fn name(&self) -> String {
        self.names.join("|")
    }

    /// Whether it is certainly this.
    pub fn is(&self, name: &str) -> bool {
        self.names.iter().all(|candidate| *candidate == name)
    }

    /// Whether it may be this, as far as it has been heard.
    pub fn may_be(&self, name: &str) -> bool {
        self.names.contains(&name)
    }
}

/// The recognition of one call's audio.
pub struct Hearing {
    library: &'static Library,
    /// All prompts heard, in order.
    pub heard: Vec<Heard>,
    stream: Vec<u8>,
    /// Ends of packets in the stream, and their arrival times.
    arrivals: Vec<(usize, Instant)>,
    /// How far the stream has been searched or followed.
    position: usize,
    /// Where the last file ended; another cannot begin before it.
    floor: usize,
    /// How far sound without a file has been searched.
    noted: usize,
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
            arrivals: Vec::new(),
            position: 0,
            floor: 0,
            noted: 0,
            following: Vec::new(),
        }
    }

    /// Adds a packet's µ-law.
    pub fn hear(&mut self, at: Instant, payload: &[u8]) {
        self.receive(at, payload.iter().map(|code| ulaw::canonical(*code)));
    }

    /// Adds so many samples that never arrived.
    pub fn miss(&mut self, at: Instant, samples: usize) {
        self.receive(at, iter::repeat_n(ulaw::LOST, samples));
    }

    fn receive(&mut self, at: Instant, codes: impl Iterator<Item = u8>) {
        self.stream.extend(codes);
        self.arrivals.push((self.stream.len(), at));
        while self.advance() {}
    }

    /// Ends the stream.
    pub fn close(&mut self) {
        if !self.following.is_empty() {
            self.finish();
        }
    }

    /// Advances one step in the stream, unless that needs more of it.
    fn advance(&mut self) -> bool {
        if self.following.is_empty() { self.search() } else { self.follow() }
    }

    fn arrival(&self, position: usize) -> Instant {
        self.arrivals[self.arrivals.partition_point(|(end, _)| *end <= position)].1
    }

    fn search(&mut self) -> bool {
        let Some(block) = self.stream[self.position..].first_chunk() else { return false };
        let Some(places) = self.library.0.get(block) else {
            self.position += 1;
            self.note_unknown(self.position);
            return true;
        };
        let before = &self.stream[self.floor..self.position];
        let best = places.iter().map(|place| place.agrees_before(before)).max().unwrap_or(0);
        let begun: Vec<Place> =
            places.iter().filter(|place| place.agrees_before(before) == best).copied().collect();
        let (since, from) = (self.position - best, begun[0].offset - best);
        self.following = begun.into_iter().map(|place| place.after(BLOCK)).collect();
        self.note_unknown(since);
        self.floor = since;
        self.position += BLOCK;
        self.noted = self.position;
        let (names, started) = (names(&self.following), self.arrival(since));
        self.heard.push(Heard { names, started, ended: None, from, whole: false });
        true
    }

    fn follow(&mut self) -> bool {
        let Some(code) = self.stream.get(self.position) else {
            let has_ended = self.following.iter().all(|place| place.rest().is_empty());
            if has_ended {
                self.finish();
            }
            return has_ended;
        };
        let agrees = |place: &&Place| place.rest().first().is_some_and(|own| agree(*own, *code));
        let agreeing = self.following.iter().filter(agrees).map(|place| place.after(1));
        let agreeing: Vec<Place> = agreeing.collect();
        if agreeing.is_empty() {
            self.finish();
            return true;
        }
        if let Some(heard) = self.heard.last_mut()
            && agreeing.len() < self.following.len()
        {
            heard.names = names(&agreeing);
        }
        self.following = agreeing;
        self.position += 1;
        true
    }

    /// The followed files are over, or the stream has departed from them.
    fn finish(&mut self) {
        let followed = std::mem::take(&mut self.following);
        let over = followed.iter().filter(|place| is_negligible(place.rest()));
        let over: Vec<Place> = over.copied().collect();
        let ended = Some(self.arrival(self.position - 1));
        if let Some(heard) = self.heard.last_mut() {
            let is_whole = |place: &Place| is_negligible(&place.sound.codes[..heard.from]);
            heard.whole = over.first().is_some_and(is_whole);
            heard.names = names(if over.is_empty() { &followed } else { &over });
            heard.ended = ended;
        }
        (self.floor, self.noted) = (self.position, self.position);
    }

    /// Records unknown sound between `noted` and `until`, where no file was found.
    fn note_unknown(&mut self, until: usize) {
        let span = self.stream.get(self.noted..until).unwrap_or_default();
        // While searching, the sound may yet belong to a file: its first block decides.
        if span.len() < 2 * BLOCK + UNKNOWN_BYTES && self.following.is_empty() {
            return;
        }
        let mut loud = (self.noted..until).filter(|at| ulaw::is_loud(self.stream[*at]));
        let (first, others) = (loud.next(), loud.count());
        self.noted = self.noted.max(until);
        let Some(first) = first.filter(|_| others + 1 >= UNKNOWN_LOUD_BYTES) else { return };
        let (started, ended) = (self.arrival(first), Some(self.arrival(until - 1)));
        match self.heard.last_mut() {
            Some(heard) if heard.is(UNKNOWN) => heard.ended = ended,
            _ => {
                let names = vec![UNKNOWN];
                self.heard.push(Heard { names, started, ended, from: 0, whole: false });
            }
        }
    }
}

/// Whether a code of the stream may be this code of a file.
fn agree(own: u8, heard: u8) -> bool {
    heard == own || heard == ulaw::LOST
}

fn names(places: &[Place]) -> Vec<&'static str> {
    let mut names: Vec<_> = places.iter().map(|place| place.sound.name).collect();
    names.sort_unstable();
    names.dedup();
    names
}

/// Whether an edge of a file is too short or too quiet to count as missing.
fn is_negligible(edge: &[u8]) -> bool {
    edge.len() < PACKET || !edge.iter().any(|code| ulaw::is_loud(*code))
}

#[cfg(test)]
mod tests;
