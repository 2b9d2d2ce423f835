//! The content of a page, and the moment when another one has loaded.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use thirtyfour::error::WebDriverErrorInner;
use thirtyfour::{By, Key, WebElement};
use tokio::time::sleep;

use super::Chromium;

const ARRIVAL_TIMEOUT: Duration = Duration::from_mins(1);
const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// A loaded page.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page {
    /// The path, with the query if there is one.
    pub path: String,
    /// The title.
    pub title: String,
    /// The first heading.
    pub heading: String,
    /// All visible text, a line a block.
    pub text: String,
}

impl Page {
    /// Expects this heading.
    pub fn expect_heading(&self, heading: &str) -> Result<&Self> {
        ensure!(self.heading == heading, "「{heading}」 was expected: {self:?}");
        Ok(self)
    }

    /// Expects these words in the text.
    pub fn expect_text(&self, words: &str) -> Result<&Self> {
        ensure!(self.text.contains(words), "「{words}」 is missing in: {self:?}");
        Ok(self)
    }

    /// Expects that these words are not in the text.
    pub fn expect_no_text(&self, words: &str) -> Result<&Self> {
        ensure!(!self.text.contains(words), "「{words}」 stands in: {self:?}");
        Ok(self)
    }
}

impl Chromium {
    /// Makes the browser new: no cookies, no storage, no history.
    pub async fn reset(&self) -> Result<()> {
        let new = self.driver.new_tab().await?;
        for window in self.driver.windows().await? {
            if window != new {
                self.driver.switch_to_window(window).await?;
                self.driver.close_window().await?;
            }
        }
        self.driver.switch_to_window(new).await?;
        for forget in ["Network.clearBrowserCookies", "Network.clearBrowserCache"] {
            self.command(forget, serde_json::json!({})).await?;
        }
        // Empties the log: its entries belong to another visit.
        self.driver.get_log("performance").await?;
        self.driver.get_log("browser").await?;
        Ok(())
    }

    /// Answers no request for this path from now on, in this window.
    pub async fn block(&self, path: &str) -> Result<()> {
        self.command("Network.enable", serde_json::json!({})).await?;
        let urls = serde_json::json!({ "urls": [format!("*{path}")] });
        self.command("Network.setBlockedURLs", urls).await?;
        Ok(())
    }

    /// A second window of the same browser, which is used from now on; returns the first one.
    pub async fn second_window(&self) -> Result<thirtyfour::WindowHandle> {
        let first = self.driver.window().await?;
        let second = self.driver.new_window().await?;
        self.driver.switch_to_window(second).await?;
        Ok(first)
    }

    /// Uses this window from now on; returns the one that was in use.
    pub async fn turn_to(
        &self,
        window: thirtyfour::WindowHandle,
    ) -> Result<thirtyfour::WindowHandle> {
        let left = self.driver.window().await?;
        self.driver.switch_to_window(window).await?;
        Ok(left)
    }

    /// Opens this address, as typed by the user.
    pub async fn go(&self, url: &str) -> Result<()> {
        Ok(self.driver.goto(url).await?)
    }

    /// Presses the back button, and waits for the page.
    pub async fn back(&self) -> Result<()> {
        self.leave(async || Ok(self.driver.back().await?)).await
    }

    /// Loads the page again; a form that was sent is sent again.
    pub async fn reload(&self) -> Result<()> {
        self.leave(async || Ok(self.driver.refresh().await?)).await
    }

    /// Clicks the button with exactly these words twice, and waits for another page.
    pub async fn double_click(&self, words: &str) -> Result<()> {
        let button = self.control(words).await?;
        let clicks = self.driver.action_chain().double_click_element(&button);
        self.leave(async || Ok(clicks.perform().await?)).await
    }

    /// The current page.
    pub async fn page(&self) -> Result<Page> {
        let url = self.driver.current_url().await?;
        let query = url.query().map(|query| format!("?{query}")).unwrap_or_default();
        let heading = match self.driver.find(By::Css("h1")).await {
            Ok(heading) => heading.text().await?,
            Err(_) => String::new(),
        };
        Ok(Page {
            path: format!("{}{query}", url.path()),
            title: self.driver.title().await?,
            heading,
            text: self.driver.find(By::Css("body")).await?.text().await?,
        })
    }

    /// Presses Escape.
    pub async fn escape(&self) -> Result<()> {
        Ok(self.driver.action_chain().send_keys(Key::Escape).perform().await?)
    }

    /// Moves the page's clock.
    pub async fn advance_clock(&self, by: Duration) -> Result<()> {
        let script = "const now = Date.now, [by] = arguments; Date.now = () => now() + by";
        let by = serde_json::json!(by.as_secs_f64() * 1000.0);
        self.driver.execute(script, vec![by]).await?;
        Ok(())
    }

