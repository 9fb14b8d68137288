//! What commands print: data on standard output, everything else on standard error.

use std::io::{self, Write};

use anyhow::Result;
use comfy_table::{ContentArrangement, Table, presets::UTF8_FULL_CONDENSED};
use serde_json::Value;

/// Prints for people or for machines.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Output {
    pub(crate) json: bool,
}

impl Output {
    /// A line of text.
    pub(crate) fn line(self, text: impl std::fmt::Display) -> Result<()> {
        write(&format!("{text}\n"))
    }

    /// A value: as JSON if machines read, else as `show` writes it.
    pub(crate) fn value(self, value: &Value, show: impl FnOnce(&Value) -> String) -> Result<()> {
        if self.json { self.line(value) } else { self.line(show(value).trim_end()) }
    }

    /// Something about the work, not its result.
    pub(crate) fn note(self, text: impl std::fmt::Display) {
        let _ = writeln!(io::stderr(), "{text}");
    }
}

/// Writes to standard output. A reader that has seen enough is no error.
pub(crate) fn write(text: &str) -> Result<()> {
    match io::stdout().write_all(text.as_bytes()).and_then(|()| io::stdout().flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => std::process::exit(0),
        other => Ok(other?),
    }
}

/// A table with a head.
pub(crate) fn table(head: &[&str], rows: impl IntoIterator<Item = Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(UTF8_FULL_CONDENSED).set_content_arrangement(ContentArrangement::Dynamic);
    table.set_header(head.to_vec());
    for row in rows {
        table.add_row(row);
    }
    table.to_string()
}

/// The fields of an object, one a line.
pub(crate) fn fields(value: &Value) -> String {
    let Some(object) = value.as_object() else { return text(value) };
    let width = object.keys().map(String::len).max().unwrap_or(0);
    object.iter().map(|(name, value)| format!("{name:width$}  {}\n", text(value))).collect()
}

/// A value without quotes.
pub(crate) fn text(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        Value::Array(values) => values.iter().map(text).collect::<Vec<_>>().join(", "),
        other => other.to_string(),
    }
}

/// A field of an object, as text.
pub(crate) fn field(value: &Value, name: &str) -> String {
    value.get(name).map(text).unwrap_or_default()
}

/// A scope in one line: `marketing.offers × email`.
pub(crate) fn scope(value: &Value) -> String {
    let Some(object) = value.as_object().filter(|object| !object.is_empty()) else {
        return "everything".into();
    };
    let dimension = |(name, value): (&String, &Value)| format!("{name}={}", text(value));
    object.iter().map(dimension).collect::<Vec<_>>().join(" ")
}
