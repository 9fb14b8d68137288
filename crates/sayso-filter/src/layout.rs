//! What is asked for, held against the columns that a file has.

use std::sync::Arc;

use arrow_schema::{DataType, Field, Schema, SchemaRef};
use sayso_consent::Id;

use crate::{fault::Fault, spec::Spec};

/// What becomes of a column.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Use {
    /// It says whom the row is about, and stays where something else does: a list of identifiers
    /// with nothing beside them is a list of those who said no.
    Identifies,
    /// It passes as the rule says of this data: the place among what is mapped.
    Asked(usize),
    /// It passes.
    Passes,
    /// It is blank.
    Redacted,
}

/// The columns of a file and what becomes of each.
#[derive(Clone, Debug)]
pub struct Layout {
    /// Which column says whom a row is about.
    pub id: usize,
    /// What becomes of each column.
    pub uses: Vec<Use>,
    /// The data of each mapped column.
    pub data: Vec<Id>,
    /// The columns that come out.
    pub schema: SchemaRef,
    /// Whether rows go in which nothing is left.
    pub drop_rows: bool,
}

impl Layout {
    /// Holds a spec against the columns of a file.
    ///
    /// # Errors
    /// A column is missing, stands twice, is not mapped or cannot be worked on.
    pub fn new(schema: &Schema, spec: &Spec) -> Result<Self, Fault> {
        if spec.columns.is_empty() {
            return Err(Fault::NothingMapped);
        }
        let id = find(schema, &spec.id)?;
        if !holds_identifiers(schema.field(id).data_type()) {
            return Err(Fault::NotIdentifiers(spec.id.clone()));
        }
        let uses = uses(schema, spec, id)?;
        let fields = schema.fields().iter().zip(&uses);
        let fields = fields.map(|(field, used)| blankable(field, used));
        let fields = fields.collect::<Result<Vec<_>, _>>()?;
        // What describes the file as a whole may repeat values of it, and is left behind.
        let schema = Arc::new(Schema::new(fields));
        let data = spec.columns.iter().map(|mapped| mapped.data.clone()).collect();
        Ok(Self { id, uses, data, schema, drop_rows: spec.drop_rows })
    }
}

fn uses(schema: &Schema, spec: &Spec, id: usize) -> Result<Vec<Use>, Fault> {
    let mut uses: Vec<Option<Use>> = vec![None; schema.fields().len()];
    for (place, mapped) in spec.columns.iter().enumerate() {
        let column = &mut uses[find(schema, &mapped.column)?];
        if column.replace(Use::Asked(place)).is_some() {
            return Err(Fault::MappedTwice(mapped.column.clone()));
        }
    }
    uses[id].get_or_insert(Use::Identifies);
    let unmapped: Vec<usize> = (0..uses.len()).filter(|at| uses[*at].is_none()).collect();
    if !unmapped.is_empty() && !spec.keep_unmapped {
        return Err(Fault::Unmapped(names(schema, &unmapped)));
    }
    let mut uses: Vec<_> = uses.into_iter().map(|used| used.unwrap_or(Use::Passes)).collect();
    for (used, field) in uses.iter_mut().zip(schema.fields()) {
        if spec.redact.contains(field.name()) {
            *used = Use::Redacted;
        }
    }
    Ok(uses)
}

fn find(schema: &Schema, name: &str) -> Result<usize, Fault> {
    let fields = schema.fields().iter().enumerate();
    let mut found = fields.filter(|(_, field)| field.name() == name).map(|(at, _)| at);
    match (found.next(), found.next()) {
        (Some(at), None) => Ok(at),
        (None, _) => Err(Fault::NoColumn(name.to_owned())),
        _ => Err(Fault::TwoColumns(name.to_owned())),
    }
}

/// The names of columns. A CSV without a head has somebody's data in its place: what does not look
/// like a name is called by its number.
fn names(schema: &Schema, columns: &[usize]) -> String {
    let name = |at: &usize| {
        let name = schema.field(*at).name();
        let is_plain =
            |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-' | b'.');
        let is_name = name.starts_with(|c: char| c.is_ascii_alphabetic());
        if is_name && name.len() <= 64 && name.bytes().all(is_plain) {
            format!("`{name}`")
        } else {
            format!("number {}", at + 1)
        }
    };
    columns.iter().map(name).collect::<Vec<_>>().join(", ")
}

fn holds_identifiers(kind: &DataType) -> bool {
    match kind {
        DataType::Utf8 | DataType::LargeUtf8 | DataType::Utf8View => true,
        DataType::Dictionary(_, values) => holds_identifiers(values),
        kind => kind.is_integer(),
    }
}

/// A column as it comes out: one that can be blank, unless it passes.
fn blankable(field: &Field, used: &Use) -> Result<Field, Fault> {
    if *used == Use::Passes {
        return Ok(field.clone());
    }
    match field.data_type() {
        DataType::Union(..) | DataType::RunEndEncoded(..) => {
            let kind = field.data_type().to_string();
            Err(Fault::NotBlankable(field.name().clone(), kind))
        }
        _ => Ok(field.clone().with_nullable(true)),
    }
}
