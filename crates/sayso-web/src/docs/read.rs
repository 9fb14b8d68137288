//! Reads an OpenAPI 3.1 document into what the page shows. Whatever is missing or of an unexpected
//! type is shown as absent: a reference page must not fail over one odd operation.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

use super::{
    page::{Answer, Group, Operation, Page, Parameter, Sample, Section},
    shape::Shape,
};
use crate::frame::Frame;

const METHODS: [&str; 8] = ["get", "post", "put", "patch", "delete", "head", "options", "trace"];

impl Page {
    /// The reference of an OpenAPI 3.1 document, which itself is found at `openapi_href`.
    pub fn of(document: &Value, openapi_href: &str, frame: Frame) -> Self {
        let about = document.get("info").unwrap_or(&Value::Null);
        Self {
            title: text(about, "title"),
            version: text(about, "version"),
            description: text(about, "description"),
            groups: groups(document, frame.words().docs.other),
            schemas: schemas(document),
            openapi_href: openapi_href.to_owned(),
            frame,
        }
    }
}

/// A text field, or nothing.
pub(super) fn text(value: &Value, key: &str) -> String {
    value.get(key).and_then(Value::as_str).unwrap_or_default().to_owned()
}

/// A list field, or nothing.
pub(super) fn items<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value.get(key).and_then(Value::as_array).map_or(&[], Vec::as_slice)
}

fn entries<'a>(value: &'a Value, key: &str) -> impl Iterator<Item = (&'a String, &'a Value)> {
    value.get(key).and_then(Value::as_object).into_iter().flat_map(Map::iter)
}

/// A place on the page: letters, digits and dashes only, so that it is good in an address.
pub(super) fn anchor(parts: &[&str]) -> String {
    let joined = parts.join("-");
    let slug = joined.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '-' });
    slug.collect::<String>().trim_matches('-').to_owned()
}

/// Follows a reference within the document once; a reference to a reference is left as it is.
fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let target = value.get("$ref").and_then(Value::as_str);
    let pointer = target.and_then(|target| target.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn groups(document: &Value, other: &str) -> Vec<Group> {
    let operations = operations(document);
    let declared = items(document, "tags").iter().map(|tag| text(tag, "name"));
    let used = operations.iter().map(|(tag, _)| tag.clone());
    let mut seen = BTreeSet::new();
    let tags: Vec<String> = declared.chain(used).filter(|tag| seen.insert(tag.clone())).collect();
    let group = |tag: String| {
        let own = operations.iter().filter(|(of, _)| *of == tag);
        let operations: Vec<_> = own.map(|(_, operation)| operation.clone()).collect();
        let title = if tag.is_empty() { other.to_owned() } else { tag.clone() };
        Group {
            anchor: anchor(&["tag", &title]),
            description: about(document, &tag),
            title,
            operations,
        }
    };
    tags.into_iter().map(group).filter(|group| !group.operations.is_empty()).collect()
}

fn about(document: &Value, tag: &str) -> String {
    let tags = items(document, "tags").iter();
    let own = tags.filter(|known| text(known, "name") == tag);
    own.map(|known| text(known, "description")).next().unwrap_or_default()
}

/// Every operation with its first tag, in the document's order.
fn operations(document: &Value) -> Vec<(String, Operation)> {
    let mut found = Vec::new();
    for (path, item) in entries(document, "paths") {
        for method in METHODS {
            if let Some(declared) = item.get(method) {
                let tag =
                    items(declared, "tags").first().and_then(Value::as_str).unwrap_or_default();
                found.push((tag.to_owned(), operation(document, path, item, method, declared)));
            }
        }
    }
    found
}

fn operation(
    document: &Value,
    path: &str,
    item: &Value,
    method: &str,
    declared: &Value,
) -> Operation {
    let parameters = items(item, "parameters").iter().chain(items(declared, "parameters"));
    let body = resolved(document, declared.get("requestBody").unwrap_or(&Value::Null));
    let is_true = |value: &Value, key: &str| value.get(key) == Some(&Value::Bool(true));
    Operation {
        anchor: anchor(&["operation", method, path]),
        method: method.to_ascii_uppercase(),
        path: path.to_owned(),
        summary: text(declared, "summary"),
        description: text(declared, "description"),
        is_deprecated: is_true(declared, "deprecated"),
        needs: needs(document, declared),
        parameters: parameters.map(|value| parameter(resolved(document, value))).collect(),
        body: samples(body),
        is_body_required: is_true(body, "required"),
        answers: entries(declared, "responses")
            .map(|(status, value)| answer(status, resolved(document, value)))
            .collect(),
    }
}

/// The names of the security schemes; an operation's own word replaces the document's.
fn needs(document: &Value, declared: &Value) -> Vec<String> {
    let own = declared.get("security").and_then(Value::as_array);
    let schemes = own.map_or_else(|| items(document, "security"), Vec::as_slice);
    let names = schemes.iter().filter_map(Value::as_object).flat_map(Map::keys);
    names.cloned().collect::<BTreeSet<_>>().into_iter().collect()
}

fn parameter(declared: &Value) -> Parameter {
    let place = text(declared, "in");
    Parameter {
        name: text(declared, "name"),
        is_required: place == "path" || declared.get("required") == Some(&Value::Bool(true)),
        place,
        description: text(declared, "description"),
        shape: Shape::of(declared.get("schema").unwrap_or(&Value::Null)),
    }
}

fn answer(status: &str, declared: &Value) -> Answer {
    Answer {
        status: status.to_owned(),
        description: text(declared, "description"),
        bodies: samples(declared),
    }
}

fn samples(holder: &Value) -> Vec<Sample> {
    let sample = |(media_type, content): (&String, &Value)| Sample {
        media_type: media_type.clone(),
        shape: content.get("schema").map(Shape::of),
        examples: examples(content),
    };
    entries(holder, "content").map(sample).collect()
}

/// The examples of a body, else those of its schema.
fn examples(content: &Value) -> Vec<(String, String)> {
    let mut found: Vec<_> =
        content.get("example").map(|value| (String::new(), written(value))).into_iter().collect();
    let named = entries(content, "examples")
        .filter_map(|(name, example)| Some((name.clone(), written(example.get("value")?))));
    found.extend(named);
    if found.is_empty() {
        let schema = content.get("schema").unwrap_or(&Value::Null);
        let own = schema.get("example").into_iter().chain(items(schema, "examples"));
        found.extend(own.map(|value| (String::new(), written(value))));
    }
    found
}

fn written(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        value => serde_json::to_string_pretty(value).unwrap_or_default(),
    }
}

fn schemas(document: &Value) -> Vec<Section> {
    let components = document.get("components").unwrap_or(&Value::Null);
    let section = |(name, schema): (&String, &Value)| Section {
        name: name.clone(),
        anchor: anchor(&["schema", name]),
        shape: Shape::of(schema),
    };
    entries(components, "schemas").map(section).collect()
}
