//! Import files as they come out of old systems.

use super::property::{
    ask::ask,
    samples::{self, Sample},
    world::World,
};

fn import(media_type: &'static str) -> Sample {
    let is_wanted =
        |sample: &Sample| sample.path == "/v1/imports" && sample.media_type == media_type;
    samples::all().into_iter().find(is_wanted).unwrap()
}

/// Sends a file to an empty world: the status, the lines recorded, and the lines refused.
fn lines(media_type: &'static str, file: &[u8]) -> (u16, u64, Vec<u64>) {
    let world = World::new();
    let answer = ask(&world, import(media_type).with(file.to_vec()));
    let json = answer.json();
    let refused = json["refused"].as_array().into_iter().flatten();
    let refused = refused.map(|line| line["line"].as_u64().unwrap()).collect();
    (answer.status, json["recorded"].as_u64().unwrap_or(0), refused)
}

#[test]
fn csv_files_are_taken_line_by_line() {
    for (name, file, expected) in [
        ("good", "email,effect,purpose\nben@example.org,denial,marketing\n", (200, 1, vec![])),
        ("a byte order mark", "\u{feff}email,effect\nben@example.org,denial\n", (200, 1, vec![])),
        ("CRLF", "email,effect\r\nben@example.org,denial\r\n", (200, 1, vec![])),
        ("no end of line", "email,effect\nben@example.org,denial", (200, 1, vec![])),
        (
            "quotes",
            "email,effect,reference\nben@example.org,denial,\"a, \"\"b\"\"\nc\"\n",
            (200, 1, vec![]),
        ),
        (
            "a field too few",
            "email,effect\nben@example.org\ncy@example.org,denial\n",
            (200, 1, vec![2]),
        ),
        ("a field too many", "email,effect\nben@example.org,denial,x\n", (200, 0, vec![2])),
        ("an open quote", "email,effect\n\"ben@example.org,denial\n", (200, 0, vec![2])),
        ("empty", "", (200, 0, vec![])),
        ("columns only", "email,effect\n", (200, 0, vec![])),
        ("a column twice", "email,email\nben@example.org,cy@example.org\n", (400, 0, vec![])),
        ("semicolons", "email;effect\nben@example.org;denial\n", (200, 0, vec![2])),
        ("the other word", "email,effect\nben@example.org,deny\n", (200, 1, vec![])),
        ("an unknown effect", "email,effect\nben@example.org,perhaps\n", (200, 0, vec![2])),
        (
            "an unknown purpose",
            "email,effect,purpose\nben@example.org,denial,nothing\n",
            (200, 0, vec![2]),
        ),
        ("an unknown column", "email,shoe\nben@example.org,44\n", (200, 0, vec![2])),
        ("nobody", "email,effect\n,denial\n", (200, 0, vec![2])),
        ("half a notice", "email,effect,notice\nben@example.org,grant,offers\n", (200, 0, vec![2])),
        ("NUL", "email,effect\nben\0@example.org,denial\n", (200, 0, vec![2])),
        (
            "a huge number",
            "email,effect,notice,notice_version\nben@example.org,grant,offers,99999999999999\n",
            (200, 0, vec![2]),
        ),
    ] {
        assert_eq!(lines("text/csv", file.as_bytes()), expected, "{name}");
    }
    let not_utf8 = b"email,effect\nben\xff@example.org,denial\ncy@example.org,denial\n";
    assert_eq!(lines("text/csv", not_utf8), (200, 1, vec![2]));
    assert_eq!(lines("text/csv", b"em\xffail,effect\nben@example.org,denial\n").0, 400);
}

#[test]
fn a_bad_field_is_named_with_what_its_column_holds() {
    for (column, value, words) in [
        ("effect", "perhaps", "column `effect` holds `grant` or `denial`"),
        ("until", "tomorrow", "column `until` holds a moment, as in `2026-01-31T00:00:00Z`"),
        ("is_active", "perhaps", "column `is_active` holds `true` or `false`"),
        ("purpose", "No Purpose", "column `purpose` holds a purpose of the catalog"),
    ] {
        let file = format!("email,{column}\nben@example.org,{value}\n");
        let answer = ask(&World::new(), import("text/csv").with(file.into_bytes())).json();
        let said = answer["refused"][0]["message"].as_str().unwrap();
        assert!(said == words && !said.contains(value), "{said}");
    }
}