    /// The cookies of the site, as a request has them.
    pub async fn cookies(&self) -> Result<String> {
        let cookies = self.driver.get_all_cookies().await?;
        let pairs = cookies.iter().map(|cookie| format!("{}={}", cookie.name, cookie.value));
        Ok(pairs.collect::<Vec<_>>().join("; "))
    }

    /// The value of an expression of the page's script.
    pub async fn value(&self, expression: &str) -> Result<serde_json::Value> {
        let value = self.driver.execute(format!("return {expression}"), vec![]).await?;
        Ok(value.json().clone())
    }

    /// Waits until this expression of the page's script is true.
    pub async fn expect_soon(&self, expression: &str) -> Result<()> {
        let until = Instant::now() + ARRIVAL_TIMEOUT;
        let script = format!("return ({expression}) === true");
        loop {
            // Between two pages there may be no page to answer.
            let is_true = self.driver.execute(script.as_str(), vec![]).await;
            if is_true.is_ok_and(|is_true| is_true.json() == true) {
                return Ok(());
            }
            ensure!(Instant::now() < until, "not so: {expression} on {:?}", self.page().await);
            sleep(POLL_INTERVAL).await;
        }
    }

    /// The one element of this `XPath`.
    pub(super) async fn only(&self, xpath: &str) -> Result<WebElement> {
        let mut found = self.driver.find_all(By::XPath(xpath)).await?;
        match (found.pop(), found.is_empty()) {
            (Some(only), true) => Ok(only),
            (Some(_), false) => bail!("more than one {xpath} on {:?}", self.page().await?),
            (None, _) => bail!("no {xpath} on {:?}", self.page().await?),
        }
    }

    /// The field with this label, without the mark of required fields.
    pub async fn field(&self, label: &str) -> Result<WebElement> {
        let label = self.only(&labelled(label)).await?;
        let id = label.attr("for").await?.context("a label without a field")?;
        self.only(&format!("//*[@id='{id}']")).await
    }

    /// The text beneath a field by its `aria-describedby`, and whether it is marked as wrong.
    pub async fn error_beneath(&self, label: &str) -> Result<(String, bool)> {
        let field = self.field(label).await?;
        let mut texts = Vec::new();
        for id in field.attr("aria-describedby").await?.unwrap_or_default().split_whitespace() {
            texts.push(self.only(&format!("//*[@id='{id}']")).await?.text().await?);
        }
        let is_wrong = field.attr("aria-invalid").await?.as_deref() == Some("true");
        Ok((texts.join("\n"), is_wrong))
    }

    /// The button or link with exactly these words.
    pub async fn control(&self, words: &str) -> Result<WebElement> {
        self.only(&format!(
            "//button[normalize-space(.)='{words}'] | //a[@href and normalize-space(.)='{words}']"
        ))
        .await
    }

    /// Runs `act`, which leaves this page, and waits until another one, or the same again, has
    /// loaded.
    pub(super) async fn leave(&self, act: impl AsyncFnOnce() -> Result<()>) -> Result<()> {
        let old = self.driver.find(By::Css("html")).await?;
        act().await?;
        let until = Instant::now() + ARRIVAL_TIMEOUT;
        loop {
            // Between two pages there may be no page to answer.
            let arrived = self.has_come_after(&old).await;
            if matches!(arrived, Ok(true)) {
                return Ok(());
            }
            ensure!(
                Instant::now() < until,
                "no other page came ({arrived:?}): {:?}",
                self.page().await
            );
            sleep(POLL_INTERVAL).await;
        }
    }

    async fn has_come_after(&self, old: &WebElement) -> Result<bool> {
        Ok(is_gone(old).await? && self.is_loaded().await?)
    }

    async fn is_loaded(&self) -> Result<bool> {
        let state = "return document.documentElement.hidden || document.readyState";
        let state = self.driver.execute(state, vec![]).await?;
        Ok(state.json() == "complete")
    }

    /// Sends Chromium a command outside `WebDriver`.
    pub(super) async fn command(
        &self,
        method: &str,
        parameters: serde_json::Value,
    ) -> Result<serde_json::Value> {
        Ok(self.driver.cdp().send_raw(method, parameters).await?)
    }
}

/// A label by its words, without the mark of required fields.
fn labelled(words: &str) -> String {
    let marked =
        ["", "※必須", "(required)"].map(|mark| format!("normalize-space(.)='{words}{mark}'"));
    format!("//label[{}]", marked.join(" or "))
}

async fn is_gone(old: &WebElement) -> Result<bool> {
    let Err(error) = old.tag_name().await else { return Ok(false) };
    let is_gone = matches!(
        error.as_inner(),
        WebDriverErrorInner::StaleElementReference(_) | WebDriverErrorInner::NoSuchElement(_)
    );
    if is_gone { Ok(true) } else { Err(error.into()) }
}
