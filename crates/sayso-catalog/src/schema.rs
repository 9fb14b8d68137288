//! The published JSON Schema: derived from the types, made stricter where the types cannot say it.

use sayso_consent::{Catalog, id::ID_BYTES_MAX};
use serde_json::{Map, Value, json};

/// Where the schema is published.
pub const SCHEMA_ID: &str = "https://sayso.dev/schema/catalog-1.json";
/// Most entries of one section, such as activities.
pub const ENTRIES_MAX: usize = 1_000;
/// Most items of one list, such as the data of an activity.
pub const LIST_MAX: usize = 200;

/// The sections: mappings from an id to what is declared under it.
pub(crate) const SECTIONS: [&str; 9] = [
    "namespaces",
    "data",
    "purposes",
    "recipients",
    "channels",
    "device_types",
    "notices",
    "activities",
    "promises",
];

/// A node of the catalog; with a slash, one device.
const ID_PATTERN: &str = r"^[a-z0-9_-]+(\.[a-z0-9_-]+)*(/[A-Za-z0-9._:-]+)?$";
/// A node that a catalog declares: no single device.
const KEY_PATTERN: &str = r"^[a-z0-9_-]+(\.[a-z0-9_-]+)*$";
/// A language tag (BCP 47), as far as catalogs use them.
const LANGUAGE_PATTERN: &str = "^[a-z]{2,3}(-[A-Za-z0-9]{2,8})*$";

/// The JSON Schema (2020-12) of a catalog.
pub fn schema() -> Value {
    let mut schema = schemars::schema_for!(Catalog).to_value();
    tidy(&mut schema);
    set(&mut schema, "", json!({ "$id": SCHEMA_ID, "title": "Sayso catalog" }));
    set(&mut schema, "/properties/sayso", json!({ "const": 1 }));
    set(&mut schema, "/properties/languages", json!({ "minItems": 1, "uniqueItems": true }));
    set(&mut schema, "/properties/languages/items", json!({ "pattern": LANGUAGE_PATTERN }));
    set(&mut schema, "/properties/notices/additionalProperties", json!({ "minItems": 1 }));
    for section in SECTIONS {
        let names = json!({ "pattern": KEY_PATTERN, "maxLength": ID_BYTES_MAX });
        let limits = json!({ "propertyNames": names, "maxProperties": ENTRIES_MAX });
        set(&mut schema, &format!("/properties/{section}"), limits);
    }
    set(&mut schema, "/$defs/Id", json!({ "pattern": ID_PATTERN, "maxLength": ID_BYTES_MAX }));
    for list in ["data", "recipients", "channels"] {
        set(
            &mut schema,
            &format!("/$defs/Activity/properties/{list}"),
            json!({ "uniqueItems": true }),
        );
    }
    for list in
        ["Activity/properties/data", "Activity/properties/recipients", "Promise/properties/never"]
    {
        set(&mut schema, &format!("/$defs/{list}"), json!({ "minItems": 1 }));
    }
    let version = json!({ "minimum": 1, "maximum": u32::MAX });
    set(&mut schema, "/$defs/NoticeVersion/properties/version", version);
    schema
}

/// Adds keywords to the schema at a pointer.
fn set(schema: &mut Value, pointer: &str, keywords: Value) {
    let target = schema.pointer_mut(pointer).and_then(Value::as_object_mut);
    if let (Some(target), Value::Object(keywords)) = (target, keywords) {
        target.extend(keywords);
    }
}

/// Takes out what only the types need, all the way down: the null of an optional field (what is
/// not wanted is left out; an empty `data:` in a promise must not come to mean *any* data), and
/// the names of Rust's integers. Bounds every list.
fn tidy(schema: &mut Value) {
    match schema {
        Value::Object(keywords) => {
            keywords.values_mut().for_each(tidy);
            without_null(keywords);
            if keywords.get("format").is_some_and(|format| format == "uint32") {
                keywords.remove("format");
            }
            if keywords.get("type").is_some_and(|kind| kind == "array") {
                keywords.insert("maxItems".into(), LIST_MAX.into());
            }
        }
        Value::Array(items) => items.iter_mut().for_each(tidy),
        _ => {}
    }
}

fn without_null(keywords: &mut Map<String, Value>) {
    if let Some(Value::Array(kinds)) = keywords.get_mut("type") {
        kinds.retain(|kind| kind != "null");
        if let [kind] = &kinds[..] {
            let kind = kind.clone();
            keywords.insert("type".into(), kind);
        }
    }
    let Some(Value::Array(options)) = keywords.get_mut("anyOf") else { return };
    options.retain(|option| option.get("type").is_none_or(|kind| kind != "null"));
    if let [Value::Object(option)] = &options[..] {
        let option = option.clone();
        keywords.remove("anyOf");
        keywords.extend(option);
    }
}
