//! Pages on a telephone, on a desktop, and enlarged to 400 %: nothing overflows or is cut off,
//! passwords have room, and buttons are even. Screenshots for the documentation are taken on
//! demand.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::{Chromium, Manner, Visitor};
use karipass_lab::repository;

/// The variable with the folder, relative to the repository.
const FOLDER: &str = "KARIPASS_SCREENSHOTS";
/// A desktop's screen of 1280 by 1024 at 400 % (WCAG 1.4.10), in CSS pixels.
const ENLARGED: (u32, u32) = (320, 256);
/// A telephone's screen in CSS pixels.
const TELEPHONE: (u32, u32) = (390, 844);
/// The widths of a telephone and of a desktop in CSS pixels, which are photographed.
pub(super) const WIDTHS: [u32; 2] = [375, 1280];
/// The smallest height; a longer page is photographed whole.
const HEIGHT: u32 = 640;
/// The elements that jut out of the window, or whose content is cut off or has to be scrolled
/// sideways. The skip link is outside until it has the focus.
const CUT_OFF: &str = "const cut = [...document.body.querySelectorAll('*')].filter(node => {
    const box = node.getBoundingClientRect();
    if (box.width === 0 || box.height === 0 || node.matches('.skip')) return false;
    const isText = node instanceof HTMLElement && !['INPUT', 'PROGRESS'].includes(node.tagName);
    return box.left < -1 || box.right > innerWidth + 1 ||
        isText && getComputedStyle(node).overflowX !== 'visible' &&
        node.scrollWidth > node.clientWidth + 1;
});
const wide = document.documentElement.scrollWidth > innerWidth ? ['the page'] : [];
return [...wide, ...cut.map(node => node.outerHTML.slice(0, 100))]";

/// The fields that do not show a password of the largest length in wide letters.
const NARROW: &str =
    "return [...document.querySelectorAll('input[type=password]')].filter(field => {
    const style = getComputedStyle(field), pen = document.createElement('canvas').getContext('2d');
    pen.font = style.font;
    const [left, right, spacing] =
        [style.paddingLeft, style.paddingRight, style.letterSpacing].map(parseFloat);
    const words = 'WWWWmmmm0000';
    return field.clientWidth - left - right <
        pen.measureText(words).width + words.length * spacing;
}).map(field => `${field.clientWidth} px: ${field.outerHTML.slice(0, 100)}`)";
/// The buttons that show a password and look like those that send it.
const BROAD: &str = "return [...document.querySelectorAll('.reveal')]
    .filter(button => button.offsetWidth > button.parentElement.offsetWidth / 2)
    .map(button => button.outerHTML.slice(0, 100))";
/// The buttons whose words are not on one line with those of the first button beside them.
const UNEVEN: &str = "const words = button => {
    const range = document.createRange();
    range.selectNodeContents(button);
    return range.getBoundingClientRect().top;
};
return [...document.querySelectorAll('.buttons')].flatMap(row => {
    const [first, ...others] = [...row.children].filter(button => button.checkVisibility());
    const top = button => button.getBoundingClientRect().top;
    const beside = others.filter(button => top(button) === top(first));
    return beside.filter(button => Math.abs(words(button) - words(first)) > 0.5);
}).map(button => button.outerHTML.slice(0, 100))";

impl Visitor<'_> {
    /// Expects that the page has no fault of layout at any width; takes screenshots under this name
    /// on demand.
    pub async fn check_layout(&self, name: &str) -> Result<()> {
        // With the keyboard there would be an outline, and without script there are no buttons that
        // show a password.
        let is_typical = matches!(self.manner, Manner::Pointer | Manner::Unexamined);
        let folder = env::var_os(FOLDER).filter(|_| is_typical);
        let folder = folder.map(|folder| repository().join(folder));
        self.browser.resize(ENLARGED).await?;
        self.expect_fits(name).await?;
        for width in WIDTHS {
            self.browser.resize((width, HEIGHT)).await?;
            self.expect_fits(name).await?;
            if let Some(folder) = &folder {
                fs::create_dir_all(folder)?;
                self.picture(width, folder.join(format!("{name}-{width}.png"))).await?;
            }
        }
        self.browser.restore_size().await
    }

    async fn picture(&self, width: u32, file: PathBuf) -> Result<()> {
        let sizes = self.browser.command("Page.getLayoutMetrics", json!({})).await?;
        let height = sizes["cssContentSize"]["height"].as_f64().context("no height")?;
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let wanted = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let picture = self.browser.command("Page.captureScreenshot", wanted).await?;
        let picture = picture["data"].as_str().context("no picture")?;
        fs::write(
            file,
            base64::Engine::decode(&base64::engine::general_purpose::STANDARD, picture)?,
        )?;
        Ok(())
    }

    async fn expect_fits(&self, name: &str) -> Result<()> {
        let width = self.browser.driver.execute("return innerWidth", vec![]).await?;
        for (what, script) in
            [("cut off", CUT_OFF), ("narrow", NARROW), ("broad", BROAD), ("uneven", UNEVEN)]
        {
            let found = self.browser.driver.execute(script, vec![]).await?;
            let found: Vec<String> = found.convert()?;
            ensure!(found.is_empty(), "{what} on {name} at {} px: {found:#?}", width.json());
        }
        Ok(())
    }
}

impl Chromium {
    /// The page's height at each of the [`WIDTHS`].
    pub async fn heights(&self) -> Result<[u64; 2]> {
        let mut heights = [0; 2];
        for (height, width) in heights.iter_mut().zip(WIDTHS) {
            self.resize_to_width(width).await?;
            let script = "return document.documentElement.scrollHeight";
            *height = self.driver.execute(script, vec![]).await?.convert()?;
        }
        self.restore_size().await?;
        Ok(heights)
    }

    /// Expects that this field is on a telephone's first screen, to its lower edge.
    pub async fn expect_on_first_screen(&self, id: &str) -> Result<()> {
        self.resize(TELEPHONE).await?;
        let script = format!(
            "return document.getElementById('{id}').getBoundingClientRect().bottom + scrollY"
        );
        let bottom: f64 = self.driver.execute(script, vec![]).await?.convert()?;
        self.restore_size().await?;
        ensure!(bottom <= f64::from(TELEPHONE.1), "{id} ends at {bottom} px");
        Ok(())
    }

    /// Shows the page in a window of this width in CSS pixels.
    pub(super) async fn resize_to_width(&self, width: u32) -> Result<()> {
        self.resize((width, HEIGHT)).await
    }

    async fn resize(&self, (width, height): (u32, u32)) -> Result<()> {
        let metrics =
            json!({ "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false });
        self.command("Emulation.setDeviceMetricsOverride", metrics).await?;
        Ok(())
    }

    /// Shows the page in the browser's own window again.
    pub(super) async fn restore_size(&self) -> Result<()> {
        self.command("Emulation.clearDeviceMetricsOverride", json!({})).await?;
        Ok(())
    }
}
