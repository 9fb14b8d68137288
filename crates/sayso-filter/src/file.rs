//! Parquet and CSV, as batches.

use std::{
    fs::File,
    io::{BufReader, BufWriter, Seek, Write},
    path::Path,
    sync::Arc,
};

use arrow_array::{RecordBatch, StringArray};
use arrow_csv::{
    ReaderBuilder as CsvReaderBuilder, Writer as CsvWriter, WriterBuilder as CsvWriterBuilder,
    reader::Format as CsvFormat,
};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::Compression,
    file::properties::WriterProperties,
};

use crate::fault::Fault;

/// How many rows are worked on at a time: the columns of one batch stay near the processor.
const BATCH_ROWS: usize = 16_384;
/// How many rows a group of a Parquet file has: it is held in memory until it is whole.
const GROUP_ROWS: usize = 262_144;

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

/// A table to be read.
pub struct Source {
    /// Its columns.
    pub schema: SchemaRef,
    /// How many rows it has, if that is known beforehand.
    pub rows: Option<u64>,
    batches: Box<dyn Iterator<Item = Result<RecordBatch, Fault>> + Send>,
}

impl Source {
    /// Opens a table.
    ///
    /// # Errors
    /// The file cannot be read, or is not what its name says.
    pub fn open(path: &Path) -> Result<Self, Fault> {
        let format = Format::of(path)?;
        let file = File::open(path)?;
        match format {
            Format::Parquet => Self::parquet(file),
            Format::Csv => Self::csv(file),
        }
    }

    /// Its batches.
    pub fn batches(self) -> impl Iterator<Item = Result<RecordBatch, Fault>> + Send {
        self.batches
    }

    fn parquet(file: File) -> Result<Self, Fault> {
        let builder = ParquetRecordBatchReaderBuilder::try_new(file)?;
        let schema = Arc::clone(builder.schema());
        let rows = u64::try_from(builder.metadata().file_metadata().num_rows()).ok();
        let reader = builder.with_batch_size(BATCH_ROWS).build()?;
        let batches = Box::new(reader.map(|batch| batch.map_err(Fault::from)));
        Ok(Self { schema, rows, batches })
    }

    /// Every column is text: what a number looks like must not change on the way.
    fn csv(mut file: File) -> Result<Self, Fault> {
        let format = CsvFormat::default().with_header(true);
        let head = format.infer_schema(BufReader::new(&file), Some(0));
        let (head, _) = head.map_err(|_| Fault::BadCsv(1))?;
        file.rewind()?;
        let text = |field: &Arc<Field>| Field::new(field.name(), DataType::Utf8, true);
        let schema = Arc::new(Schema::new(head.fields().iter().map(text).collect::<Vec<_>>()));
        let builder = CsvReaderBuilder::new(Arc::clone(&schema)).with_header(true);
        let reader = builder.with_batch_size(BATCH_ROWS).build(file);
        let mut rows = 0;
        let batches = reader.map_err(|_| Fault::BadCsv(1))?.map(move |batch| {
            // The reader's own error repeats what it found.
            let batch = batch.map_err(|_| Fault::BadCsv(rows + 1))?;
            rows += batch.num_rows() as u64;
            Ok(batch)
        });
        Ok(Self { schema, rows: None, batches: Box::new(batches) })
    }
}

/// A table being written.
pub enum Target<W: Write + Send> {
    /// Parquet.
    Parquet(Box<ArrowWriter<W>>),
    /// CSV.
    Csv(Box<CsvWriter<BufWriter<W>>>),
}

impl<W: Write + Send> Target<W> {
    /// Begins a table with these columns.
    ///
    /// # Errors
    /// It cannot be written, or not in this format.
    pub fn new(into: W, format: Format, schema: &SchemaRef) -> Result<Self, Fault> {
        Ok(match format {
            Format::Parquet => {
                let properties = WriterProperties::builder()
                    .set_compression(Compression::SNAPPY)
                    .set_max_row_group_row_count(Some(GROUP_ROWS))
                    .build();
                let writer = ArrowWriter::try_new(into, Arc::clone(schema), Some(properties))?;
                Self::Parquet(Box::new(writer))
            }
            Format::Csv => {
                let mut writer =
                    CsvWriterBuilder::new().with_header(true).build(BufWriter::new(into));
                // The head is there even if no row is.
                writer.write(&RecordBatch::new_empty(Arc::clone(schema)))?;
                Self::Csv(Box::new(writer))
            }
        })
    }

    /// Writes some rows.
    ///
    /// # Errors
    /// They cannot be written.
    pub fn write(&mut self, batch: &RecordBatch) -> Result<(), Fault> {
        match self {
            Self::Parquet(writer) => Ok(writer.write(batch)?),
            Self::Csv(writer) => Ok(writer.write(batch)?),
        }
    }

    /// Ends the table, and gives back what it was written into.
    ///
    /// # Errors
    /// The last of it cannot be written.
    pub fn finish(self) -> Result<W, Fault> {
        match self {
            Self::Parquet(writer) => Ok(writer.into_inner()?),
            Self::Csv(writer) => {
                let buffered = writer.into_inner();
                buffered.into_inner().map_err(|error| Fault::Io(error.into_error()))
            }
        }
    }
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
