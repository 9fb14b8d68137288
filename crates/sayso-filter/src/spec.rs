//! What is asked for.

use sayso_consent::Id;

/// A column, and which category of data is in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mapped {
    /// The column.
    pub column: String,
    /// The category.
    pub data: Id,
}

/// How a file is filtered.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Spec {
    /// The column that says whom a row is about.
    pub id: String,
    /// What data the columns are.
    pub columns: Vec<Mapped>,
    /// Whether columns pass that nobody mapped.
    pub keep_unmapped: bool,
    /// Whether rows go in which nothing is left.
    pub drop_rows: bool,
    /// Columns that are blank in every row: an activity in use obliges to redact them.
    pub redact: Vec<String>,
}
