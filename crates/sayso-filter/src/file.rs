//! Parquet and CSV, in blocks: what is written is made on several threads, each with a block of rows
//! of its own, and put into the file in order.

use std::{io::BufWriter, io::Write, path::Path, sync::Arc};

use arrow_array::{RecordBatch, StringArray};
use arrow_csv::WriterBuilder as CsvWriterBuilder;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::{
    arrow::{
        ArrowWriter,
        arrow_writer::{
            ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
        },
    },
    basic::Compression,
    file::{properties::WriterProperties, writer::SerializedFileWriter},
};

use crate::{fault::Fault, source::BATCH_ROWS};

pub use crate::source::Source;

/// How many batches make a block. A group of rows of a Parquet file is one: the larger it is the
/// better it packs, and the more is in memory until it is whole.
pub(crate) const BLOCK_BATCHES: usize = 16;

/// How a table is written down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// Apache Parquet.
    Parquet,
    /// Comma-separated text with a head.
    Csv,
}

impl Format {
    /// That of a file, by the end of its name.
    ///
    /// # Errors
    /// It is neither.
    pub fn of(path: &Path) -> Result<Self, Fault> {
        let end = path.extension().unwrap_or_default();
        if end.eq_ignore_ascii_case("parquet") {
            Ok(Self::Parquet)
        } else if end.eq_ignore_ascii_case("csv") {
            Ok(Self::Csv)
        } else {
            Err(Fault::UnknownFormat)
        }
    }
}

/// A table being written.
pub struct Target<W: Write + Send> {
    into: Into<W>,
    press: Press,
    /// What was written row by row and is no whole block yet.
    begun: Option<(Block, usize)>,
}

enum Into<W: Write + Send> {
    Parquet(Box<SerializedFileWriter<W>>),
    Csv(BufWriter<W>),
}

impl<W: Write + Send> Target<W> {
    /// Begins a table with these columns.
    ///
    /// # Errors
    /// It cannot be written, or not in this format.
    pub fn new(into: W, format: Format, schema: &SchemaRef) -> Result<Self, Fault> {
        let (into, press) = match format {
            Format::Parquet => {
                let properties =
                    WriterProperties::builder().set_compression(Compression::SNAPPY).build();
                let writer = ArrowWriter::try_new(into, Arc::clone(schema), Some(properties))?;
                let (writer, groups) = writer.into_serialized_writer()?;
                (Into::Parquet(Box::new(writer)), Press::Parquet(Arc::new(groups)))
            }
            Format::Csv => {
                let mut into = BufWriter::new(into);
                // The head is there even if no row is.
                let mut head = CsvWriterBuilder::new().with_header(true).build(&mut into);
                head.write(&RecordBatch::new_empty(Arc::clone(schema)))?;
                drop(head);
                (Into::Csv(into), Press::Csv)
            }
        };
        Ok(Self { into, press, begun: None })
    }

    /// What makes blocks of it.
    pub(crate) fn press(&self) -> Press {
        self.press.clone()
    }

    /// Puts a block behind what is there.
    pub(crate) fn add(&mut self, pressed: Pressed) -> Result<(), Fault> {
        match (&mut self.into, pressed) {
            (_, Pressed::Parquet(columns)) if columns.is_empty() => {}
            (Into::Parquet(writer), Pressed::Parquet(columns)) => {
                let mut group = writer.next_row_group()?;
                for column in columns {
                    column.append_to_row_group(&mut group)?;
                }
                group.close()?;
            }
            (Into::Csv(writer), Pressed::Csv(text)) => writer.write_all(&text)?,
            // INVARIANT: a block comes from this table's own press.
            (Into::Parquet(_), Pressed::Csv(_)) | (Into::Csv(_), Pressed::Parquet(_)) => {}
        }
        Ok(())
    }

    /// Writes some rows.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        let (mut block, rows) = match self.begun.take() {
            Some(begun) => begun,
            None => (self.press.begin()?, 0),
        };
        block.write(batch)?;
        let rows = rows + batch.num_rows();
        if rows < BLOCK_BATCHES * BATCH_ROWS {
            self.begun = Some((block, rows));
            return Ok(());
        }
        self.add(block.finish()?)
    }

    /// Ends the table, and gives back what it was written into.
    ///
    /// # Errors
    /// The last of it cannot be written.
    pub fn finish(mut self) -> Result<W, Fault> {
        if let Some((block, _)) = self.begun.take() {
            self.add(block.finish()?)?;
        }
        match self.into {
            Into::Parquet(writer) => Ok(writer.into_inner()?),
            Into::Csv(writer) => writer.into_inner().map_err(|error| Fault::Io(error.into_error())),
        }
    }
}

/// Makes blocks of one table, on any thread.
#[derive(Clone)]
pub(crate) enum Press {
    Parquet(Arc<ArrowRowGroupWriterFactory>),
    Csv,
}

impl Press {
    /// Begins a block.
    pub(crate) fn begin(&self) -> Result<Block, Fault> {
        Ok(match self {
            Self::Parquet(groups) => {
                Block::Parquet { columns: groups.create_column_writers(0)?, has_rows: false }
            }
            Self::Csv => Block::Csv(Vec::new()),
        })
    }
}

/// A block in the making.
pub(crate) enum Block {
    Parquet { columns: Vec<ArrowColumnWriter>, has_rows: bool },
    Csv(Vec<u8>),
}

impl Block {
    /// Writes some rows.
    pub(crate) fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        match self {
            Self::Parquet { columns, has_rows } => {
                *has_rows |= batch.num_rows() > 0;
                let mut columns = columns.iter_mut();
                for (field, values) in batch.schema_ref().fields().iter().zip(batch.columns()) {
                    let leaves = compute_leaves(field, values)?;
                    for (leaf, column) in leaves.iter().zip(columns.by_ref()) {
                        column.write(leaf)?;
                    }
                }
            }
            Self::Csv(text) => {
                CsvWriterBuilder::new().with_header(false).build(text).write(batch)?;
            }
        }
        Ok(())
    }

    /// Ends it.
    pub(crate) fn finish(self) -> Result<Pressed, Fault> {
        Ok(match self {
            Self::Parquet { has_rows: false, .. } => Pressed::Parquet(Vec::new()),
            Self::Parquet { columns, .. } => {
                let columns = columns.into_iter().map(ArrowColumnWriter::close);
                Pressed::Parquet(columns.collect::<Result<_, _>>()?)
            }
            Self::Csv(text) => Pressed::Csv(text),
        })
    }
}

/// A block that is whole; without columns it has no rows.
pub(crate) enum Pressed {
    Parquet(Vec<ArrowColumnChunk>),
    Csv(Vec<u8>),
}

/// The columns of a table of ids.
pub fn id_schema() -> SchemaRef {
    Arc::new(Schema::new(vec![Field::new("id", DataType::Utf8, false)]))
}

/// Some rows of a table of ids.
///
/// # Errors
/// They are too many for one batch.
pub fn ids(ids: Vec<String>) -> Result<RecordBatch, Fault> {
    Ok(RecordBatch::try_new(id_schema(), vec![Arc::new(StringArray::from(ids))])?)
}
