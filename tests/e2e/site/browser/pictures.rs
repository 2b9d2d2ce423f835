//! Pages on a telephone and on a desktop: nothing overflows, and screenshots for the documentation
//! are taken on demand.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result, ensure};
use serde_json::json;

use super::{Manner, Visitor};
use karipass_lab::repository;

/// The variable with the folder, relative to the repository.
const FOLDER: &str = "KARIPASS_SCREENSHOTS";
/// The width that WCAG 1.4.10 requires, in CSS pixels.
const NARROWEST: u32 = 320;
/// Widths in CSS pixels; the last two are photographed.
const WIDTHS: [u32; 3] = [NARROWEST, 375, 1280];
/// The smallest height; a longer page is photographed whole.
const HEIGHT: u32 = 640;

impl Visitor<'_> {
    /// Expects that no part of the page overflows at any width; takes screenshots under this name
    /// on demand.
    pub async fn check_layout(&self, name: &str) -> Result<()> {
        // With the keyboard there would be an outline.
        let folder = env::var_os(FOLDER).filter(|_| self.manner != Manner::Keyboard);
        let folder = folder.map(|folder| repository().join(folder));
        for width in WIDTHS {
            ensure!(self.fits(width).await?, "{name} juts out of {width} px");
            if let Some(folder) = folder.as_ref().filter(|_| width != NARROWEST) {
                fs::create_dir_all(folder)?;
                self.picture(width, folder.join(format!("{name}-{width}.png"))).await?;
            }
        }
        self.browser.command("Emulation.clearDeviceMetricsOverride", json!({})).await?;
        Ok(())
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

    /// Shows the page in a window of this width in CSS pixels, and returns whether nothing
    /// overflows.
    async fn fits(&self, width: u32) -> Result<bool> {
        let metrics =
            json!({ "width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": false });
        self.browser.command("Emulation.setDeviceMetricsOverride", metrics).await?;
        let jutting = "return document.documentElement.scrollWidth <= innerWidth";
        Ok(self.browser.driver.execute(jutting, vec![]).await?.json() == true)
    }
}
