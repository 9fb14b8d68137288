//! What a change to a catalog is called.

use sayso_catalog::{Change, Kind, compare};
use sayso_consent::Catalog;

use super::sample::{HEARTH, SMALL, read, run_cases, small_by};

/// The changes of a case, one a line.
fn found(replacement: &str) -> Vec<String> {
    let changes = compare(Some(&read(SMALL)), &read(&small_by(replacement)));
    let line = |change: Change| {
        let kind = serde_json::to_value(change.kind).unwrap();
        let asks = if change.asks_again { ", asks again" } else { "" };
        format!("{}{asks} {}: {}", kind.as_str().unwrap(), change.path, change.summary)
    };
    changes.into_iter().map(line).collect()
}

#[test]
fn one_thing_changed_each() {
    run_cases(include_str!("compare.txt"), 20, found);
}

#[test]
fn the_first_catalog_adds_every_entry() {
    let catalog = read(HEARTH);
    let found = compare(None, &catalog);
    assert!(found.iter().all(|change| change.kind == Kind::Added && !change.asks_again));
    let entries = serde_json::to_value(&catalog).unwrap();
    let count: usize = entries
        .as_object()
        .unwrap()
        .iter()
        .filter(|(section, _)| *section != "organisation")
        .filter_map(|(_, section)| Some(section.as_object()?.len()))
        .sum();
    assert_eq!(found.len(), count);
    let mut sorted = found.clone();
    sorted.sort();
    assert_eq!(found, sorted);
}

#[test]
fn equal_catalogs_have_no_changes_and_others_have() {
    let catalog = read(HEARTH);
    assert_eq!(compare(Some(&catalog), &catalog), []);
    // Whatever single value of the catalog is taken out or replaced, some change says so.
    let whole = serde_json::to_value(&catalog).unwrap();
    let mut paths = Vec::new();
    leaves(&whole, String::new(), &mut paths);
    let mut read_back = 0;
    for path in paths {
        for value in [serde_json::json!("x"), serde_json::json!(true), serde_json::json!(7)] {
            let mut other = whole.clone();
            *other.pointer_mut(&path).unwrap() = value;
            let Ok(other) = serde_json::from_value::<Catalog>(other) else { continue };
            read_back += 1;
            assert_eq!(compare(Some(&catalog), &other).is_empty(), catalog == other, "{path}");
        }
    }
    assert!(read_back > 300, "{read_back}");
}

fn leaves(value: &serde_json::Value, path: String, paths: &mut Vec<String>) {
    match value {
        serde_json::Value::Object(entries) => {
            entries.iter().for_each(|(name, entry)| leaves(entry, format!("{path}/{name}"), paths));
        }
        serde_json::Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(at, item)| leaves(item, format!("{path}/{at}"), paths));
        }
        _ => paths.push(path),
    }
}
