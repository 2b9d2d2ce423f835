//! A caller's packets: µ-law silence, and keys as RFC 4733 events in its place.

use std::time::Instant;

use karipass_lab::subscriber::rtp::RtpStream;

/// Packets a second.
pub const RATE: usize = 50;

/// Packets of a key's tone, and of the gap behind it: 100 ms each.
const TONE: usize = 5;
const GAP: usize = 5;

/// The content of one packet's time.
#[derive(Debug, Clone, Copy)]
enum ScriptedPacket {
    Pressed(u8),
    /// Silence, or a key that is still held.
    NothingNew,
    /// A key is released.
    Released {
        first_of_entry: bool,
        last_of_entry: bool,
    },
}

/// A whole call from the caller's side, the same for every caller: unit, password, confirmation.
#[derive(Debug, Clone)]
pub struct Script(Vec<ScriptedPacket>);

/// Entries in a [`Script`].
pub const ENTRIES: usize = 3;

impl Script {
    /// Keys each entry while its guidance plays, then listens to the end of `completed` until the
    /// line hangs up.
    pub fn line_unit(password: &str) -> Self {
        let mut script = Self(Vec::new());
        script.listen(2.0).key("1").listen(1.5).key(password).listen(1.0).key(password);
        // The number takes 4.4 s and `completed` 5.2 s.
        script.listen(12.0);
        script
    }

    /// The same with a pause of this many seconds before each entry.
    pub fn slow(password: &str, pause_s: f64) -> Self {
        let mut script = Self(Vec::new());
        script.listen(pause_s).key("1").listen(pause_s).key(password);
        script.listen(pause_s).key(password).listen(12.0);
        script
    }

    /// Keys the same entries ahead, all at once, and then listens.
    pub fn keyed_ahead(password: &str) -> Self {
        let mut script = Self(Vec::new());
        script.listen(0.5).key("1").key(password).key(password).listen(12.0);
        script
    }

    fn listen(&mut self, seconds: f64) -> &mut Self {
        #[expect(
            clippy::cast_precision_loss,
            clippy::cast_possible_truncation,
            clippy::cast_sign_loss,
            reason = "a few hundred packets"
        )]
        let packets = (seconds * RATE as f64) as usize;
        self.0.extend(std::iter::repeat_n(ScriptedPacket::NothingNew, packets));
        self
    }

    fn key(&mut self, digits: &str) -> &mut Self {
        for (index, digit) in digits.bytes().map(|digit| digit - b'0').enumerate() {
            self.0.push(ScriptedPacket::Pressed(digit));
            self.0.extend([ScriptedPacket::NothingNew; TONE - 1]);
            self.0.push(ScriptedPacket::Released {
                first_of_entry: index == 0,
                last_of_entry: index + 1 == digits.len(),
            });
            self.0.extend([ScriptedPacket::NothingNew; GAP - 1]);
        }
        self
    }
}

/// A caller's outgoing RTP stream.
pub struct Voice<'a> {
    script: std::slice::Iter<'a, ScriptedPacket>,
    stream: RtpStream,
    /// When each entry's first key was released: just before its first end packet.
    pub interrupted: Vec<Instant>,
    /// The same for its last key.
    pub released: Vec<Instant>,
}

impl<'a> Voice<'a> {
    pub fn new(script: &'a Script, stream: RtpStream) -> Self {
        Self { script: script.0.iter(), stream, interrupted: Vec::new(), released: Vec::new() }
    }

    /// Sends the packet that is due, if the script has one left.
    pub fn speak(&mut self) {
        let Some(packet) = self.script.next() else { return };
        self.stream.tick(1);
        match *packet {
            ScriptedPacket::Pressed(digit) => self.stream.press(digit),
            ScriptedPacket::NothingNew => self.stream.send_nothing_new(),
            ScriptedPacket::Released { first_of_entry, last_of_entry } => {
                let now = Instant::now();
                self.interrupted.extend(first_of_entry.then_some(now));
                self.released.extend(last_of_entry.then_some(now));
                self.stream.release();
            }
        }
    }
}
