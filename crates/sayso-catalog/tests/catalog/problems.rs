//! One thing wrong each: where it is reported, and in which words.

use super::sample::{SMALL, run_cases, small_by, small_with};

/// The problems of a text that has some.
fn problems(text: &str) -> Vec<String> {
    shown(&sayso_catalog::read(text, "f").expect_err("the catalog has a problem"))
}

/// Problems, one a line, without the file.
fn shown(problems: &[sayso_catalog::Problem]) -> Vec<String> {
    problems.iter().map(|problem| problem.to_string()[2..].replace("\n  hint: ", " | ")).collect()
}

/// The problems of a case, each on a line and its hint on the next; without the place if it is the
/// one that the case marks.
fn found(replacement: &str) -> Vec<String> {
    let marked = small_by(replacement);
    let mark = marked.split_once('§').map(|(before, _)| {
        let (line, last) =
            (before.split('\n').count(), before.rsplit('\n').next().unwrap_or_default());
        format!("{line}:{}: ", last.chars().count() + 1)
    });
    let problems = sayso_catalog::read(&marked.replace('§', ""), "f").err().unwrap_or_default();
    let lines = problems.iter().flat_map(|problem| {
        let shown = problem.to_string()[2..].to_owned();
        let shown = match &mark {
            Some(mark) => shown.strip_prefix(mark).map(str::to_owned).unwrap_or(shown),
            None => format!("@{shown}"),
        };
        shown.split("\n  ").map(str::to_owned).collect::<Vec<_>>()
    });
    lines.collect()
}

#[test]
fn one_thing_wrong_each() {
    run_cases(include_str!("problems.txt"), 50, found);
}

#[test]
fn sensitive_data_has_no_legitimate_interests() {
    let interests = SMALL
        .replace("data: [contact]", "data: [contact, voice]")
        .replace("consent", "legitimate_interests")
        .replace("data: voice }", "data: voice, channel: call }");
    assert_eq!(
        problems(&interests),
        ["28:21: activity `offers` uses `voice`, which is sensitive, \
             on legitimate interests | ask for consent, or leave this data out"]
    );
}

#[test]
fn what_is_not_a_tree() {
    for (text, problem) in [
        ("", "1:1: the catalog is empty | start it with `sayso: 1`"),
        ("# nothing\n", "1:1: the catalog is empty | start it with `sayso: 1`"),
        ("a: &x 1", "1:4: an anchor is not read here | write the value out where it is needed"),
        (
            "a: *x",
            "1:4: this is not YAML: while parsing node, found unknown anchor \
             | look for a missing quote, bracket or colon here or on the line before",
        ),
        ("a: !!str 1", "1:4: a tag is not read here | remove what begins with `!`"),
        ("? [a]\n: 1", "1:3: a key is a list or a mapping | a key is a plain word"),
    ] {
        assert_eq!(problems(text), [problem], "{text}");
    }
    let second = problems(&format!("{SMALL}---\n{SMALL}"));
    assert!(second[0].starts_with("39:1: a second document begins"), "{second:?}");
    let deep = problems(&"[".repeat(100));
    assert!(deep[0].contains("nested more than 32 deep"), "{deep:?}");
    let long = problems(&" ".repeat(sayso_catalog::BYTES_MAX + 1));
    assert!(long[0].contains("at most 1048576 are read"), "{long:?}");
}

#[test]
fn every_problem_is_reported_at_once_in_order() {
    let text = SMALL
        .replace("kind: processor", "kind: procesor, colour: red")
        .replace("purpose: marketing\n", "purpose: marketting\n")
        .replace("Europe/Berlin", "Mars")
        .replace("2 years", "soon");
    let found = problems(&text);
    let lines: Vec<&str> = found.iter().map(|problem| problem.split(':').next().unwrap()).collect();
    assert_eq!(lines, ["4", "15", "15", "27", "32"], "{found:#?}");
}

#[test]
fn problems_name_their_place_for_programs() {
    let found = sayso_catalog::read(&small_with("data: [contact]", "data: [x]"), "f").unwrap_err();
    let json = serde_json::to_value(&found[0]).unwrap();
    assert_eq!(json["path"], "/activities/offers/data/0");
    assert_eq!(
        (&json["line"], &json["column"], &json["file"]),
        (&28.into(), &12.into(), &"f".into())
    );
}

#[test]
fn more_problems_than_anyone_reads_are_counted() {
    let devices: String =
        (0..700).map(|number| format!("  d{number}: {{ title: {{}} }}\n")).collect();
    let found = problems(&small_with("device_types:\n", &format!("device_types:\n{devices}")));
    assert_eq!(found.len(), sayso_catalog::PROBLEMS_MAX + 1);
    assert!(found.last().unwrap().ends_with("200 more problems are not shown"));
}
