//! How Japan's numbering plan groups the digits of a number.
//!
//! The plan is the data of the crate `phonenumber`. Its own formatter looks each expression up by
//! its text, which may have thousands of characters, behind a lock.

use std::sync::LazyLock;

use phonenumber::Metadata;
use phonenumber::metadata::{DATABASE, Format};
use regex::{Regex, RegexBuilder};

/// The first one that fits a number counts.
static GROUPINGS: LazyLock<Vec<Grouping>> = LazyLock::new(|| {
    let formats = DATABASE.by_id("JP").map(Metadata::formats).unwrap_or_default();
    formats.iter().filter_map(Grouping::new).collect()
});

/// A way to group the digits behind the leading `0`.
struct Grouping {
    /// Matches the first digits of numbers that are grouped so.
    first: Regex,
    /// Captures the groups of all digits.
    all: Regex,
}

impl Grouping {
    fn new(format: &Format) -> Option<Self> {
        let first = format.leading_digits().last();
        let first = first.map_or_else(String::new, |first| format!("^(?:{})", first.as_str()));
        let all = format!("^(?:{})$", format.pattern().as_str());
        Some(Self { first: regex(&first)?, all: regex(&all)? })
    }
}

fn regex(text: &str) -> Option<Regex> {
    RegexBuilder::new(text).ignore_whitespace(true).build().ok()
}

/// The groups of a national number; `None` if the plan does not know it.
pub(crate) fn groups(national: &str) -> Option<Vec<String>> {
    let digits = national.strip_prefix('0')?;
    let mut fitting = GROUPINGS.iter().filter(|grouping| grouping.first.is_match(digits));
    let groups = fitting.find_map(|grouping| grouping.all.captures(digits))?;
    let groups = groups.iter().skip(1).flatten();
    let mut groups: Vec<String> = groups.map(|group| group.as_str().to_owned()).collect();
    groups.first_mut()?.insert(0, '0');
    Some(groups)
}

#[cfg(test)]
mod tests {
    use phonenumber::{Mode, country};
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        // The crate takes 010 for the international prefix.
        #[test]
        fn a_number_is_grouped_as_the_crate_formats_it(
            national in "0(1[1-9]|[2-9][0-9])[0-9]{7,8}"
        ) {
            let parsed = phonenumber::parse(Some(country::JP), &national).unwrap();
            let formatted = parsed.format().mode(Mode::National).to_string();
            let expected = (formatted.replace('-', "") == national).then_some(formatted);
            prop_assert_eq!(groups(&national).map(|groups| groups.join("-")), expected);
        }
    }
}
