//! The language of a page: the one that the visitor has chosen, else the one that the browser
//! prefers (RFC 9110, 12.5.4), else Japanese.

use axum::http::{HeaderMap, HeaderName, Uri, header};

use super::cookie;

/// A language of the pages. The first layer of a request chooses it, and leaves it among the
/// request's extensions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) enum Language {
    #[default]
    Japanese,
    English,
}

/// The parameter of an address that chooses the language.
pub(super) const PARAMETER: &str = "lang";
/// What the choice of a language depends on.
pub(super) const VARY: [HeaderName; 2] = [header::ACCEPT_LANGUAGE, header::COOKIE];

impl Language {
    /// All of them, the preferred one first.
    pub(super) const ALL: [Self; 2] = [Self::Japanese, Self::English];

    /// Its tag (BCP 47).
    pub(super) fn tag(self) -> &'static str {
        match self {
            Self::Japanese => "ja",
            Self::English => "en",
        }
    }

    /// The one that a page's switch leads to.
    pub(super) fn other(self) -> Self {
        match self {
            Self::Japanese => Self::English,
            Self::English => Self::Japanese,
        }
    }

    /// The language of the answer to a request whose address chooses none.
    pub(super) fn from_headers(headers: &HeaderMap) -> Self {
        let remembered = cookie::get(headers, cookie::LANGUAGE).and_then(Self::from_tag);
        remembered.unwrap_or_else(|| Self::preferred(headers))
    }

    /// The language that the address chooses.
    pub(super) fn from_query(uri: &Uri) -> Option<Self> {
        let pairs = uri.query()?.split('&').filter_map(|pair| pair.split_once('='));
        let mut tags = pairs.filter(|(name, _)| *name == PARAMETER).map(|(_, tag)| tag);
        tags.find_map(Self::from_tag)
    }

    fn from_tag(tag: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|language| language.tag() == tag)
    }

    /// The language of the highest quality. Of equal ones it is the first in the header, then the
    /// first of [`Self::ALL`].
    fn preferred(headers: &HeaderMap) -> Self {
        let values = headers.get_all(header::ACCEPT_LANGUAGE).iter();
        let values = values.filter_map(|value| value.to_str().ok());
        let ranges: Vec<Range<'_>> = values
            .flat_map(|value| value.split(','))
            .zip(0..)
            .filter_map(|(text, place)| Range::parse(text, place))
            .collect();
        let mut best = None;
        for language in Self::ALL {
            let rank = language.rank(&ranges);
            if rank.quality > 0 && best.is_none_or(|(_, least)| rank > least) {
                best = Some((language, rank));
            }
        }
        best.map(|(language, _)| language).unwrap_or_default()
    }

    /// How much the browser wants this language. A range that names it wins over `*`.
    fn rank(self, ranges: &[Range<'_>]) -> Rank {
        let best = |name: &str| {
            let named = ranges.iter().filter(|range| range.primary.eq_ignore_ascii_case(name));
            named.map(|range| range.rank).max()
        };
        best(self.tag()).or_else(|| best("*")).unwrap_or_default()
    }
}

/// An element of `Accept-Language`.
struct Range<'a> {
    /// The primary subtag, or `*`.
    primary: &'a str,
    rank: Rank,
}

/// Orders the elements of the header.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
struct Rank {
    /// In thousandths.
    quality: u16,
    /// The place in the header, counted down from zero.
    place: i32,
}

impl<'a> Range<'a> {
    /// `None` for anything that is not of the form `en-US;q=0.8`.
    fn parse(text: &'a str, place: i32) -> Option<Self> {
        let (range, weight) = text.split_once(';').unwrap_or((text, "q=1"));
        let (name, quality) = weight.split_once('=')?;
        if !name.trim().eq_ignore_ascii_case("q") {
            return None;
        }
        let primary = range.trim().split('-').next()?;
        Some(Self { primary, rank: Rank { quality: thousandths(quality.trim())?, place: -place } })
    }
}

