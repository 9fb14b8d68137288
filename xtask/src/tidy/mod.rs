//! `cargo xtask tidy`: the rules that no compiler knows. It is a test as well.
//!
//! Each rule is a function from the [`Tree`] of files to what it finds, so that a test can plant a
//! tree that breaks it: a rule that cannot fail is no rule. Reading order: `tree`, then a rule.

mod arrows;
mod code;
mod files;
mod limits;
mod prose;
mod source;
#[cfg(test)]
mod tests;
mod tree;
mod words;

use std::fmt;

use anyhow::{Result, bail};

use crate::run;
use tree::Tree;

/// Something that a rule does not allow.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Finding {
    path: String,
    line: usize,
    what: String,
}

impl Finding {
    fn new(path: &str, line: usize, what: impl fmt::Display) -> Self {
        Self { path: path.to_owned(), line, what: what.to_string() }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.path, self.line, self.what)
    }
}

type Rule = fn(&Tree) -> Vec<Finding>;

/// Every rule: its name, and where it is written.
const RULES: [(&str, Rule); 14] = [
    ("arrows", arrows::check),
    ("words", words::synonyms),
    ("module-names", words::module_names),
    ("leftovers", words::leftovers),
    ("crate-headers", code::headers),
    ("dead-code", code::dead),
    ("one-test-program", code::test_programs),
    ("lengths", files::lengths),
    ("dead-files", files::dead),
    ("machine-paths", files::machine_paths),
    ("links", prose::links),
    ("orphans", prose::orphans),
    ("commands", prose::commands),
    ("limits", limits::check),
];

/// Checks the project, or writes its generated tables anew.
pub(crate) fn run(bless: bool) -> Result<()> {
    let root = run::root();
    if bless {
        return limits::bless(&Tree::read(&root)?, &root);
    }
    let findings = check(&Tree::read(&root)?);
    for (rule, finding) in &findings {
        run::say(format_args!("{finding} [{rule}]"));
    }
    if !findings.is_empty() {
        bail!("{} untidy; STYLE.md says why each rule is there", findings.len());
    }
    Ok(())
}

fn check(tree: &Tree) -> Vec<(&'static str, Finding)> {
    let mut findings = Vec::new();
    for (name, rule) in RULES {
        findings.extend(rule(tree).into_iter().map(|finding| (name, finding)));
    }
    findings
}
