//! A person who uses the browser in one way throughout: with the pointer, without script, or by
//! keyboard.
//!
//! Every page of the visit is examined: with the pointer by axe-core; by keyboard for whether every
//! stop of Tab is reached both ways, in the order of reading, and is visible.

use std::sync::PoisonError;

use anyhow::{Result, bail, ensure};
use thirtyfour::{Key, WebElement};

use super::{Chromium, Page};

/// The element with the focus, if any: its name, whether it is visible, and its left, top, right
/// and bottom edge on the page.
const STOP: &str = "const stop = document.activeElement;
if (!stop || stop === document.body || stop === document.documentElement) return null;
const style = getComputedStyle(stop), box = stop.getBoundingClientRect();
const seen = style.outlineStyle !== 'none' && parseFloat(style.outlineWidth) > 0;
return [stop.id || stop.outerHTML.slice(0, 100), seen && box.width > 0 && box.height > 0,
    [box.left + scrollX, box.top + scrollY, box.right + scrollX, box.bottom + scrollY],
    [...document.getElementsByTagName('*')].indexOf(stop)]";
/// A stop of Tab, as [`STOP`] describes it; the last is its place among the page's elements.
type Stop = (String, bool, [f64; 4], usize);
/// More stops of Tab than any page has.
const STOPS: usize = 60;

/// How a visitor uses the browser.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Manner {
    /// With pointer and keys, and with script; axe-core examines every page.
    Pointer,
    /// The same without script.
    WithoutScript,
    /// With the keyboard alone.
    Keyboard,
    /// With pointer and script, without a look at the pages: for those of a thousand numbers.
    Unexamined,
}

impl Manner {
    /// The manners of a story that is walked in each of them.
    pub const ALL: [Self; 3] = [Self::Pointer, Self::WithoutScript, Self::Keyboard];
}

/// A person at a browser, on one site.
#[derive(Debug)]
pub struct Visitor<'a> {
    pub browser: &'a Chromium,
    pub(super) site: String,
    pub(super) manner: Manner,
}

impl<'a> Visitor<'a> {
    /// Opens a fresh browser; `site` such as `https://localhost:8443`.
    pub async fn start(browser: &'a Chromium, site: &str, manner: Manner) -> Result<Self> {
        browser.reset().await?;
        Ok(Self { browser, site: site.to_owned(), manner })
    }

    /// The address of a path of the site.
    pub fn url(&self, path: &str) -> String {
        format!("{}{path}", self.site)
    }

    /// Opens a path of the site, as typed into the address bar.
    pub async fn go(&self, path: &str) -> Result<Page> {
        self.browser.go(&self.url(path)).await?;
        self.arrive().await
    }

    /// Presses the back button.
    pub async fn go_back(&self) -> Result<Page> {
        self.browser.back().await?;
        self.arrive().await
    }

    /// Fills the field with this label, and replaces its text.
    pub async fn fill(&self, label: &str, text: &str) -> Result<&Self> {
        let field = self.browser.field(label).await?;
        match self.manner {
            Manner::Pointer | Manner::WithoutScript | Manner::Unexamined => {
                field.clear().await?;
                field.send_keys(text).await?;
            }
            Manner::Keyboard => {
                self.tab_to(&field).await?;
                let all = self.browser.driver.action_chain().key_down(Key::Control).send_keys("a");
                all.key_up(Key::Control).perform().await?;
                self.key(Key::Backspace).await?;
                self.browser.driver.action_chain().send_keys(text).perform().await?;
            }
        }
        Ok(self)
    }

    /// Uses the button or link with exactly these words, and waits for another page.
    pub async fn press(&self, words: &str) -> Result<Page> {
        let control = self.browser.control(words).await?;
        match self.manner {
            Manner::Pointer | Manner::WithoutScript | Manner::Unexamined => {
                self.browser.leave(async || Ok(control.click().await?)).await?;
            }
            Manner::Keyboard => {
                self.tab_to(&control).await?;
                let is_button = control.tag_name().await? == "button";
                let key = if is_button { Key::Space } else { Key::Enter };
                self.browser.leave(async || self.key(key).await).await?;
            }
        }
        self.arrive().await
    }

    /// Presses Enter in the field with this label, and waits for another page.
    pub async fn press_enter_in(&self, label: &str) -> Result<Page> {
        let field = self.browser.field(label).await?;
        if self.manner == Manner::Keyboard {
            self.tab_to(&field).await?;
        } else {
            field.focus().await?;
        }
        self.browser.leave(async || self.key(Key::Enter).await).await?;
        self.arrive().await
    }

