//! The reference page says what is so.

use super::sample::read;

const PAGE: &str = include_str!("../../../../docs/reference/catalog.md");

#[test]
fn the_examples_are_a_catalog() {
    let blocks = PAGE.split("```yaml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let catalog = read(&blocks.collect::<String>());
    assert_eq!(catalog.promises.len(), 1);
}

#[test]
fn every_field_and_limit_is_named() {
    let schema = sayso_catalog::schema();
    let tables = schema["$defs"].as_object().unwrap().values().chain([&schema]);
    for name in
        tables.filter_map(|table| table["properties"].as_object()).flat_map(|fields| fields.keys())
    {
        let is_named = PAGE.contains(&format!("{name}:")) || PAGE.contains(&format!("`{name}`"));
        assert!(is_named, "the page does not name `{name}`");
    }
    for (limit, row) in [
        (sayso_catalog::BYTES_MAX, "1 MiB (1,048,576 bytes)"),
        (sayso_catalog::DEPTH_MAX, "| nesting | 32 levels |"),
        (sayso_catalog::ENTRIES_MAX, "| entries of a section | 1,000 |"),
        (sayso_catalog::LIST_MAX, "| items of a list | 200 |"),
        (sayso_catalog::PROBLEMS_MAX, "500; the rest is counted"),
        (sayso_consent::id::ID_BYTES_MAX, "| an id | 128 bytes |"),
    ] {
        let digits = row.replace(',', "");
        assert!(PAGE.contains(row) && digits.contains(&limit.to_string()), "{row}: {limit}");
    }
}
