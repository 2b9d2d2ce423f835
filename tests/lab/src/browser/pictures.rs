//! Pictures of pages for the documentation, as on a telephone and on a desktop; taken only when asked.

use std::env;
use std::fs;
use std::path::PathBuf;

use anyhow::{Context as _, Result};
use serde_json::json;

use super::Visitor;
use crate::repository;

/// The variable that names the folder, from the repository's.
const FOLDER: &str = "KARIPASS_SCREENSHOTS";
/// Widths in CSS pixels.
const WIDTHS: [u32; 2] = [375, 1280];
/// The least height; a longer page is pictured whole.
const HEIGHT: u32 = 640;

impl Visitor<'_> {
    /// Pictures the page as it stands under this name, if the run was asked to.
    pub async fn pictures(&self, name: &str) -> Result<()> {
        let Some(folder) = env::var_os(FOLDER).map(|folder| repository().join(folder)) else {
            return Ok(());
        };
        fs::create_dir_all(&folder)?;
        for width in WIDTHS {
            self.picture(width, folder.join(format!("{name}-{width}.png"))).await?;
        }
        self.browser.command("Emulation.clearDeviceMetricsOverride", json!({})).await?;
        Ok(())
    }

    async fn picture(&self, width: u32, file: PathBuf) -> Result<()> {
        self.fits(width).await?;
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

    /// Shows the page in a window of this width in CSS pixels, and says whether nothing juts out of it.
    pub async fn fits(&self, width: u32) -> Result<bool> {
        let metrics =
            json!({ "width": width, "height": HEIGHT, "deviceScaleFactor": 1, "mobile": false });
        self.browser.command("Emulation.setDeviceMetricsOverride", metrics).await?;
        let jutting = "return document.documentElement.scrollWidth <= innerWidth";
        Ok(self.browser.driver.execute(jutting, vec![]).await?.json() == true)
    }
}
