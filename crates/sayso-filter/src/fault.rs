//! Why a file cannot be filtered. Never repeats a value of it.

use std::io;

use arrow_schema::ArrowError;
use parquet::errors::ParquetError;

/// Why a file cannot be filtered.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// A column was named that the file does not have.
    #[error("the file has no column `{0}`")]
    NoColumn(String),
    /// A name that stands for several columns.
    #[error("the file has more than one column `{0}`; give each its own name")]
    TwoColumns(String),
    /// A column was mapped twice.
    #[error("the column `{0}` is mapped more than once")]
    MappedTwice(String),
    /// Columns of which nobody said what data they are.
    #[error(
        "nobody said what data is in the columns {0}; map each with `--column NAME=data.category`, or let them through with `--keep-unmapped`"
    )]
    Unmapped(String),
    /// Nothing is mapped: nothing could be kept.
    #[error("no column is mapped; say what data they are with `--column NAME=data.category`")]
    NothingMapped,
    /// The column of identifiers is of a type that holds none.
    #[error("the column `{0}` holds no identifiers: it must be text or whole numbers")]
    NotIdentifiers(String),
    /// A column whose values cannot be blanked.
    #[error("the column `{0}` is of a type that cannot be blanked: {1}")]
    NotBlankable(String, String),
    /// Another end of a file's name.
    #[error("the name of a file to filter ends in `.parquet` or `.csv`")]
    UnknownFormat,
    /// The text is no CSV with a head, or a record has too few or too many fields. What was found
    /// is not repeated: it may be somebody's data.
    #[error(
        "the CSV cannot be read near row {0}: each row needs the fields of the first line, in UTF-8"
    )]
    BadCsv(u64),
    /// A batch cannot be worked on.
    #[error("the columns cannot be worked on: {0}")]
    Arrow(#[source] Box<ArrowError>),
    /// A Parquet file cannot be read or written.
    #[error(transparent)]
    Parquet(#[from] ParquetError),
    /// A file cannot be read or written.
    #[error(transparent)]
    Io(#[from] io::Error),
}

impl From<ArrowError> for Fault {
    fn from(error: ArrowError) -> Self {
        Self::Arrow(Box::new(error))
    }
}
