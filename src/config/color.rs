//! Colours of the pages, and the contrast between two of them (WCAG 2.2, "relative luminance").

use std::fmt;
use std::str::FromStr;

use super::value::ConfigValue;

/// The contrast that WCAG 2.2 (1.4.3) requires of text at level AA.
pub const MIN_CONTRAST: f64 = 4.5;

/// A colour of sRGB.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Color([u8; 3]);

/// The text is no colour.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("not a colour such as #0017c1")]
pub struct InvalidColor;

impl ConfigValue for Color {
    const DESCRIPTION: &str = "a colour such as #0017c1";
}

impl FromStr for Color {
    type Err = InvalidColor;

    fn from_str(text: &str) -> Result<Self, InvalidColor> {
        let digits = text.strip_prefix('#').ok_or(InvalidColor)?;
        if digits.len() != 6 || !digits.bytes().all(|digit| digit.is_ascii_hexdigit()) {
            return Err(InvalidColor);
        }
        let value = u32::from_str_radix(digits, 16).map_err(|_| InvalidColor)?;
        let [_, red, green, blue] = value.to_be_bytes();
        Ok(Self([red, green, blue]))
    }
}

impl fmt::Display for Color {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Color {
    /// `#ffffff`
    pub const WHITE: Self = Self([u8::MAX; 3]);
    /// `#000000`
    pub const BLACK: Self = Self([0; 3]);

    /// A grey whose three channels have this value.
    #[must_use]
    pub const fn grey(value: u8) -> Self {
        Self([value; 3])
    }

    /// The contrast ratio with another colour, from 1 to 21 (WCAG 2.2, "contrast ratio").
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (one, other) = (self.luminance() + 0.05, other.luminance() + 0.05);
        one.max(other) / one.min(other)
    }

    /// This colour with `percent` of another in it.
    #[must_use]
    pub fn mixed(self, other: Self, percent: u16) -> Self {
        let percent = percent.min(100);
        let mut channels = self.0;
        for (channel, other) in channels.iter_mut().zip(other.0) {
            let sum = u16::from(*channel) * (100 - percent) + u16::from(other) * percent;
            *channel = u8::try_from(sum / 100).unwrap_or(u8::MAX);
        }
        Self(channels)
    }

    /// From 0 for black to 1 for white.
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|channel| {
            let channel = f64::from(channel) / f64::from(u8::MAX);
            if channel <= 0.04045 { channel / 12.92 } else { ((channel + 0.055) / 1.055).powf(2.4) }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_colour_is_six_hexadecimal_digits() {
        let color: Color = "#00AB7f".parse().unwrap();
        assert_eq!(color.to_string(), "#00ab7f");
        for wrong in
            ["", "#", "00ab7f", "#00ab7", "#00ab7f0", "#00ab7g", "#+0ab7f", "blue", "＃000000"]
        {
            assert_eq!(wrong.parse::<Color>(), Err(InvalidColor), "{wrong}");
        }
    }

    #[test]
    fn contrast_is_that_of_wcag() {
        assert!((Color::BLACK.contrast(Color::WHITE) - 21.0).abs() < 1e-9);
        // #767676 is the lightest grey that reaches 4.5:1 on white.
        assert!(Color::grey(0x76).contrast(Color::WHITE) >= 4.5);
        assert!(Color::grey(0x77).contrast(Color::WHITE) < 4.5);
        assert_eq!(Color::BLACK.mixed(Color::WHITE, 50), Color::grey(0x7f));
    }
}
