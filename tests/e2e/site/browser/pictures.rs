//! Pages on a telephone, on a desktop, and enlarged to 400 %: nothing overflows or is cut off, and
//! screenshots for the documentation are taken on demand.

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

impl Visitor<'_> {
    /// Expects that no part of the page overflows or is cut off at any width; takes screenshots
    /// under this name on demand.
    pub async fn check_layout(&self, name: &str) -> Result<()> {
        // With the keyboard there would be an outline.
        let folder = env::var_os(FOLDER).filter(|_| self.manner != Manner::Keyboard);
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
        let cut_off = self.browser.driver.execute(CUT_OFF, vec![]).await?;
        let cut_off: Vec<String> = cut_off.convert()?;
        let width = self.browser.driver.execute("return innerWidth", vec![]).await?;
        ensure!(cut_off.is_empty(), "{name} at {} px: {cut_off:#?}", width.json());
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
