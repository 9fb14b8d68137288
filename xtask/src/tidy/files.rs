//! Files that nobody asks for, are too long, or know the machine that they were written on.

use std::collections::BTreeMap;

use super::{Finding, tree::Tree};

/// How long a file may be, in lines.
const LINES_MAX: usize = 500;

/// The files that were longer when they were written, each with its length.
pub(super) const RATCHET: &str = "xtask/ratchet.txt";

/// The ends of what is written by hand and read from top to bottom.
const MEASURED: [&str; 6] = [".rs", ".py", ".js", ".mjs", ".html", ".css"];

pub(super) fn lengths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut known = ratchet(tree, &mut findings);
    for (path, text) in
        tree.texts().filter(|(path, _)| MEASURED.iter().any(|end| path.ends_with(end)))
    {
        let lines = text.lines().count();
        let what = match known.remove(path) {
            None if lines > LINES_MAX => {
                format!("{lines} lines; {LINES_MAX} at most: cut it where its ideas part")
            }
            Some(allowed) if lines > allowed => {
                format!("{lines} lines; the ratchet allows {allowed}, and only falls")
            }
            Some(_) if lines <= LINES_MAX => format!("short enough now: take it out of {RATCHET}"),
            Some(allowed) if lines < allowed => {
                format!("shorter now: lower its number in {RATCHET} to {lines}")
            }
            _ => continue,
        };
        findings.push(Finding::new(path, lines, what));
    }
    let gone = known.into_keys();
    findings.extend(
        gone.map(|path| Finding::new(RATCHET, 1, format!("`{path}` is gone: take it out"))),
    );
    findings
}

fn ratchet<'a>(tree: &'a Tree, findings: &mut Vec<Finding>) -> BTreeMap<&'a str, usize> {
    let mut known = BTreeMap::new();
    for (number, line) in (1..).zip(tree.text(RATCHET).unwrap_or_default().lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        match line.split_once(' ').map(|(lines, path)| (lines.parse(), path.trim())) {
            Some((Ok(lines), path)) => {
                known.insert(path, lines);
            }
            _ => findings.push(Finding::new(RATCHET, number, "a line is a number and a path")),
        }
    }
    known
}

/// The folders whose files are there to be built in or read by somebody, who names them.
const ASKED_FOR: [&str; 3] = ["/templates/", "/assets/", "/tests/"];

pub(super) fn dead(tree: &Tree) -> Vec<Finding> {
    let is_asked_for = |path: &&str| {
        path.starts_with("crates/")
            && !path.ends_with(".rs")
            && ASKED_FOR.iter().any(|part| path.contains(part))
    };
    let mut findings = Vec::new();
    for path in tree.paths().filter(is_asked_for) {
        let name = path
            .split_once("/templates/")
            .map_or_else(|| path.rsplit('/').next().unwrap_or(path), |(_, template)| template);
        let readers = tree.texts().filter(|(reader, _)| {
            *reader != path && [".rs", ".html", ".css"].iter().any(|end| reader.ends_with(end))
        });
        // A template may name another relative to its own folder.
        let short = format!("\"{}\"", path.rsplit('/').next().unwrap_or(path));
        let is_named = |text: &str| text.contains(name) || text.contains(&short);
        if !readers.into_iter().any(|(_, text)| is_named(text)) {
            findings.push(Finding::new(path, 1, "nobody names this file: take it out, or use it"));
        }
    }
    findings
}

/// Folders of one machine. In halves, for this file is in the tree as well.
const MACHINE: [&str; 3] = [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

pub(super) fn machine_paths(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.texts() {
        for (number, line) in (1..).zip(text.lines()) {
            for folder in MACHINE.iter().filter(|folder| begins_a_path(line, folder)) {
                let what = format!(
                    "`{folder}` is a folder of one machine; write a path from the root of the project"
                );
                findings.push(Finding::new(path, number, what));
            }
        }
    }
    findings
}

/// Whether a folder stands in a line as the beginning of a path and not in the middle of one.
fn begins_a_path(line: &str, folder: &str) -> bool {
    line.match_indices(folder).any(|(at, _)| {
        let before = line[..at].chars().next_back();
        !before.is_some_and(|c| c.is_alphanumeric() || matches!(c, '.' | '-' | '_' | '}' | '~'))
    })
}
