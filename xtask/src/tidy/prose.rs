//! What the pages say, where it can be checked.

use std::collections::BTreeSet;

use super::{
    Finding, source,
    tree::{Tree, folder, resolve},
};

/// The links of a page: line and target. What stands in code is no link.
fn links_of(text: &str) -> Vec<(usize, String)> {
    let mut found = Vec::new();
    let mut is_fenced = false;
    for (number, line) in (1..).zip(text.lines()) {
        if line.trim_start().starts_with("```") {
            is_fenced = !is_fenced;
        }
        if is_fenced {
            continue;
        }
        let prose: String = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
        let targets = prose.split("](").skip(1).filter_map(|rest| rest.split([')', ' ']).next());
        found.extend(targets.map(|target| (number, target.to_owned())));
    }
    found
}

fn is_elsewhere(target: &str) -> bool {
    target.contains("://") || target.starts_with("mailto:")
}

pub(super) fn links(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (path, text) in tree.ending(".md") {
        for (line, target) in links_of(text).into_iter().filter(|(_, target)| !is_elsewhere(target))
        {
            if let Some(what) = broken(tree, path, &target) {
                findings.push(Finding::new(path, line, what));
            }
        }
    }
    findings
}

fn broken(tree: &Tree, path: &str, target: &str) -> Option<String> {
    let (file, heading) = target.split_once('#').unwrap_or((target, ""));
    let file = if file.is_empty() { Some(path.to_owned()) } else { resolve(folder(path), file) };
    let Some(file) = file.filter(|file| tree.has(file)) else {
        return Some(format!("there is no `{target}`"));
    };
    let text = tree.text(&file).filter(|_| !heading.is_empty() && file.ends_with(".md"))?;
    let has_heading =
        text.lines().filter(|line| line.starts_with('#')).any(|line| slug(line) == heading);
    (!has_heading).then(|| format!("`{file}` has no heading `#{heading}`"))
}

/// A heading as it is written in an address.
fn slug(heading: &str) -> String {
    let words = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = words.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

/// A page that no page leads to is found by nobody.
pub(super) fn orphans(tree: &Tree) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    for (path, text) in tree.ending(".md") {
        for (_, target) in links_of(text).iter().filter(|(_, target)| !is_elsewhere(target)) {
            let file = target.split('#').next().unwrap_or_default();
            let file = resolve(folder(path), file).filter(|file| file != path);
            reached.extend(file.filter(|_| !target.starts_with('#')));
        }
    }
    let is_led_to = |path: &str| {
        reached.iter().any(|target| {
            target == path || (!target.contains('.') && path.starts_with(&format!("{target}/")))
        })
    };
    let pages = tree.ending(".md").map(|(path, _)| path).filter(|path| path.starts_with("docs/"));
    pages
        .filter(|path| !is_led_to(path))
        .map(|path| Finding::new(path, 1, "no page links to this one"))
        .collect()
}

/// Commands that are spoken of: the program, and the file that declares its subcommands.
const PROGRAMS: [(&str, &str); 2] =
    [("cargo xtask ", "xtask/src/"), ("sayso ", "crates/sayso/src/")];

pub(super) fn commands(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (program, folder) in PROGRAMS {
        let known = subcommands(tree, folder);
        if known.is_empty() {
            continue;
        }
        for (path, text) in
            tree.texts().filter(|(path, _)| path.ends_with(".md") || path.ends_with(".rs"))
        {
            for (number, line) in (1..).zip(text.lines()) {
                for name in spoken(line, program).filter(|name| !known.contains(*name)) {
                    let what = format!("there is no command `{program}{name}`");
                    findings.push(Finding::new(path, number, what));
                }
            }
        }
    }
    findings
}

/// The subcommands that a line names: after a backtick, or as a line of a shell.
fn spoken<'a>(line: &'a str, program: &'a str) -> impl Iterator<Item = &'a str> {
    let shell = line.trim_start().trim_start_matches("$ ").strip_prefix(program);
    let shell = shell.filter(|rest| is_shell(line, rest));
    let quoted =
        line.match_indices('`').filter_map(move |(at, _)| line[at + 1..].strip_prefix(program));
    shell.into_iter().chain(quoted).filter_map(|rest| {
        let name = rest.split(|c: char| !c.is_ascii_lowercase() && c != '-').next()?;
        let is_name = !name.is_empty() && !name.starts_with('-');
        is_name.then_some(name)
    })
}

/// A line of prose may begin with the word as well; a command is followed by no sentence.
fn is_shell(line: &str, rest: &str) -> bool {
    let begins = line.trim_start();
    begins.starts_with("$ ") || begins.starts_with("cargo ") || !rest.contains(['.', ',', ';', '"'])
}

/// The variants of every enum that derives `Subcommand` or `ValueEnum`, as they are typed.
fn subcommands(tree: &Tree, folder: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for (_, text) in tree.ending(".rs").filter(|(path, _)| path.starts_with(folder)) {
        let code = source::code_only(text);
        let mut is_awaited = false;
        let mut is_inside = false;
        for line in code.lines() {
            is_awaited |= line.starts_with("#[derive") && line.contains("Subcommand");
            if is_awaited && line.contains("enum ") {
                (is_awaited, is_inside) = (false, true);
            } else if line.starts_with('}') {
                is_inside = false;
            } else if let Some(variant) = line.strip_prefix("    ").filter(|_| is_inside) {
                let name: String =
                    variant.chars().take_while(char::is_ascii_alphanumeric).collect();
                if name.starts_with(|c: char| c.is_ascii_uppercase()) {
                    found.insert(kebab(&name));
                }
            }
        }
    }
    found
}

fn kebab(name: &str) -> String {
    let mut kebab = String::new();
    for c in name.chars() {
        if c.is_ascii_uppercase() && !kebab.is_empty() {
            kebab.push('-');
        }
        kebab.push(c.to_ascii_lowercase());
    }
    kebab
}
