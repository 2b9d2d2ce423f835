//! `[site]`: whose site it is (`W10`), shown in the header and footer of every page.

use std::fmt;
use std::fs::File;
use std::io::{self, Read as _};
use std::path::Path;

use url::Url;

use super::color::{Color, MIN_CONTRAST};
use super::load::Reader;
use domain::phone_number::PhoneNumber;

const DEFAULT_ACCENT_COLOR: &str = "#0017c1";
const MAX_LOGO_KIB: u64 = 256;
const PNG_SIGNATURE: &[u8] = b"\x89PNG\r\n\x1a\n";

/// The suffix of the keys for the English pages.
const ENGLISH: &str = "_en";

/// The operator's identity.
#[derive(Debug, Clone)]
pub struct SiteIdentity {
    /// What the Japanese pages say.
    pub japanese: OperatorWords,
    /// What the English pages say instead, as far as it is given.
    pub english: OperatorWords,
    /// The company's logo.
    pub logo: Option<Logo>,
    /// The colour of links and buttons. White text on it is legible.
    pub accent_color: Color,
    /// The telephone number for questions.
    pub support_number: Option<PhoneNumber>,
    /// Where to report a vulnerability: `mailto:`, `https:` or `tel:`.
    pub security_contact: Option<Url>,
}

/// The operator's words in one language.
#[derive(Debug, Clone)]
pub struct OperatorWords {
    /// The name of the site.
    pub name: Option<String>,
    /// The name of the telephone company.
    pub company: Option<String>,
    /// When the number for questions answers.
    pub support_hours: Option<String>,
    /// Notices for the entry page, one paragraph each.
    pub notices: Vec<String>,
    /// Other pages of the operator.
    pub links: Links,
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

impl Links {
    /// These pages, or `others` where there is none.
    #[must_use]
    pub fn or(self, others: &Self) -> Self {
        let or = |url: Option<Url>, other: &Option<Url>| url.or_else(|| other.clone());
        Self {
            help: or(self.help, &others.help),
            contact: or(self.contact, &others.contact),
            privacy: or(self.privacy, &others.privacy),
            terms: or(self.terms, &others.terms),
        }
    }
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
    let (japanese, english) = (words(reader, ""), words(reader, ENGLISH));
    let logo = logo(reader);
    let accent_color = accent_color(reader);
    let support_number = reader.optional("site.support_number");
    let security_contact = security_contact(reader);
    for (words, suffix) in [(&japanese, ""), (&english, ENGLISH)] {
        let has_hours = words.as_ref().is_some_and(|words| words.support_hours.is_some());
        if support_number.is_none() && has_hours {
            reader.missing(format!("site.support_hours{suffix}: needs site.support_number"));
        }
    }
    Some(SiteIdentity {
        japanese: japanese?,
        english: english?,
        logo,
        accent_color: accent_color?,
        support_number,
        security_contact,
    })
}

/// The keys of one language end with `suffix`.
fn words(reader: &mut Reader, suffix: &str) -> Option<OperatorWords> {
    let key = |name: &str| format!("site.{name}{suffix}");
    let name = text(reader, &key("name"));
    let company = text(reader, &key("company"));
    let support_hours = text(reader, &key("support_hours"));
    let notices = reader.list(&key("notices"));
    let links = Links {
        help: link(reader, &key("help_url")),
        contact: link(reader, &key("contact_url")),
        privacy: link(reader, &key("privacy_url")),
        terms: link(reader, &key("terms_url")),
    };
    Some(OperatorWords { name, company, support_hours, notices: notices?, links })
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

fn security_contact(reader: &mut Reader) -> Option<Url> {
    const KEY: &str = "site.security_contact";
    let contact: Url = reader.optional(KEY)?;
    if !matches!(contact.scheme(), "mailto" | "https" | "tel") {
        reader.error(format!("{KEY}: neither mailto:, https:// nor tel:"));
    }
    Some(contact)
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
