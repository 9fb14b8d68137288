//! Code that nobody reaches, and roots that say nothing.

use std::collections::BTreeSet;

use super::{
    Finding, source,
    tree::{Tree, folder, join, resolve},
};

/// The roots of a package's targets, from its folder.
fn roots<'a>(tree: &'a Tree, package: &'a str, manifest: &toml::Table) -> Vec<&'a str> {
    let inside = |path: &'a str| -> Option<&'a str> {
        if package.is_empty() { Some(path) } else { path.strip_prefix(package)?.strip_prefix('/') }
    };
    let declared = |path: &str| {
        let targets = ["bin", "test", "bench", "example"]
            .iter()
            .filter_map(|kind| manifest.get(*kind)?.as_array());
        targets
            .flatten()
            .any(|target| target.get("path").and_then(toml::Value::as_str) == Some(path))
    };
    let is_root = |path: &&'a str| {
        inside(path).is_some_and(|inner| {
            let parts: Vec<&str> = inner.split('/').collect();
            match parts.as_slice() {
                ["build.rs"] | ["src", "lib.rs" | "main.rs"] => true,
                ["src", "bin", file] | ["tests" | "examples" | "benches", file] => {
                    file.ends_with(".rs")
                }
                ["src", "bin", _, "main.rs"] | ["tests" | "examples" | "benches", _, "main.rs"] => {
                    true
                }
                _ => declared(inner),
            }
        })
    };
    tree.paths().filter(is_root).collect()
}

pub(super) fn headers(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (package, manifest) in tree.packages() {
        for root in roots(tree, package, &manifest) {
            if !tree.text(root).unwrap_or_default().starts_with("//!") {
                let what = "a crate root opens with `//!`: what it is, what it refuses to know, where to begin";
                findings.push(Finding::new(root, 1, what));
            }
        }
    }
    findings
}

pub(super) fn dead(tree: &Tree) -> Vec<Finding> {
    let mut reached = BTreeSet::new();
    for (package, manifest) in tree.packages() {
        for root in roots(tree, package, &manifest) {
            reach(tree, root, true, &mut reached);
        }
    }
    let dead = tree.paths().filter(|path| path.ends_with(".rs") && !reached.contains(*path));
    dead.map(|path| Finding::new(path, 1, "no `mod` reaches this file: it is not compiled"))
        .collect()
}

fn reach(tree: &Tree, path: &str, is_root: bool, reached: &mut BTreeSet<String>) {
    if !reached.insert(path.to_owned()) {
        return;
    }
    let Some(text) = tree.text(path) else { return };
    let owns_folder = is_root || path.ends_with("/mod.rs");
    let below = if owns_folder { folder(path) } else { path.trim_end_matches(".rs") };
    for module in modules(text) {
        // A file that is named by its path has its modules beside it, as a root has.
        let (candidates, is_root) = match module {
            Module::Named(name) => (
                vec![join(below, &format!("{name}.rs")), join(below, &format!("{name}/mod.rs"))],
                false,
            ),
            Module::At(place) => (resolve(folder(path), &place).into_iter().collect(), true),
        };
        for candidate in candidates.iter().filter(|candidate| tree.text(candidate).is_some()) {
            reach(tree, candidate, is_root, reached);
        }
    }
}

/// A `mod` line.
enum Module {
    Named(String),
    At(String),
}

fn modules(text: &str) -> Vec<Module> {
    let code = source::code_only(text);
    let mut found = Vec::new();
    let mut place = None;
    for (line, original) in code.lines().zip(text.lines()) {
        let line = line.trim();
        if line.starts_with("#[path") {
            place = original.split('"').nth(1).map(str::to_owned);
            continue;
        }
        let declared = line.strip_suffix(';').and_then(|line| {
            let line = line.strip_prefix("pub ").unwrap_or(line);
            let line = line
                .split_once(") ")
                .filter(|_| line.starts_with("pub("))
                .map_or(line, |(_, rest)| rest);
            line.strip_prefix("mod ")
        });
        if let Some(name) = declared {
            let named = Module::Named(name.trim_start_matches("r#").to_owned());
            found.push(place.take().map_or(named, Module::At));
        }
    }
    found
}

/// One program links once and runs its tests side by side; a second costs every build.
pub(super) fn test_programs(tree: &Tree) -> Vec<Finding> {
    let mut findings = Vec::new();
    for (package, manifest) in tree.packages() {
        let tests = join(package, "tests/");
        let programs: Vec<_> = roots(tree, package, &manifest)
            .into_iter()
            .filter(|root| root.starts_with(&tests))
            .collect();
        if let [_, more, ..] = programs.as_slice() {
            let all = programs.join(", ");
            findings.push(Finding::new(
                more,
                1,
                format!("one test program a crate; these are more: {all}"),
            ));
        }
    }
    findings
}
