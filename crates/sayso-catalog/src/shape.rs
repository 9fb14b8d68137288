//! The schema's complaints in plain words, each at its line.

use std::sync::OnceLock;

use jsonschema::{ValidationError, Validator, error::ValidationErrorKind};
use serde_json::Value;

use crate::{
    problem::Problems,
    schema::schema,
    tree::At,
    tree::Node,
    words::{did_you_mean, list},
};

/// The schema and what checks it, made once.
struct Shape {
    schema: Value,
    validator: Option<Validator>,
}

fn shape() -> &'static Shape {
    static SHAPE: OnceLock<Shape> = OnceLock::new();
    SHAPE.get_or_init(|| {
        let schema = schema();
        let validator = jsonschema::validator_for(&schema).ok();
        Shape { schema, validator }
    })
}

/// Reports whatever does not fit the schema, and takes unknown fields out of the value, so that
/// the rest of what they stand in can still be checked.
pub(crate) fn check(root: &Node, value: &mut Value, problems: &mut Problems) {
    let Shape { schema, validator: Some(validator) } = shape() else {
        return problems.add(root.place, "", "the schema of catalogs cannot be read", None);
    };
    let mut unknown = Vec::new();
    for error in validator.iter_errors(value) {
        let path = error.instance_path().to_string();
        if let ValidationErrorKind::AdditionalProperties { unexpected } = error.kind() {
            unknown.push((path.clone(), unexpected.clone()));
        }
        let Some(at) = At::root(root).find(&path).filter(|_| !problems.is_full()) else {
            problems.add(root.place, &path, "does not fit the schema", None);
            continue;
        };
        Complaint { error: &error, at, schema }.report(problems);
    }
    for (path, names) in unknown {
        if let Some(fields) = value.pointer_mut(&path).and_then(Value::as_object_mut) {
            names.iter().for_each(|name| drop(fields.remove(name)));
        }
    }
}

/// What the schema complains about, and where that stands.
struct Complaint<'a> {
    error: &'a ValidationError<'a>,
    at: At<'a>,
    schema: &'a Value,
}

