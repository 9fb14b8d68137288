//! One word per idea. The words are in `docs/concepts/glossary.md`.

use super::{Finding, source, tree::Tree};

/// What is never said in code, and what is said instead.
const SYNONYMS: [(&str, &str); 6] = [
    ("user", "subject"),
    ("users", "subjects"),
    ("customer", "subject"),
    ("customers", "subjects"),
    ("consumer", "subject"),
    ("consumers", "subjects"),
];

/// Two words that are one synonym.
const DATA_PRINCIPAL: &str = "data principal";

/// Names for what nobody has understood yet.
const MODULE_NAMES: [&str; 8] =
    ["util", "utils", "common", "helper", "helpers", "misc", "manager", "managers"];

/// The phrases in which a synonym is somebody else's word, and the folders in which people are
/// spoken of as the sample company speaks of them: one a line, `#` begins a comment.
pub(super) const ALLOWED: &str = "xtask/words.txt";

/// What a finished tree does not hold. In halves, for this file is in the tree as well.
const LEFTOVERS: [&str; 11] = [
    concat!("TO", "DO"),
    concat!("FIX", "ME"),
    concat!("X", "XX"),
    concat!("this ", "session's work"),
    concat!("in this ", "session"),
    concat!("previous ", "session"),
    concat!("earlier ", "session"),
    concat!("the ", "brief says"),
    concat!("as ", "requested"),
    concat!("language ", "model"),
    concat!("AI ", "assistant"),
];

pub(super) fn synonyms(tree: &Tree) -> Vec<Finding> {
    let allowed = allowed(tree);
    let is_told =
        |path: &str| allowed.iter().any(|entry| entry.ends_with('/') && path.starts_with(entry));
    let sources = tree.ending(".rs").filter(|(path, _)| {
        path.starts_with("crates/") && path.contains("/src/") && !is_told(path)
    });
    let mut findings = Vec::new();
    for (path, text) in sources {
        for (number, line) in (1..).zip(source::without_strings(text).lines()) {
            findings
                .extend(synonyms_of(line, &allowed).map(|what| Finding::new(path, number, what)));
        }
    }
    findings
}

fn allowed(tree: &Tree) -> Vec<String> {
    let list = tree.text(ALLOWED).unwrap_or_default();
    let phrases = list.lines().map(|line| line.split('#').next().unwrap_or_default().trim());
    phrases.filter(|phrase| !phrase.is_empty()).map(str::to_ascii_lowercase).collect()
}

fn synonyms_of(line: &str, allowed: &[String]) -> impl Iterator<Item = String> {
    let line = allowed.iter().fold(line.to_owned(), |line, phrase| without(&line, phrase));
    let words: Vec<String> = parts(&line).map(str::to_lowercase).collect();
    let is_said = |banned: &str| words.iter().any(|word| word == banned);
    let advice = |banned: &str, said: &str| {
        format!("say `{said}`, not `{banned}`; somebody else's term goes into {ALLOWED}")
    };
    let mut found: Vec<String> = SYNONYMS
        .iter()
        .filter(|(banned, _)| is_said(banned))
        .map(|(banned, said)| advice(banned, said))
        .collect();
    if line.to_lowercase().contains(DATA_PRINCIPAL) {
        found.push(advice(DATA_PRINCIPAL, "subject"));
    }
    found.into_iter()
}

/// A line without a phrase, in whatever case it is written.
fn without(line: &str, phrase: &str) -> String {
    let lower = line.to_ascii_lowercase();
    let mut kept = String::new();
    let mut from = 0;
    for (at, _) in lower.match_indices(phrase) {
        kept.push_str(&line[from..at]);
        kept.push(' ');
        from = at + phrase.len();
    }
    kept + &line[from..]
}

/// The words of a line: cut at whatever is no letter, and before each hump of camel case.
fn parts(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphabetic()).flat_map(|name| {
        let mut cuts: Vec<usize> = vec![0];
        let mut was_lower = false;
        for (at, c) in name.char_indices() {
            if c.is_uppercase() && was_lower {
                cuts.push(at);
            }
            was_lower = c.is_lowercase();
        }
        cuts.push(name.len());
        (1..cuts.len()).map(move |i| &name[cuts[i - 1]..cuts[i]]).collect::<Vec<_>>()
    })
}

pub(super) fn module_names(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for path in tree.paths().filter(|path| path.ends_with(".rs")) {
        let parts = path.trim_end_matches(".rs").split('/');
        for part in parts.filter(|part| MODULE_NAMES.contains(part)) {
            let what = format!("`{part}` says nothing: name the module after what it is");
            findings.push(Finding::new(path, 1, what));
        }
    }
    findings
}

pub(super) fn leftovers(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        for (number, line) in (1..).zip(text.lines()) {
            for phrase in LEFTOVERS.iter().filter(|phrase| line.contains(*phrase)) {
                findings.push(Finding::new(
                    path,
                    number,
                    format!("`{phrase}` has no place in a finished tree"),
                ));
            }
        }
    }
    findings
}