    /// Runs a script that leaves the page, and waits for another one.
    pub async fn leave_by(&self, script: &str) -> Result<Page> {
        let run = async || {
            self.browser.driver.execute(script, vec![]).await?;
            Ok(())
        };
        self.browser.leave(run).await?;
        self.arrive().await
    }

    /// Examines a page after it has loaded.
    pub async fn arrive(&self) -> Result<Page> {
        let page = self.browser.page().await?;
        match self.manner {
            Manner::Pointer => self.browser.check_accessibility(&page).await?,
            Manner::WithoutScript | Manner::Unexamined => {}
            Manner::Keyboard => self.walk(&page).await?,
        }
        Ok(page)
    }

    pub(super) async fn key(&self, key: Key) -> Result<()> {
        Ok(self.browser.driver.action_chain().send_keys(key).perform().await?)
    }

    async fn stop(&self) -> Result<WebElement> {
        Ok(self.browser.driver.active_element().await?)
    }

    pub(super) async fn tab_to(&self, wanted: &WebElement) -> Result<()> {
        for _ in 0..STOPS {
            if self.stop().await?.element_id() == wanted.element_id() {
                return Ok(());
            }
            self.key(Key::Tab).await?;
        }
        bail!(
            "Tab does not come to {} on {:?}",
            wanted.outer_html().await?,
            self.browser.page().await?
        )
    }

    /// Tab reaches every stop in the order of reading, each is visible, and Shift with Tab returns
    /// the same way; once for each page, by its path and title.
    async fn walk(&self, page: &Page) -> Result<()> {
        let is_new = {
            let mut walked = self.browser.walked.lock().unwrap_or_else(PoisonError::into_inner);
            walked.insert(format!("{} {}", page.path, page.title))
        };
        if !is_new {
            return Ok(());
        }
        // By the second frame, elements with automatic focus have it.
        let frames = "const [done] = arguments;
            requestAnimationFrame(() => requestAnimationFrame(() => done(null)))";
        self.browser.driver.execute_async(frames, vec![]).await?;
        let names = |stops: &[Stop]| -> Vec<String> {
            stops.iter().map(|(name, ..)| name.clone()).collect()
        };
        let forth = self.stops(false, page).await?;
        let (there, back) = (names(&forth), names(&self.stops(true, page).await?));
        ensure!(there == back, "Tab goes {there:?}, Shift-Tab {back:?} on {page:?}");
        // WCAG 2.4.3: no stop is above the one before, or left of it in the same row.
        for ((before, _, [left, top, _, bottom], _), (after, _, edges, _)) in
            forth.iter().zip(forth.iter().skip(1))
        {
            let [_, next_top, next_right, next_bottom] = edges;
            let goes_back = next_bottom <= top || next_top < bottom && next_right <= left;
            ensure!(!goes_back, "Tab goes back from {before} to {after} on {page:?}");
        }
        Ok(())
    }

    /// The stops of one round, from the page's first element that is one. Between two rounds the
    /// focus may be nowhere.
    async fn stops(&self, backwards: bool, page: &Page) -> Result<Vec<Stop>> {
        let mut stops: Vec<Stop> = Vec::new();
        for _ in 0..STOPS {
            let keys = self.browser.driver.action_chain();
            let keys = if backwards {
                keys.key_down(Key::Shift).send_keys(Key::Tab).key_up(Key::Shift)
            } else {
                keys.send_keys(Key::Tab)
            };
            keys.perform().await?;
            let stop = self.browser.driver.execute(STOP, vec![]).await?;
            let Some(stop): Option<Stop> = stop.convert()? else { continue };
            if stops.first().is_some_and(|first| first.3 == stop.3) {
                if backwards {
                    stops.reverse();
                }
                let first = stops.iter().map(|stop| stop.3).min();
                let first = stops.iter().position(|stop| Some(stop.3) == first);
                stops.rotate_left(first.unwrap_or_default());
                return Ok(stops);
            }
            // WCAG 2.4.7: the focus is visible.
            let (name, is_seen, ..) = &stop;
            ensure!(is_seen, "one does not see that Tab has come to {name} on {page:?}");
            stops.push(stop);
        }
        bail!("Tab does not come around on {page:?}")
    }
}
