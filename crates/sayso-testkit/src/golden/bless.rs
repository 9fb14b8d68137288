//! Writes what a surface answered into the files.

use super::run::Mismatch;

/// The text of a file with its wrong answers replaced. A line that was refused although the file
/// records it, or the other way round, is left: that has to be told as another story.
pub fn bless(text: &str, mismatches: &[Mismatch]) -> String {
    let mut blessed = String::with_capacity(text.len());
    for (number, line) in (1..).zip(text.split_inclusive('\n')) {
        match mismatches.iter().find(|mismatch| mismatch.line == number) {
            Some(mismatch) => blessed.push_str(&answered(line, mismatch)),
            None => blessed.push_str(line),
        }
    }
    blessed
}

fn answered(line: &str, mismatch: &Mismatch) -> String {
    let end = if line.ends_with('\n') { "\n" } else { "" };
    let said = line.split_once('→').or_else(|| line.split_once("->"));
    let said = said.map_or(line.trim_end(), |(said, _)| said);
    let was_refused = |text: &str| text.strip_prefix("refused ").map(str::to_owned);
    match (was_refused(&mismatch.expected), was_refused(&mismatch.got)) {
        (Some(_), Some(code)) => format!("{}→  {code}{end}", spaced(said)),
        (Some(_), None) | (None, Some(_)) => line.to_owned(),
        (None, None) if mismatch.got == "recorded" => format!("{}{end}", said.trim_end()),
        (None, None) => format!("{}→  {}{end}", spaced(said), mismatch.got),
    }
}

/// Keeps the column in which the arrows stand.
fn spaced(said: &str) -> String {
    if said.ends_with("  ") { said.to_owned() } else { format!("{}  ", said.trim_end()) }
}
