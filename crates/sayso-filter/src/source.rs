//! Tables to be read, as batches.

use std::{
    fs::File,
    io::{BufReader, Read, Seek},
    path::Path,
    sync::Arc,
};

use arrow_array::RecordBatch;
use arrow_csv::{ReaderBuilder as CsvReaderBuilder, reader::Format as CsvFormat};
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use parquet::{
    arrow::arrow_reader::{
        ArrowReaderMetadata, ArrowReaderOptions, ParquetRecordBatchReaderBuilder,
    },
    file::metadata::ParquetMetaData,
};

use crate::{fault::Fault, file::Format};

/// How many rows are worked on at a time: the columns of one batch stay near the processor.
pub(crate) const BATCH_ROWS: usize = 16_384;
/// How many bytes a batch has at most, if rows can be foreseen: of long ones there are fewer in it.
const BATCH_BYTES: usize = 4 << 20;
/// Few rows in a batch cost more than they save.
const BATCH_ROWS_MIN: usize = 64;
/// How much of a CSV is looked at to foresee how long its rows are.
const SAMPLE_BYTES: usize = 64 << 10;

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

    /// Its batches. Columns of text and bytes may come as views: they are not copied out of the
    /// pages of the file, and what goes is blanked without touching what stays.
    pub fn batches(self) -> impl Iterator<Item = Result<RecordBatch, Fault>> + Send {
        self.batches
    }

    fn parquet(file: File) -> Result<Self, Fault> {
        let known = ArrowReaderMetadata::load(&file, ArrowReaderOptions::new())?;
        let schema = Arc::clone(known.schema());
        let rows = u64::try_from(known.metadata().file_metadata().num_rows()).ok();
        let batch_rows = foreseen(known.metadata());
        let options = ArrowReaderOptions::new().with_schema(viewed(&schema));
        let known = ArrowReaderMetadata::try_new(Arc::clone(known.metadata()), options)?;
        let builder = ParquetRecordBatchReaderBuilder::new_with_metadata(file, known);
        let reader = builder.with_batch_size(batch_rows).build()?;
        let batches = Box::new(reader.map(|batch| batch.map_err(Fault::from)));
        Ok(Self { schema, rows, batches })
    }

    /// Every column is text: what a number looks like must not change on the way.
    fn csv(mut file: File) -> Result<Self, Fault> {
        let format = CsvFormat::default().with_header(true);
        let head = format.infer_schema(BufReader::new(&file), Some(0));
        let (head, _) = head.map_err(|_| Fault::BadCsv(1))?;
        file.rewind()?;
        let batch_rows = sampled(&mut file)?;
        file.rewind()?;
        let text = |field: &Arc<Field>| Field::new(field.name(), DataType::Utf8, true);
        let schema = Arc::new(Schema::new(head.fields().iter().map(text).collect::<Vec<_>>()));
        let builder = CsvReaderBuilder::new(Arc::clone(&schema)).with_header(true);
        let reader = builder.with_batch_size(batch_rows).build(file);
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

/// The same columns, text and bytes as views.
fn viewed(schema: &Schema) -> SchemaRef {
    let view = |field: &Arc<Field>| match field.data_type() {
        DataType::Utf8 | DataType::LargeUtf8 => {
            Arc::new(field.as_ref().clone().with_data_type(DataType::Utf8View))
        }
        DataType::Binary | DataType::LargeBinary => {
            Arc::new(field.as_ref().clone().with_data_type(DataType::BinaryView))
        }
        _ => Arc::clone(field),
    };
    let fields: Vec<_> = schema.fields().iter().map(view).collect();
    Arc::new(Schema::new_with_metadata(fields, schema.metadata().clone()))
}

/// How many rows of a Parquet file are worked on at a time.
fn foreseen(metadata: &ParquetMetaData) -> usize {
    let groups = metadata.row_groups().iter();
    let longest = groups.map(|group| group.total_byte_size() / group.num_rows().max(1)).max();
    rows_of(usize::try_from(longest.unwrap_or(0)).unwrap_or(usize::MAX))
}

/// The same of a CSV, by its beginning.
fn sampled(file: &mut File) -> Result<usize, Fault> {
    let mut sample = Vec::new();
    file.take(SAMPLE_BYTES as u64).read_to_end(&mut sample)?;
    let lines = sample.iter().filter(|byte| **byte == b'\n').count();
    Ok(rows_of(sample.len() / lines.max(1)))
}

fn rows_of(bytes_each: usize) -> usize {
    (BATCH_BYTES / bytes_each.max(1)).clamp(BATCH_ROWS_MIN, BATCH_ROWS)
}
