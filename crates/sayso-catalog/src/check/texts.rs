//! Every text comes in every language.

use crate::{problem::Problems, tree::At, words::did_you_mean};

pub(super) fn check(root: &At, problems: &mut Problems) {
    let languages: Vec<&str> = root.items_of("languages").filter_map(|item| item.text()).collect();
    if languages.is_empty() {
        return;
    }
    let texts = Texts { languages };
    for section in [
        "namespaces",
        "data",
        "purposes",
        "recipients",
        "channels",
        "device_types",
        "activities",
        "promises",
    ] {
        for entry in root.entries_of(section) {
            for field in ["title", "phrase", "description"] {
                entry.get(field).iter().for_each(|text| texts.expect(text, problems));
            }
        }
    }
    for version in root.entries_of("notices").flat_map(|notice| notice.items()) {
        version.get("text").iter().for_each(|text| texts.expect(text, problems));
    }
}

struct Texts<'a> {
    languages: Vec<&'a str>,
}

impl Texts<'_> {
    fn expect(&self, text: &At, problems: &mut Problems) {
        let name = text.name();
        // An absent phrase or description is none; so is one that says `{}`.
        let is_optional = name != "title" && name != "text";
        let mut given = text.entries().peekable();
        if !text.node.is_mapping() || is_optional && given.peek().is_none() {
            return;
        }
        for language in &self.languages {
            if text.get(language).is_none() {
                let message = format!("`{name}` has no text in `{language}`");
                let hint = format!("every text comes in each of `languages`; add `{language}: …`");
                problems.add(text.key_place(), &text.path, message, Some(hint));
            }
        }
        for entry in given {
            let language = entry.name();
            if !self.languages.contains(&language) {
                let hint = did_you_mean(language, self.languages.iter().copied())
                    .unwrap_or_else(|| "add it to `languages` or remove the text".to_owned());
                let message = format!("`{language}` is none of the languages");
                problems.add(entry.key_place(), &entry.path, message, Some(hint));
            } else if entry.text().is_some_and(|text| text.trim().is_empty()) {
                let message = format!("the text in `{language}` is empty");
                problems.add(entry.place(), &entry.path, message, None);
            }
        }
    }
}
