//! `[site]`: whose site it is (`W10`), shown in the header and footer of every page.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use url::Url;

use super::color::{Color, MIN_CONTRAST};
use super::load::Reader;
use domain::phone_number::PhoneNumber;

const DEFAULT_NAME: &str = "設定サイト";
const DEFAULT_ACCENT_COLOR: &str = "#0017c1";
const MAX_LOGO_KIB: u64 = 256;
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The operator's identity.
#[derive(Debug, Clone)]
pub struct SiteIdentity {
    /// The name of the site.
    pub name: String,
    /// The name of the telephone company.
    pub company: Option<String>,
    /// The company's logo.
    pub logo: Option<Logo>,
    /// The colour of links and buttons. White text on it is legible.
    pub accent_color: Color,
    /// Other pages of the operator.
    pub links: Links,
    /// Who answers questions.
    pub support: Option<Support>,
    /// Notices for the entry page, one paragraph each.
    pub notices: Vec<String>,
}

/// Pages of the operator, outside this site.
#[derive(Debug, Clone)]
pub struct Links {
    /// A page that helps with the site.
    pub help: Option<Url>,
    /// A contact form or the like.
    pub contact: Option<Url>,
    /// The privacy policy.
    pub privacy: Option<Url>,
    /// The terms of use.
    pub terms: Option<Url>,
}

/// The telephone line for questions.
#[derive(Debug, Clone)]
pub struct Support {
    /// The number to call.
    pub number: PhoneNumber,
    /// When it answers, in the operator's words.
    pub hours: Option<String>,
}

/// A logo, as its file was at the start.
#[derive(Clone)]
pub struct Logo {
    /// The format, by its content.
    pub format: LogoFormat,
    /// The whole file.
    pub content: Vec<u8>,
}

/// A format that every browser shows as an image.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LogoFormat {
    /// Scalable Vector Graphics.
    Svg,
    /// Portable Network Graphics.
    Png,
}

impl fmt::Debug for Logo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Logo({:?}, {} bytes)", self.format, self.content.len())
    }
}

/// Why a file is no logo.
#[derive(Debug, thiserror::Error)]
enum LogoError {
    #[error(transparent)]
    Io(#[from] io::Error),
    #[error("larger than {MAX_LOGO_KIB} KiB")]
    TooLarge,
    #[error("neither SVG nor PNG")]
    UnknownFormat,
}

pub(super) fn read(reader: &mut Reader) -> Option<SiteIdentity> {
    let name = text(reader, "site.name");
    let company = text(reader, "site.company");
    let logo = logo(reader);
    let accent_color = accent_color(reader);
    let links = Links {
        help: link(reader, "site.help_url"),
        contact: link(reader, "site.contact_url"),
        privacy: link(reader, "site.privacy_url"),
        terms: link(reader, "site.terms_url"),
    };
    let support = support(reader);
    let notices = reader.list("site.notices");
    Some(SiteIdentity {
        name: name.unwrap_or_else(|| DEFAULT_NAME.to_owned()),
        company,
        logo,
        accent_color: accent_color?,
        links,
        support,
        notices: notices?,
    })
}

fn text(reader: &mut Reader, key: &str) -> Option<String> {
    let text: String = reader.optional(key)?;
    if text.trim().is_empty() {
        reader.error(format!("{key}: empty"));
    }
    Some(text)
}

fn link(reader: &mut Reader, key: &str) -> Option<Url> {
    let link: Url = reader.optional(key)?;
    if !matches!(link.scheme(), "https" | "http") {
        reader.error(format!("{key}: neither https:// nor http://"));
    }
    Some(link)
}

fn accent_color(reader: &mut Reader) -> Option<Color> {
    const KEY: &str = "site.accent_color";
    let color: Color = reader.or_default(KEY, DEFAULT_ACCENT_COLOR)?;
    let contrast = color.contrast(Color::WHITE);
    if contrast < MIN_CONTRAST {
        // Rounded down, so that no ratio looks sufficient that is not.
        let shown = (contrast * 100.0).floor() / 100.0;
        reader.error(format!(
            "{KEY}: the contrast with white is {shown:.2}:1, at least {MIN_CONTRAST}:1 is required"
        ));
        return None;
    }
    Some(color)
}

fn support(reader: &mut Reader) -> Option<Support> {
    let number = reader.optional("site.support_number");
    let hours = text(reader, "site.support_hours");
    if number.is_none() && hours.is_some() {
        reader.missing("site.support_hours: needs site.support_number");
    }
    Some(Support { number: number?, hours })
}

fn logo(reader: &mut Reader) -> Option<Logo> {
    const KEY: &str = "site.logo_file";
    let path = reader.path(KEY)?;
    match read_logo(&path) {
        Ok(logo) => Some(logo),
        Err(error) => {
            reader.error(format!("{KEY}: {}: {error}", path.display()));
            None
        }
    }
}

fn read_logo(path: &Path) -> Result<Logo, LogoError> {
    let mut content = Vec::new();
    let limit = MAX_LOGO_KIB * 1024;
    let read = File::open(path)?.take(limit + 1).read_to_end(&mut content)?;
    if u64::try_from(read).unwrap_or(u64::MAX) > limit {
        return Err(LogoError::TooLarge);
    }
    let is_svg = |content| str::from_utf8(content).is_ok_and(|text| text.contains("<svg"));
    let format = if content.starts_with(PNG_SIGNATURE) {
        LogoFormat::Png
    } else if is_svg(&content) {
        LogoFormat::Svg
    } else {
        return Err(LogoError::UnknownFormat);
    };
    Ok(Logo { format, content })
}
