//! A schema as it is shown: nested lists. A reference is a link and is never followed, so a schema
//! that names itself is as finite as any other.

use askama::Template;
use serde_json::Value;

use super::read::{anchor, items, text};
use crate::words::Words;

/// Deepest nesting that is shown.
const DEPTH_MAX: usize = 24;

/// A schema.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Shape {
    /// Its type in short: `string · date-time`, `array`.
    pub kind: String,
    /// The named schema that it refers to: name and place on the page.
    pub refers_to: Option<(String, String)>,
    /// What it is.
    pub description: String,
    /// Its bounds: `maxLength: 256`.
    pub bounds: Vec<String>,
    /// The only values there are.
    pub values: Vec<String>,
    /// The fields of an object.
    pub fields: Vec<Field>,
    /// What each item of an array is.
    pub items: Option<Box<Shape>>,
    /// What each value of a map is.
    pub entries: Option<Box<Shape>>,
    /// It is one of these.
    pub one_of: Vec<Shape>,
    /// It is all of these.
    pub all_of: Vec<Shape>,
}

/// A field of an object.
#[derive(Clone, Debug, PartialEq)]
pub struct Field {
    /// Its name.
    pub name: String,
    /// Whether it has to be given.
    pub is_required: bool,
    /// Its schema.
    pub shape: Shape,
}

#[derive(Template)]
#[template(path = "docs/shape.html")]
struct ShapeHtml<'a> {
    words: &'static Words,
    shape: &'a Shape,
}

impl Shape {
    /// Reads a schema.
    pub fn of(schema: &Value) -> Self {
        Self::at(schema, 0)
    }

    pub(crate) fn render(&self, words: &'static Words) -> askama::Result<String> {
        ShapeHtml { words, shape: self }.render()
    }

    fn at(schema: &Value, depth: usize) -> Self {
        if depth > DEPTH_MAX {
            return Self { kind: "…".into(), ..Self::default() };
        }
        let below = |schema: &Value| Self::at(schema, depth + 1);
        let many = |key: &str| items(schema, key).iter().map(below).collect::<Vec<_>>();
        let one = |key: &str| schema.get(key).filter(|inner| inner.is_object());
        let mut one_of = many("oneOf");
        one_of.extend(many("anyOf"));
        Self {
            kind: kind(schema),
            refers_to: reference(schema),
            description: text(schema, "description"),
            bounds: bounds(schema),
            values: values(schema),
            fields: fields(schema, depth),
            items: one("items").map(|inner| Box::new(below(inner))),
            entries: one("additionalProperties").map(|inner| Box::new(below(inner))),
            one_of,
            all_of: many("allOf"),
        }
    }
}

/// The type with its format; several types are parted by a bar.
fn kind(schema: &Value) -> String {
    let types = match schema.get("type") {
        Some(Value::String(kind)) => kind.clone(),
        Some(Value::Array(kinds)) => {
            kinds.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" | ")
        }
        _ if schema.get("properties").is_some() => "object".into(),
        _ => String::new(),
    };
    match schema.get("format").and_then(Value::as_str) {
        Some(format) if !types.is_empty() => format!("{types} · {format}"),
        _ => types,
    }
}

fn reference(schema: &Value) -> Option<(String, String)> {
    let target = schema.get("$ref")?.as_str()?;
    let name = target.rsplit('/').next().unwrap_or(target);
    Some((name.to_owned(), anchor(&["schema", name])))
}

/// In the schema's own keywords, which need no translation.
fn bounds(schema: &Value) -> Vec<String> {
    const BOUNDS: [&str; 12] = [
        "minimum",
        "exclusiveMinimum",
        "maximum",
        "exclusiveMaximum",
        "minLength",
        "maxLength",
        "minItems",
        "maxItems",
        "maxProperties",
        "pattern",
        "default",
        "const",
    ];
    let written = |key: &&str| schema.get(*key).map(|value| format!("{key}: {}", scalar(value)));
    BOUNDS.iter().filter_map(written).collect()
}

fn values(schema: &Value) -> Vec<String> {
    items(schema, "enum").iter().map(scalar).collect()
}

fn scalar(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn fields(schema: &Value, depth: usize) -> Vec<Field> {
    let required = items(schema, "required");
    let Some(properties) = schema.get("properties").and_then(Value::as_object) else {
        return Vec::new();
    };
    let field = |(name, inner): (&String, &Value)| Field {
        name: name.clone(),
        is_required: required.iter().any(|known| known.as_str() == Some(name)),
        shape: Shape::at(inner, depth + 1),
    };
    properties.iter().map(field).collect()
}
