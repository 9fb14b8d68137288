//! The project is tidy, and every rule can fail.

use super::{Finding, RULES, arrows, check, code, files, limits, prose, tree::Tree, words};

/// What a rule finds in a planted tree, without the advice.
fn found(rule: super::Rule, files: &[(&str, &str)]) -> Vec<String> {
    let place = |finding: Finding| format!("{}:{}", finding.path, finding.line);
    let mut places: Vec<_> = rule(&Tree::of(files)).into_iter().map(place).collect();
    places.sort();
    places
}

#[test]
fn the_project_is_tidy() {
    let findings = check(&Tree::read(&crate::run::root()).unwrap());
    let lines: Vec<_> =
        findings.iter().map(|(rule, finding)| format!("{finding} [{rule}]")).collect();
    assert!(lines.is_empty(), "{}", lines.join("\n"));
}

#[test]
fn an_empty_project_lacks_only_its_limits() {
    let empty = Tree::of(&[]);
    let rules: Vec<_> = check(&empty).into_iter().map(|(rule, _)| rule).collect();
    assert_eq!(rules, ["limits"]);
    assert_eq!(RULES.len(), 14, "a new rule needs a planted violation below");
}

/// The manifest of a crate.
fn manifest(name: &str, dependencies: &str) -> String {
    format!("[package]\nname = \"{name}\"\n{dependencies}")
}

#[test]
fn arrows_point_one_way() {
    let depends =
        |name, on: &str| manifest(name, &format!("[dependencies]\n{on}.workspace = true"));
    for (package, on, is_allowed) in [
        ("sayso-ledger", "sayso-decision", true),
        ("sayso-decision", "sayso-ledger", false),
        ("sayso-api", "sayso-stores", false),
        ("sayso-api", "sayso-web", false),
        ("sayso-stores", "sayso-api", false),
        ("sayso-web", "sayso-testkit", false),
        ("hearth", "sayso-consent", false),
        ("sayso", "sayso-stores", true),
        ("sayso-new", "sayso-consent", false),
        ("sayso-consent", "serde_json", false),
        ("sayso-ledger", "serde_json", true),
    ] {
        let is_own = on.starts_with("sayso");
        let (from, to) = (depends(package, on), manifest(if is_own { on } else { "hearth" }, ""));
        let findings =
            found(arrows::check, &[("crates/a/Cargo.toml", &from), ("crates/b/Cargo.toml", &to)]);
        assert_eq!(findings.is_empty(), is_allowed, "{package} on {on}: {findings:?}");
    }
}

#[test]
fn arrows_are_laxer_for_tests_and_see_through_renaming() {
    let stores = manifest("sayso-stores", "");
    let dev = manifest("sayso-api", "[dev-dependencies]\nsayso-stores.workspace = true");
    let files = [("crates/a/Cargo.toml", dev.as_str()), ("crates/b/Cargo.toml", &stores)];
    assert!(found(arrows::check, &files).is_empty());
    let renamed =
        "[target.'cfg(unix)'.dependencies]\nx = { package = \"sayso-stores\", path = \"../b\" }";
    let renamed = manifest("sayso-api", renamed);
    let files = [("crates/a/Cargo.toml", renamed.as_str()), ("crates/b/Cargo.toml", &stores)];
    assert_eq!(found(arrows::check, &files), ["crates/a/Cargo.toml:1"]);
}

#[test]
fn synonyms_are_found_in_names_and_comments_only() {
    for (line, is_allowed) in [
        ("let subject = 1;", true),
        ("let user = 1;", false),
        ("let user_name = 1;", false),
        ("struct UserName;", false),
        ("// The customer's name.", false),
        ("/// A data principal.", false),
        ("let x = \"user\";", true),
        ("let superuser = 1;", true),
        ("headers.get(USER_AGENT)", true),
    ] {
        let files = [("crates/a/src/x.rs", line), (words::ALLOWED, "user_agent # HTTP")];
        assert_eq!(found(words::synonyms, &files).is_empty(), is_allowed, "{line}");
    }
    for (path, is_allowed) in [
        ("examples/hearth/src/x.rs", true),
        ("crates/a/src/demo/x.rs", true),
        ("crates/a/src/x.rs", false),
    ] {
        let files = [(path, "let user = 1;"), (words::ALLOWED, "crates/a/src/demo/")];
        assert_eq!(found(words::synonyms, &files).is_empty(), is_allowed, "{path}");
    }
}

#[test]
fn empty_names_and_leftovers_are_found() {
    let files = [
        ("crates/a/src/utils.rs", ""),
        ("crates/a/src/common/mod.rs", ""),
        ("crates/a/src/commons.rs", ""),
    ];
    assert_eq!(
        found(words::module_names, &files),
        ["crates/a/src/common/mod.rs:1", "crates/a/src/utils.rs:1"]
    );
    let later = format!("fine\n// {}: later", concat!("TO", "DO"));
    assert_eq!(found(words::leftovers, &[("a.rs", &later), ("b.md", "todos")]), ["a.rs:2"]);
}

