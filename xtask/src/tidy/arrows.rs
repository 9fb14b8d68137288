//! Which crate may build on which. The order is `ARCHITECTURE.md`'s; here it is enforced.

use std::collections::BTreeSet;

use super::{
    Finding,
    tree::{Tree, join},
};

/// A crate, and the crates of the project that it may depend on.
const ARROWS: [(&str, &[&str]); 14] = [
    ("sayso-consent", &[]),
    ("sayso-clock", &[]),
    ("sayso-catalog", &["sayso-clock", "sayso-consent"]),
    ("sayso-decision", &["sayso-consent"]),
    ("sayso-filter", &["sayso-consent", "sayso-decision"]),
    ("sayso-map", &[]),
    ("sayso-ledger", &["sayso-consent", "sayso-decision", "sayso-map"]),
    ("sayso-stores", &["sayso-consent", "sayso-decision", "sayso-ledger"]),
    ("sayso-sinks", &["sayso-consent", "sayso-decision", "sayso-ledger"]),
    ("sayso-api", &["sayso-consent", "sayso-catalog", "sayso-decision", "sayso-ledger"]),
    ("sayso-web", &["sayso-consent", "sayso-catalog", "sayso-decision", "sayso-ledger"]),
    ("sayso-testkit", &["sayso-consent", "sayso-catalog", "sayso-decision"]),
    // A downstream system is somebody else's program: it knows Sayso by HTTP alone.
    ("hearth", &[]),
    ("xtask", &[]),
];

/// What may depend on everything but the tests' own crate: the program, and what measures it.
const WHOLE: [&str; 3] = ["sayso", "sayso-bench", "sayso-fuzz"];

/// What tries and measures the program and is in no release.
const UNSHIPPED: [&str; 2] = ["sayso-bench", "sayso-fuzz"];

/// For tests only: as an ordinary dependency it would ship.
const DEV_ONLY: &str = "sayso-testkit";

/// The crates without async, clock, randomness, logging or JSON values.
const PURE: [&str; 2] = ["sayso-consent", "sayso-decision"];

/// What a pure crate never depends on.
const IMPURE: [&str; 13] = [
    "tokio",
    "futures",
    "futures-util",
    "async-trait",
    "serde_json",
    "tracing",
    "log",
    "getrandom",
    "rand",
    "chrono",
    "time",
    "axum",
    "rusqlite",
];

pub(super) fn check(tree: &Tree) -> Vec<Finding> {
    let packages: Vec<_> = tree.packages().collect();
    let name = |manifest: &toml::Table| -> Option<String> {
        Some(manifest.get("package")?.get("name")?.as_str()?.to_owned())
    };
    let own: BTreeSet<String> =
        packages.iter().filter_map(|(_, manifest)| name(manifest)).collect();
    let mut findings = Vec::new();
    for (folder, manifest) in &packages {
        let Some(package) = name(manifest) else { continue };
        let path = join(folder, "Cargo.toml");
        for (dependency, is_dev) in dependencies(manifest) {
            if let Some(what) = complaint(&package, &dependency, is_dev, &own) {
                findings.push(Finding::new(&path, 1, what));
            }
        }
    }
    findings
}

/// Tests may use any crate but the program: a surface is tested on a store in memory.
fn complaint(
    package: &str,
    dependency: &str,
    is_dev: bool,
    own: &BTreeSet<String>,
) -> Option<String> {
    if !is_dev && PURE.contains(&package) && IMPURE.contains(&dependency) {
        return Some(format!("`{package}` is pure and must not use `{dependency}`"));
    }
    if !own.contains(dependency) {
        return None;
    }
    if dependency == DEV_ONLY && !is_dev && !UNSHIPPED.contains(&package) {
        return Some(format!("`{DEV_ONLY}` is for tests: name it under [dev-dependencies]"));
    }
    if WHOLE.contains(&package) || (is_dev && dependency != "sayso" && package != "hearth") {
        return None;
    }
    let Some((_, allowed)) = ARROWS.iter().find(|(name, _)| *name == package) else {
        return Some(format!(
            "`{package}` has no place among the arrows in xtask/src/tidy/arrows.rs"
        ));
    };
    let is_allowed = allowed.contains(&dependency);
    (!is_allowed).then(|| format!("`{package}` must not know `{dependency}`; see ARCHITECTURE.md"))
}

/// The names of what a manifest depends on, and whether for its tests only.
fn dependencies(manifest: &toml::Table) -> Vec<(String, bool)> {
    let mut found = Vec::new();
    let targets = manifest.get("target").and_then(toml::Value::as_table);
    let targets =
        targets.into_iter().flat_map(toml::Table::values).filter_map(toml::Value::as_table);
    for table in std::iter::once(manifest).chain(targets) {
        for (section, is_dev) in
            [("dependencies", false), ("build-dependencies", false), ("dev-dependencies", true)]
        {
            let Some(names) = table.get(section).and_then(toml::Value::as_table) else { continue };
            // A renamed dependency goes by its real name.
            let real = |(name, value): (&String, &toml::Value)| {
                value.get("package").and_then(toml::Value::as_str).unwrap_or(name).to_owned()
            };
            found.extend(names.iter().map(|entry| (real(entry), is_dev)));
        }
    }
    found
}
