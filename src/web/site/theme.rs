//! The colours that follow from the operator's accent colour (`W10`), as custom properties of the
//! style sheet.

use crate::config::{Color, MIN_CONTRAST};

/// No light background of the style sheet is darker.
const LIGHT_BACKGROUND: Color = Color::grey(0xee);
/// The background of the dark scheme.
const DARK_GROUND: Color = Color::grey(0x1a);
/// No dark background of the style sheet is lighter.
const DARK_BACKGROUND: Color = Color::grey(0x33);
/// The part of white or black that one step towards the contrast adds.
const STEP_PERCENT: u16 = 5;

/// The colours of one scheme.
struct Scheme {
    /// Buttons, and borders of controls.
    key: Color,
    key_hover: Color,
    /// Text on `key`.
    on_key: Color,
    /// The background of a control under the pointer.
    key_pale: Color,
    link: Color,
}

/// The custom properties of both schemes.
pub(super) fn custom_properties(accent: Color) -> String {
    let (light, dark) = (Scheme::light(accent).to_css(), Scheme::dark(accent).to_css());
    format!("{light}@media screen and (prefers-color-scheme: dark) {{\n{dark}}}\n")
}

impl Scheme {
    /// White text on `accent` is legible; the configuration checks it.
    fn light(accent: Color) -> Self {
        let link = legible(accent, Color::BLACK, LIGHT_BACKGROUND);
        Self {
            key: accent,
            key_hover: link.mixed(Color::BLACK, 25),
            on_key: Color::WHITE,
            key_pale: accent.mixed(Color::WHITE, 92),
            link,
        }
    }

    fn dark(accent: Color) -> Self {
        let key = legible(accent, Color::WHITE, DARK_BACKGROUND);
        Self {
            key,
            key_hover: key.mixed(Color::WHITE, 40),
            on_key: DARK_GROUND,
            key_pale: DARK_GROUND.mixed(key, 15),
            link: key,
        }
    }

    fn to_css(&self) -> String {
        let Self { key, key_hover, on_key, key_pale, link } = self;
        format!(
            ":root {{\n  --key: {key};\n  --key-hover: {key_hover};\n  --on-key: {on_key};\n  \
             --key-pale: {key_pale};\n  --link: {link};\n}}\n"
        )
    }
}

/// The colour, mixed with just enough of `end` to be legible on `background`.
fn legible(color: Color, end: Color, background: Color) -> Color {
    let steps = (0..=100).step_by(usize::from(STEP_PERCENT));
    let mut mixtures = steps.map(|percent| color.mixed(end, percent));
    mixtures.find(|mixture| mixture.contrast(background) >= MIN_CONTRAST).unwrap_or(end)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn w10_every_accent_colour_that_is_accepted_is_legible_everywhere() {
        let levels = ["00", "33", "66", "80", "99", "cc", "ff"];
        let mut accepted = 0;
        for (red, green, blue) in levels
            .iter()
            .flat_map(|red| levels.iter().map(move |green| (red, green)))
            .flat_map(|(red, green)| levels.iter().map(move |blue| (red, green, blue)))
        {
            let accent: Color = format!("#{red}{green}{blue}").parse().unwrap();
            if accent.contrast(Color::WHITE) < MIN_CONTRAST {
                continue;
            }
            accepted += 1;
            let schemes = [
                (Scheme::light(accent), Color::WHITE, LIGHT_BACKGROUND),
                (Scheme::dark(accent), DARK_GROUND, DARK_BACKGROUND),
            ];
            for (Scheme { key, key_hover, on_key, key_pale, link }, ground, background) in schemes {
                for (text, behind) in [
                    (on_key, key),
                    (on_key, key_hover),
                    (key, ground),
                    (key_hover, key_pale),
                    (link, background),
                    (key_hover, background),
                ] {
                    let contrast = text.contrast(behind);
                    assert!(contrast >= MIN_CONTRAST, "{accent}: {text} on {behind}: {contrast}");
                }
            }
        }
        assert!(accepted > 100, "{accepted}");
    }
}
