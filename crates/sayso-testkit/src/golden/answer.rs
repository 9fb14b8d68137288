//! The grammar of what stands after the arrow of a question.

use sayso_consent::{Reason, Timestamp};

use super::{
    line::{moment, one_of},
    step::Part,
};

/// Reads `allow granted@2 until=2026-06-01`; gives its one form and the parts it speaks of.
pub fn answer(text: &str) -> Result<(String, Vec<Part>), String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let [verdict, reason, rest @ ..] = words.as_slice() else {
        return Err("an answer is `allow` or `deny` and its reason".into());
    };
    let code = reason.split('@').next().unwrap_or_default();
    let known = Reason::ALL.into_iter().find(|known| known.code() == code);
    let known = known.ok_or_else(|| format!("`{code}` is no reason"))?;
    if *verdict != if known.allows() { "allow" } else { "deny" } {
        return Err(format!("`{verdict}` does not go with `{code}`"));
    }
    let (mut said, mut parts) = (format!("{verdict} {reason}"), Vec::new());
    for word in rest {
        let (key, value) =
            word.split_once('=').ok_or_else(|| format!("`{word}` is not `key=value`"))?;
        let part = one_of(key, &PARTS)?;
        let value =
            if part.is_moment() && value != "none" { short(moment(value)?) } else { value.into() };
        said.push_str(&format!(" {key}={value}"));
        parts.push(part);
    }
    Ok((said, parts))
}

/// The parts of an answer by the word that names them in a file.
const PARTS: [(&str, Part); 5] = [
    ("activity", Part::Activity),
    ("until", Part::Until),
    ("keep-until", Part::KeepUntil),
    ("delete-by", Part::DeleteBy),
    ("redact", Part::Redact),
];

impl Part {
    /// The word that names it in a file.
    pub fn word(self) -> &'static str {
        PARTS.iter().find(|(_, part)| *part == self).map_or("", |(word, _)| word)
    }

    fn is_moment(self) -> bool {
        matches!(self, Self::Until | Self::KeepUntil | Self::DeleteBy)
    }
}

/// A moment without the digits that say nothing.
pub fn short(at: Timestamp) -> String {
    let text = at.to_string();
    for noise in [":00.000Z", ".000Z"] {
        if let Some(text) = text.strip_suffix(noise) {
            return format!("{text}Z");
        }
    }
    text
}
