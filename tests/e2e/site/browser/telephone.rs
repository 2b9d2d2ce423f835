//! The demonstration's telephone, used like the pages: by pointer or by keyboard alone.

use anyhow::{Context as _, Result};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::json;
use thirtyfour::{By, Key, WebElement};

use super::{Manner, Visitor};

/// Keeps the audio as it is received, before Chromium's jitter buffer stretches it.
const TAP: &str = "window.received = [];
const Original = window.RTCPeerConnection;
window.RTCPeerConnection = class extends Original {
    constructor(configuration, ...rest) {
        super({ ...configuration, encodedInsertableStreams: true }, ...rest);
        this.addEventListener('track', ({ receiver }) => {
            const { readable, writable } = receiver.createEncodedStreams();
            const tap = new TransformStream({
                transform(frame, next) {
                    received.push(...new Uint8Array(frame.data));
                    next.enqueue(frame);
                },
            });
            readable.pipeThrough(tap).pipeTo(writable);
        });
    }
    // What is sent needs a way past the tap, too.
    addTrack(...given) {
        const sender = super.addTrack(...given);
        const { readable, writable } = sender.createEncodedStreams();
        readable.pipeTo(writable);
        return sender;
    }
};";
/// Takes what was received since the last time.
const TAKE: &str = "return btoa(String.fromCharCode(...received.splice(0)))";
/// Whether the sound is played.
const PLAYS: &str = "(sound => !sound.paused && sound.currentTime > 0)\
                     (document.getElementById('sound'))";

impl Visitor<'_> {
    /// Keeps the audio of every page that is opened from now on.
    pub async fn tap_audio(&self) -> Result<()> {
        let source = json!({ "source": TAP });
        self.browser.command("Page.addScriptToEvaluateOnNewDocument", source).await?;
        Ok(())
    }

    /// The µ-law received since the last time.
    pub async fn take_audio(&self) -> Result<Vec<u8>> {
        let taken: String = self.browser.driver.execute(TAKE, vec![]).await?.convert()?;
        Ok(STANDARD.decode(taken)?)
    }

    /// Calls from the number at this place of the list.
    pub async fn call_from(&self, place: usize) -> Result<()> {
        let callers = self.id("caller").await?;
        if self.manner == Manner::Keyboard {
            self.tab_to(&callers).await?;
            for _ in 0..place {
                self.key(Key::Down).await?;
            }
        } else {
            let options = callers.find_all(By::Tag("option")).await?;
            options.get(place).context("no such caller")?.click().await?;
        }
        self.use_button("call").await?;
        self.browser.expect_soon(PLAYS).await
    }

    /// Keys digits during a call.
    pub async fn key_digits(&self, digits: &str) -> Result<()> {
        if self.manner == Manner::Keyboard {
            self.browser.driver.action_chain().send_keys(digits).perform().await?;
            return Ok(());
        }
        for digit in digits.chars() {
            let pad = format!("#keypad [data-key='{digit}']");
            self.browser.driver.find(By::Css(pad)).await?.click().await?;
        }
        Ok(())
    }

    /// Opens the login page in its new tab, and goes on there once it has this number.
    pub async fn open_login(&self, number: &str) -> Result<()> {
        let before = self.browser.driver.windows().await?;
        self.use_button("log-in").await?;
        let after = self.browser.driver.windows().await?;
        let new = after.into_iter().find(|window| !before.contains(window));
        self.browser.turn_to(new.context("no new tab")?).await?;
        let is_filled = format!("document.getElementById('number')?.value === '{number}'");
        self.browser.expect_soon(&is_filled).await
    }

    async fn use_button(&self, id: &str) -> Result<()> {
        let button = self.id(id).await?;
        if self.manner == Manner::Keyboard {
            self.tab_to(&button).await?;
            return self.key(Key::Space).await;
        }
        Ok(button.click().await?)
    }

    async fn id(&self, id: &str) -> Result<WebElement> {
        self.browser.only(&format!("//*[@id='{id}']")).await
    }
}
