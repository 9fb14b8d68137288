//! Every pair of colours that the style sheet puts together is legible, in light and in dark
//! (WCAG 2.2: 1.4.3 for text, 1.4.11 for the edges of controls).

use colour::{contrast, palette, printed};

const TEXT: f64 = 4.5;
const CONTROL: f64 = 3.0;

/// Foreground, background, least ratio.
const PAIRS: [(&str, &str, f64); 37] = [
    ("ink", "paper", TEXT),
    ("ink", "card", TEXT),
    ("ink", "sunk", TEXT),
    ("ink", "tint", TEXT),
    ("ink", "good-tint", TEXT),
    ("ink", "bad-tint", TEXT),
    ("soft", "paper", TEXT),
    ("soft", "card", TEXT),
    ("soft", "sunk", TEXT),
    ("soft", "tint", TEXT),
    ("accent", "paper", TEXT),
    ("accent-deep", "paper", TEXT),
    ("accent-deep", "card", TEXT),
    ("accent-deep", "tint", TEXT),
    ("accent-deep", "good-tint", TEXT),
    ("accent-deep", "sunk", TEXT),
    ("on-accent", "accent", TEXT),
    ("on-accent", "accent-deep", TEXT),
    ("good", "good-tint", TEXT),
    ("bad", "bad-tint", TEXT),
    ("bad", "card", TEXT),
    ("card", "bad", TEXT),
    ("edge", "paper", CONTROL),
    ("edge", "card", CONTROL),
    ("edge", "sunk", CONTROL),
    ("edge", "tint", CONTROL),
    ("edge", "good-tint", CONTROL),
    ("accent", "card", CONTROL),
    ("accent", "sunk", CONTROL),
    ("accent", "tint", CONTROL),
    ("accent", "good-tint", CONTROL),
    ("accent", "bad-tint", CONTROL),
    ("good", "card", CONTROL),
    ("good", "paper", CONTROL),
    ("bad", "paper", CONTROL),
    ("accent", "on-accent", CONTROL),
    ("ink", "bad-tint", TEXT),
];

#[test]
fn every_pair_is_legible_in_light_and_dark() {
    for (theme, colours) in [("light", palette(0)), ("dark", palette(1)), ("print", printed())] {
        for (front, back, least) in PAIRS {
            let ratio = contrast(colours[front], colours[back]);
            assert!(ratio >= least, "{theme}: {front} on {back} is {ratio:.2}, not {least}");
        }
    }
}

#[test]
fn contrast_is_what_the_standard_says() {
    let ratio = contrast([0, 0, 0], [255, 255, 255]);
    assert!((ratio - 21.0).abs() < 0.001);
    let grey = contrast([0x76; 3], [255, 255, 255]);
    assert!((grey - 4.54).abs() < 0.01, "{grey}");
}

#[cfg(test)]
mod colour {
    use std::collections::BTreeMap;

    use sayso_web::assets::STYLESHEET;

    /// Print replaces what it names and takes the rest from light.
    pub(super) fn printed() -> BTreeMap<&'static str, [u8; 3]> {
        let mut colours = palette(0);
        colours.extend(palette(2));
        colours
    }

    /// The colours of the nth `:root` of the style sheet.
    pub(super) fn palette(nth: usize) -> BTreeMap<&'static str, [u8; 3]> {
        let block = STYLESHEET.split(":root {").nth(nth + 1).unwrap().split('}').next().unwrap();
        let colour = |line: &'static str| {
            let (name, value) = line.trim().strip_prefix("--")?.split_once(": #")?;
            Some((name, rgb(value)))
        };
        block.split(';').filter_map(colour).collect()
    }

    fn rgb(hex: &str) -> [u8; 3] {
        let wide: String = match hex.len() {
            3 => hex.chars().flat_map(|digit| [digit, digit]).collect(),
            _ => hex.into(),
        };
        [0, 2, 4].map(|start| u8::from_str_radix(&wide[start..start + 2], 16).unwrap())
    }

    fn luminance(colour: [u8; 3]) -> f64 {
        let linear = colour.map(|channel| {
            let channel = f64::from(channel) / 255.0;
            if channel <= 0.040_45 {
                channel / 12.92
            } else {
                ((channel + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
    }

    pub(super) fn contrast(one: [u8; 3], other: [u8; 3]) -> f64 {
        let (one, other) = (luminance(one), luminance(other));
        (one.max(other) + 0.05) / (one.min(other) + 0.05)
    }
}
