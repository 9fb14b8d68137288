//! Guesses at what was meant.

/// Longest word that is guessed at, in bytes; and most names that it is compared with. Distances
/// take time in the product of the lengths, and the text may come from anywhere.
const WORD_BYTES_MAX: usize = 64;
const NAMES_MAX: usize = 1_000;

/// The name nearest to a word, if it is near enough to be what was meant.
pub(crate) fn nearest<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    if word.len() > WORD_BYTES_MAX {
        return None;
    }
    let near_enough = (word.chars().count() / 3).clamp(1, 4);
    let (_, name) = names
        .into_iter()
        .take(NAMES_MAX)
        .filter(|name| name.len() <= WORD_BYTES_MAX)
        .map(|name| (distance(word, name), name))
        .filter(|(distance, _)| *distance <= near_enough)
        .min()?;
    Some(name)
}

/// Edits between the two; none for a difference of case, nor for a node named without its parent.
fn distance(word: &str, name: &str) -> usize {
    let word = word.to_lowercase();
    let is_last_part = name.rsplit('.').next().is_some_and(|part| part == word);
    if is_last_part { 0 } else { strsim::damerau_levenshtein(&word, &name.to_lowercase()) }
}

/// "did you mean" the nearest name, if there is one.
pub fn did_you_mean<'a>(word: &str, names: impl IntoIterator<Item = &'a str>) -> Option<String> {
    nearest(word, names).map(|name| format!("did you mean `{name}`?"))
}

/// Names in backticks, joined by commas.
pub(crate) fn list<'a>(names: impl IntoIterator<Item = &'a str>) -> String {
    names.into_iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_nearest_name_is_guessed_if_it_is_near() {
        let names = ["marketing", "marketing.offers", "service"];
        for (word, name) in [
            ("marketting", Some("marketing")),
            ("Service", Some("service")),
            ("offers", Some("marketing.offers")),
            ("weather", None),
            ("", None),
        ] {
            assert_eq!(nearest(word, names), name, "{word}");
        }
        assert_eq!(nearest(&"m".repeat(1_000_000), names), None);
    }
}
