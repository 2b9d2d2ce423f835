//! Input from a subscriber within a call, except the hang-up: keys in every form, and holds.

use std::thread::sleep;
use std::time::{Duration, Instant};

use anyhow::Result;

use super::{HEARING_TIMEOUT, Line, Subscriber};
use crate::subscriber::sipp::Keying;

impl Subscriber {
    /// Puts the call on hold.
    pub fn hold(&mut self) -> Result<&mut Self> {
        self.request("Media: sendonly")
    }

    /// Takes the call off hold. Skips prompts that the hold cut short.
    pub fn resume(&mut self) -> Result<&mut Self> {
        self.position = self.heard().len();
        self.request("Media: sendrecv")
    }

    /// Sets RTP's time stamp.
    pub fn set_rtp_clock(&mut self, timestamp: u32) -> Result<&mut Self> {
        self.handset.set_clock(timestamp)?;
        Ok(self)
    }

    /// Sends its RTP from another port of its address from now on.
    pub fn send_rtp_from_another_port(&mut self) -> Result<&mut Self> {
        self.handset.send_from_another_port()?;
        Ok(self)
    }

    /// Keys one digit, and holds it until `guidance` is heard.
    pub fn key_until(&mut self, key: char, guidance: &str) -> Result<&mut Self> {
        let begun = Instant::now();
        self.handset.press(key)?;
        self.hear(guidance)?;
        let released = self.handset.release()?;
        self.keyed.push(("•".to_owned(), begun, released));
        Ok(self)
    }

    pub(super) fn send_keys(&mut self, keys: &str, shown: String) -> Result<&mut Self> {
        let begun = Instant::now();
        let Line { keying, pace, .. } = self.line;
        let released = match keying {
            Keying::Events | Keying::OtherStamps | Keying::AmongSilence | Keying::Tones => {
                self.handset.key(keys, pace, keying)?
            }
            Keying::Info | Keying::Both => {
                for key in keys.chars() {
                    // By SIP INFO when the key comes up: of two reports, the later one is known for
                    // a repetition by how long the key was held, whichever way is slower.
                    if keying == Keying::Both {
                        self.handset.key(&key.to_string(), pace, keying)?;
                    }
                    self.request(&format!("Digit: {key}"))?;
                    let tone = if keying == Keying::Info { pace.tone } else { Duration::ZERO };
                    sleep(tone + pace.gap);
                }
                Instant::now()
            }
        };
        self.keyed.push((shown, begun, released));
        Ok(self)
    }

    /// Sends this cue, and waits until its request has been accepted.
    fn request(&mut self, cue: &str) -> Result<&mut Self> {
        let before = self.shared.lock().informed;
        self.sipp.cue(cue)?;
        let taken = self.shared.wait(HEARING_TIMEOUT, |state| {
            (state.informed > before || state.ending.is_some()).then_some(())
        });
        taken.ok_or_else(|| self.failure("a request within the call was not taken"))?;
        Ok(self)
    }
}