#[test]
fn roots_say_what_they_are_and_files_are_reached() {
    let package = manifest("a", "");
    let files = [
        ("a/Cargo.toml", package.as_str()),
        (
            "a/src/lib.rs",
            "//! A.\npub(crate) mod b;\n// mod gone;\n#[path = \"odd/e.rs\"]\nmod e;\n",
        ),
        ("a/src/b.rs", "mod c;\n"),
        ("a/src/b/c.rs", ""),
        ("a/src/odd/e.rs", "mod f;"),
        ("a/src/odd/f.rs", ""),
        ("a/src/gone.rs", ""),
        ("a/tests/all/main.rs", "mod d;"),
        ("a/tests/all/d.rs", ""),
    ];
    assert_eq!(found(code::dead, &files), ["a/src/gone.rs:1"]);
    assert_eq!(found(code::headers, &files), ["a/tests/all/main.rs:1"]);
}

#[test]
fn a_crate_has_one_test_program() {
    let package = manifest("a", "");
    let one =
        [("a/Cargo.toml", package.as_str()), ("a/tests/x/main.rs", ""), ("a/tests/x/y.rs", "")];
    assert!(found(code::test_programs, &one).is_empty());
    let two = [one[0], one[1], ("a/tests/z.rs", "")];
    assert_eq!(found(code::test_programs, &two), ["a/tests/z.rs:1"]);
}

#[test]
fn the_ratchet_only_falls() {
    let long = "x\n".repeat(501);
    for (ratchet, is_allowed) in [
        ("", false),
        ("501 a.rs", true),
        ("500 a.rs", false),
        ("502 a.rs", false),
        ("501 a.rs\n600 b.rs", false),
        ("many a.rs", false),
    ] {
        let files = [("a.rs", long.as_str()), (files::RATCHET, ratchet)];
        assert_eq!(found(files::lengths, &files).is_empty(), is_allowed, "{ratchet}");
    }
    assert_eq!(found(files::lengths, &[("a.rs", "x"), (files::RATCHET, "501 a.rs")]), ["a.rs:1"]);
}

#[test]
fn files_that_nobody_names_are_found() {
    let files = [
        ("crates/a/src/lib.rs", "#[template(path = \"portal/page.html\")]"),
        ("crates/a/templates/portal/page.html", "{% include \"box.html\" %}"),
        ("crates/a/templates/portal/box.html", ""),
        ("crates/a/templates/portal/old.html", ""),
        ("crates/a/assets/old.css", ""),
    ];
    let dead = ["crates/a/assets/old.css:1", "crates/a/templates/portal/old.html:1"];
    assert_eq!(found(files::dead, &files), dead);
}

#[test]
fn folders_of_one_machine_are_found() {
    for (begin, is_found) in
        [("", true), ("see `", true), ("src", false), ("https://example.org", false)]
    {
        let line = format!("{begin}{}ana/x", concat!("/ho", "me/"));
        assert_eq!(
            found(files::machine_paths, &[("a.md", &line)]).len(),
            usize::from(is_found),
            "{line}"
        );
    }
}

#[test]
fn pages_lead_somewhere_and_are_led_to() {
    let files = [
        (
            "README.md",
            "[a](docs/a.md#one-two) [b](docs/gone.md) `[c](x.md)` [d](https://example.org)",
        ),
        ("docs/a.md", "# One, two\n[up](../README.md)\n[no](#three)\n[out](../../x.md)"),
        ("docs/orphan.md", "[self](orphan.md)"),
    ];
    assert_eq!(found(prose::links, &files), ["README.md:1", "docs/a.md:3", "docs/a.md:4"]);
    assert_eq!(found(prose::orphans, &files), ["docs/orphan.md:1"]);
}

#[test]
fn commands_that_are_spoken_of_exist() {
    let cli = "#[derive(Subcommand)]\nenum Command {\n    /// Starts.\n    Serve(Options),\n    KeyRing {\n        a: u8,\n    },\n}\n";
    let page = "Start with `sayso serve --port 1`, or `PROGRAM run`.\nsayso key-ring\nPROGRAM fly --json\nsayso is nice, and small.\n`TASKS fly`";
    // This file is looked at as well, so the wrong ones stand here in disguise.
    let page = page.replace("PROGRAM", "sayso").replace("TASKS", "cargo xtask");
    let task = "#[derive(Subcommand)]\nenum Task {\n    Tidy,\n}\n";
    let files =
        [("crates/sayso/src/cli.rs", cli), ("README.md", &page), ("xtask/src/main.rs", task)];
    assert_eq!(found(prose::commands, &files), ["README.md:1", "README.md:3", "README.md:5"]);
}

#[test]
fn the_page_of_limits_says_what_the_code_says() {
    let package = manifest("sayso-a", "");
    let code = "/// Longest body,\n/// in bytes.\npub const BODY_BYTES_MAX: usize = 1 << 20;\npub const UNSAID_MAX: usize = 1;\n";
    let mark = "<!-- generated by `cargo xtask tidy --bless` -->";
    let page = |value: &str| {
        format!(
            "# Limits\n\n{mark}\n\n## sayso-a\n\n| limit | value | meaning |\n|---|--:|---|\n\
             | `BODY_BYTES_MAX` | {value} | Longest body, in bytes. |\n"
        )
    };
    for (value, findings) in [("1,048,576 (1 MiB)", 0), ("2,048", 1)] {
        let page = page(value);
        let files = [
            ("crates/a/Cargo.toml", package.as_str()),
            ("crates/a/src/b.rs", code),
            ("docs/reference/limits.md", page.as_str()),
        ];
        let found = found(limits::check, &files);
        assert_eq!(found.len(), findings, "{found:?}");
    }
}