#[test]
fn ndjson_files_are_taken_line_by_line() {
    let ben = r#"{"identifiers":{"email":"ben@example.org"}}"#;
    for (name, file, expected) in [
        ("good", format!("{ben}\n"), (200, 1, vec![])),
        ("empty", String::new(), (200, 0, vec![])),
        ("empty lines", format!("\n\n{ben}\n\r\n"), (200, 1, vec![])),
        ("a bad line", format!("{{\n{ben}\n[]\n"), (200, 1, vec![1, 3])),
        ("two on a line", format!("{ben}{ben}\n"), (200, 0, vec![1])),
        ("an unknown field", r#"{"identifiers":{},"shoe":44}"#.to_owned(), (200, 0, vec![1])),
        ("nobody", r#"{"identifiers":{}}"#.to_owned(), (200, 0, vec![1])),
        (
            "a key twice",
            r#"{"identifiers":{"crm":"1"},"identifiers":{"crm":"2"}}"#.to_owned(),
            (200, 0, vec![1]),
        ),
        (
            "a namespace twice",
            r#"{"identifiers":{"crm":"1","crm":"2"}}"#.to_owned(),
            (200, 0, vec![1]),
        ),
        ("deep", format!("{}\n{ben}\n", "[".repeat(100_000)), (200, 1, vec![1])),
    ] {
        assert_eq!(lines("application/x-ndjson", file.as_bytes()), expected, "{name}");
    }
    assert_eq!(
        lines("application/x-ndjson", b"{\"identifiers\":{\"crm\":\"\xff\"}}"),
        (200, 0, vec![1])
    );
}

#[test]
fn too_many_lines_are_refused_as_a_whole() {
    let line = "{\"identifiers\":{\"crm\":\"1\"}}\n";
    let file = line.repeat(10_001);
    assert_eq!(lines("application/x-ndjson", file.as_bytes()), (413, 0, vec![]));
    let file = format!("crm\n{}", "1\n".repeat(10_001));
    assert_eq!(lines("text/csv", file.as_bytes()), (413, 0, vec![]));
}

/// What an import says about a file that it cannot read is kept by others, such as in a log.
#[test]
fn what_was_sent_is_not_said_again() {
    const NUMBER: &str = "4915112345678";
    for (media_type, file) in [
        ("text/csv", format!("{NUMBER},{NUMBER}\n{NUMBER},x\n")),
        ("text/csv", format!("email,{NUMBER}\nben@example.org,{NUMBER}\n")),
        (
            "application/x-ndjson",
            format!(r#"{{"identifiers":{{"email":"b@example.org"}},"{NUMBER}":1}}"#),
        ),
        ("application/x-ndjson", format!(r#"{{"identifiers":{{"{NUMBER}":"{NUMBER}"}}}}"#)),
        (
            "application/x-ndjson",
            format!(r#"{{"identifiers":{{"crm":"1"}},"choices":[{{"effect":"{NUMBER}"}}]}}"#),
        ),
        (
            "application/x-ndjson",
            format!(r#"{{"identifiers":{{"crm":"1"}},"is_active":"expected {NUMBER} at line "}}"#),
        ),
        (
            "application/x-ndjson",
            format!(r#"{{"identifiers":{{"crm":"1"}},"x`, expected {NUMBER}":1}}"#),
        ),
    ] {
        let world = World::new();
        let answer = ask(&world, import(media_type).with(file.clone().into_bytes()));
        assert!(!answer.text().contains(NUMBER), "{file}: {}", answer.text());
        let is_refused = answer.status == 400 || answer.json()["refused"][0].is_object();
        assert!(is_refused, "{file}: {}", answer.text());
    }
}
