//! The published schema is the schema that catalogs are checked with.

use std::path::PathBuf;

#[test]
fn the_published_schema_is_current() {
    let path: PathBuf =
        [env!("CARGO_MANIFEST_DIR"), "../../docs/reference/catalog.schema.json"].iter().collect();
    let current = format!("{}\n", serde_json::to_string_pretty(&sayso_catalog::schema()).unwrap());
    if std::env::var_os("SAYSO_BLESS").is_some() {
        std::fs::write(&path, &current).unwrap();
    }
    let published = std::fs::read_to_string(&path).unwrap();
    assert!(published == current, "run the tests once with SAYSO_BLESS=1 and commit the schema");
}

#[test]
fn the_schema_is_a_schema_and_takes_the_sample() {
    let schema = sayso_catalog::schema();
    assert!(jsonschema::meta::is_valid(&schema));
    assert_eq!(schema["$id"], sayso_catalog::SCHEMA_ID);
    let catalog = serde_json::to_value(super::sample::read(super::sample::HEARTH)).unwrap();
    assert!(jsonschema::is_valid(&schema, &catalog));
}

#[test]
fn every_section_is_bounded() {
    let schema = sayso_catalog::schema();
    let properties = schema["properties"].as_object().unwrap();
    for (name, section) in properties {
        if section["type"] == "object" {
            assert_eq!(section["maxProperties"], sayso_catalog::ENTRIES_MAX, "{name}");
            assert!(section["propertyNames"]["pattern"].is_string(), "{name}");
        }
    }
    let text = schema.to_string();
    assert!(!text.contains("null"), "nothing optional may be written as null");
}