impl Complaint<'_> {
    fn report(&self, problems: &mut Problems) {
        match self.error.kind() {
            ValidationErrorKind::AdditionalProperties { unexpected } => {
                unexpected.iter().for_each(|name| self.report_unknown(name, problems));
            }
            ValidationErrorKind::Required { property } => self.report_missing(property, problems),
            ValidationErrorKind::PropertyNames { error } => self.report_name(error, problems),
            _ => {
                let (message, hint) = self.about_value();
                problems.add(self.at.place(), &self.at.path, message, hint);
            }
        }
    }

    fn report_unknown(&self, name: &str, problems: &mut Problems) {
        let field = self.at.get(name);
        let place = field.map_or(self.at.place(), |field| field.key_place());
        let properties = self.rules().and_then(|rules| rules.get("properties")?.as_object());
        let known = || properties.into_iter().flat_map(|known| known.keys().map(String::as_str));
        let hint =
            did_you_mean(name, known()).unwrap_or_else(|| format!("known here: {}", list(known())));
        problems.add(place, &self.at.below(name), format!("unknown field `{name}`"), Some(hint));
    }

    fn report_missing(&self, property: &Value, problems: &mut Problems) {
        let name = property.as_str().unwrap_or_default();
        let meaning = self
            .rules()
            .and_then(|rules| rules.get("properties")?.get(name)?.get("description")?.as_str());
        let hint = meaning.map(|meaning| format!("`{name}`: {}", one_line(meaning)));
        let of = self.at.name();
        let message = if of.is_empty() {
            format!("`{name}` is missing")
        } else {
            format!("`{of}` has no `{name}`")
        };
        problems.add(self.at.key_place(), &self.at.path, message, hint);
    }

    fn report_name(&self, error: &ValidationError, problems: &mut Problems) {
        let name = error.instance().as_str().unwrap_or_default().to_owned();
        let place = self.at.get(&name).map_or(self.at.place(), |entry| entry.key_place());
        let hint = "an id is lower-case letters, digits, `-` and `_` in parts joined by dots, \
                    at most 128 bytes";
        problems.add(
            place,
            &self.at.below(&name),
            format!("`{}` is no id", shown(&name)),
            Some(hint.into()),
        );
    }

    /// What is wrong with a value, and what to do.
    fn about_value(&self) -> (String, Option<String>) {
        let text = self.error.instance().as_str().map(shown);
        let name = self.at.name();
        let named = || if name.is_empty() { "this".to_owned() } else { format!("`{name}`") };
        match self.error.kind() {
            ValidationErrorKind::Type { .. } => self.about_type(),
            ValidationErrorKind::OneOfNotValid { .. } => self.about_options(),
            ValidationErrorKind::Constant { expected_value } if name == "sayso" => (
                format!(
                    "`sayso` is the version of this format; \
                     this program reads version {expected_value}"
                ),
                Some(format!("write `sayso: {expected_value}`")),
            ),
            ValidationErrorKind::Pattern { pattern } => {
                let (what, hint) = about_pattern(pattern);
                (format!("`{}` is no {what}", text.unwrap_or_default()), Some(hint.to_owned()))
            }
            ValidationErrorKind::MinItems { .. } => {
                (format!("{} is an empty list", named()), Some("name at least one".into()))
            }
            ValidationErrorKind::MaxItems { limit } => {
                (format!("{} has too many items; at most {limit} are read", named()), None)
            }
            ValidationErrorKind::MaxProperties { limit } => {
                (format!("{} has too many entries; at most {limit} are read", named()), None)
            }
            ValidationErrorKind::UniqueItems => {
                (format!("{} names something twice", named()), Some("remove one of the two".into()))
            }
            ValidationErrorKind::Minimum { limit } => {
                (format!("{} is less than {limit}", named()), None)
            }
            ValidationErrorKind::Maximum { limit } => {
                (format!("{} is more than {limit}", named()), None)
            }
            ValidationErrorKind::MaxLength { limit } => {
                (format!("{} is longer than {limit} bytes", named()), None)
            }
            _ => (format!("{} does not fit: {}", named(), self.error.masked()), None),
        }
    }

    fn about_type(&self) -> (String, Option<String>) {
        let wanted = self.rules().and_then(|rules| rules.get("type")?.as_str()).unwrap_or_default();
        let found: &Value = self.error.instance();
        let name = self.at.name();
        let subject = if name.is_empty() { "this".to_owned() } else { format!("`{name}`") };
        let message = if found.is_null() {
            format!("{subject} is empty; it wants {}", noun(wanted))
        } else {
            format!("{subject} wants {}, not {}", noun(wanted), noun_of(found))
        };
        let is_text = wanted == "object"
            && self.rules().is_some_and(|rules| rules["additionalProperties"]["type"] == "string");
        let hint = match (wanted, found) {
            _ if found.is_null() => Some("give it a value or leave it out".to_owned()),
            ("string", Value::Number(_) | Value::Bool(_)) => {
                Some(format!("put it into quotes: `\"{found}\"`"))
            }
            ("array", Value::String(text)) => Some(format!("write a list: `[{}]`", shown(text))),
            ("object", Value::String(text)) if is_text => {
                Some(format!("write one text per language: `{{ en: \"{}\" }}`", shown(text)))
            }
            _ => None,
        };
        (message, hint)
    }

    /// A value that is none of the options of a closed list.
    fn about_options(&self) -> (String, Option<String>) {
        let rules = self.schema.pointer(&self.error.schema_path().to_string());
        let options: Vec<&str> = rules
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
            .filter_map(|option| option.get("const")?.as_str())
            .collect();
        let found = match self.error.instance().as_ref() {
            Value::String(text) => format!("`{}`", shown(text)),
            other => noun_of(other).to_owned(),
        };
        let message = format!(
            "`{}` is {found}, which is none of {}",
            self.at.name(),
            list(options.iter().copied())
        );
        let word = self.error.instance().as_str().unwrap_or_default();
        (message, did_you_mean(word, options))
    }

    /// The part of the schema that the failed keyword stands in.
    fn rules(&self) -> Option<&Value> {
        let path = self.error.schema_path().to_string();
        let (above, _keyword) = path.rsplit_once('/')?;
        self.schema.pointer(above)
    }
}

fn about_pattern(pattern: &str) -> (&'static str, &'static str) {
    match pattern {
        "^[A-Z]{2}$" => ("country", "two capital letters of ISO 3166-1, such as `DE`"),
        _ if pattern.contains("[0-5][0-9]") => {
            ("time of day", "write `HH:MM`, from `00:00` to `23:59`")
        }
        _ if pattern.contains("{2,3}") => ("language tag", "write it like `en` or `pt-BR`"),
        _ => ("id", "an id is lower-case letters, digits, `-` and `_` in parts joined by dots"),
    }
}

fn noun(kind: &str) -> &'static str {
    match kind {
        "string" => "a text",
        "array" => "a list",
        "object" => "a mapping",
        "boolean" => "`true` or `false`",
        "integer" => "a whole number",
        _ => "something else",
    }
}

fn noun_of(value: &Value) -> &'static str {
    match value {
        Value::Null => "nothing",
        Value::Bool(_) => "`true` or `false`",
        Value::Number(number) if number.is_f64() => "a fraction",
        Value::Number(_) => "a number",
        Value::String(_) => "a text",
        Value::Array(_) => "a list",
        Value::Object(_) => "a mapping",
    }
}

/// A text as far as a message shows it.
pub(crate) fn shown(text: &str) -> String {
    const CHARS_MAX: usize = 60;
    let mut shown: String =
        text.chars().take(CHARS_MAX).map(|c| if c.is_control() { ' ' } else { c }).collect();
    if text.chars().nth(CHARS_MAX).is_some() {
        shown.push('…');
    }
    shown
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ").trim_end_matches('.').to_owned()
}