/// A quality (RFC 9110, 12.4.2): `0.8` is 800.
fn thousandths(text: &str) -> Option<u16> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    if fraction.len() > 3 || !fraction.bytes().all(|digit| digit.is_ascii_digit()) {
        return None;
    }
    match whole {
        "0" => format!("{fraction:0<3}").parse().ok(),
        "1" if fraction.bytes().all(|digit| digit == b'0') => Some(1000),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::Language::{English, Japanese};
    use super::*;

    fn preferred(values: &[&str]) -> Language {
        language("/", &values.iter().map(|value| ("accept-language", *value)).collect::<Vec<_>>())
    }

    fn language(uri: &str, headers: &[(&str, &str)]) -> Language {
        let headers = headers.iter().map(|(name, value)| {
            (name.parse::<HeaderName>().unwrap(), HeaderValue::from_str(value).unwrap())
        });
        let mut map = HeaderMap::new();
        for (name, value) in headers {
            map.append(name, value);
        }
        let chosen = Language::from_query(&uri.parse().unwrap());
        chosen.unwrap_or_else(|| Language::from_headers(&map))
    }

    #[test]
    fn w4_the_browser_gets_the_language_that_it_prefers() {
        for (header, expected) in [
            ("ja", Japanese),
            ("en", English),
            ("en-US,en;q=0.9", English),
            ("EN-gb", English),
            ("ja,en-US;q=0.9,en;q=0.8", Japanese),
            ("en-US;q=0.7, ja;q=0.8", Japanese),
            ("en ; q=0.901 , ja;q=0.9", English),
            // Equal qualities go by the order in the header.
            ("en,ja", English),
            ("ja-JP,en", Japanese),
            // Languages that no page is in.
            ("zh-CN,zh;q=0.9", Japanese),
            ("fr,en;q=0.3", English),
            ("fr,ja;q=0.3,en;q=0.2", Japanese),
            // Anything is good, or anything else.
            ("*", Japanese),
            ("fr,*;q=0.5", Japanese),
            ("*,en;q=0.5", Japanese),
            ("ja;q=0,*", English),
            ("ja;q=0.1,*;q=0.5", English),
            ("*;q=0.1,en;q=0.5", English),
            ("en;q=0", Japanese),
            ("ja;q=0", Japanese),
            // A longer tag of another language begins with the same letters.
            ("enm", Japanese),
            ("jam,en", English),
        ] {
            assert_eq!(preferred(&[header]), expected, "{header}");
        }
        assert_eq!(preferred(&[]), Japanese);
        assert_eq!(preferred(&["fr", "en;q=0.5"]), English);
    }

    #[test]
    fn w4_what_is_no_language_range_counts_for_nothing() {
        for junk in [
            "",
            ",,;",
            "en;q",
            "en;q=",
            "en;q=2",
            "en;q=1.001",
            "en;q=0.1234",
            "en;q=-1",
            "en;q=NaN",
            "en;q=1e0",
            "en;level=1",
            "en;q=0.5;q=1",
            "e n",
            "q=1",
            "english",
        ] {
            assert_eq!(preferred(&[junk]), Japanese, "{junk}");
            assert_eq!(preferred(&[&format!("{junk}, en;q=0.1")]), English, "{junk}");
        }
        let mut headers = HeaderMap::new();
        headers.insert(header::ACCEPT_LANGUAGE, HeaderValue::from_bytes(b"en\xff").unwrap());
        assert_eq!(Language::from_headers(&headers), Japanese);
    }

    #[test]
    fn w4_the_address_wins_over_the_cookie_and_the_cookie_over_the_browser() {
        let cookie = |tag: &str| format!("a=b; {}={tag}", cookie::LANGUAGE);
        let (japanese, english) = (cookie("ja"), cookie("en"));
        for (uri, kept, accepted, expected) in [
            ("/?lang=en", &*japanese, "ja", English),
            ("/?lang=ja", &*english, "en", Japanese),
            ("/session-over?lifetime&lang=en", "", "ja", English),
            ("/", &*english, "ja", English),
            ("/", &*japanese, "en", Japanese),
            ("/?lang=fr", &*english, "ja", English),
            ("/?lang=EN&language=en&lang", "", "ja", Japanese),
            ("/", &*cookie("fr"), "en", English),
            ("/", "", "en", English),
        ] {
            let headers = [("cookie", kept), ("accept-language", accepted)];
            assert_eq!(language(uri, &headers), expected, "{uri} {kept} {accepted}");
        }
    }
}
