//! One batch: who the rows are about, what may be used of each, and the rest blanked.

use std::sync::Arc;

use arrow_array::{Array, ArrayRef, BooleanArray, RecordBatch, cast::AsArray, new_null_array};
use arrow_buffer::BooleanBuffer;
use arrow_schema::{DataType, Field, Schema, SchemaRef};
use arrow_select::{filter::filter_record_batch, nullif::nullif};
use sayso_consent::SubjectId;

use crate::{
    answers::Answers,
    fault::Fault,
    layout::{Layout, Use},
    report::Tally,
};

/// Filters batches of one layout.
pub struct Sieve<A> {
    /// What becomes of each column.
    pub layout: Layout,
    /// Who decides.
    pub answers: A,
}

impl<A: Answers> Sieve<A> {
    /// What may be used of a batch, and how much that is.
    ///
    /// # Errors
    /// The batch does not have the columns of the layout.
    pub fn sift(&self, batch: &RecordBatch) -> Result<(RecordBatch, Tally), Fault> {
        let rows = batch.num_rows();
        let mut tally = Tally::new(self.layout.data.len());
        let people = self.people(batch.column(self.layout.id))?;
        tally.rows = rows as u64;
        tally.unknown = people.iter().filter(|person| person.is_none()).count() as u64;
        let denied = self.denied(&people, &mut tally);
        let emptied = self.emptied(&denied, rows);
        tally.emptied = emptied.count_set_bits() as u64;
        let columns = batch.columns().iter().zip(&self.layout.uses);
        let columns = columns.map(|(column, used)| match used {
            Use::Passes => Ok(Arc::clone(column)),
            Use::Redacted => Ok(new_null_array(column.data_type(), rows)),
            Use::Identifies => blank(column, &emptied),
            Use::Asked(place) => blank(column, &denied[*place]),
        });
        let columns = columns.collect::<Result<Vec<_>, Fault>>()?;
        let sifted = RecordBatch::try_new(self.schema(batch), columns)?;
        if !self.layout.drop_rows || tally.emptied == 0 {
            return Ok((sifted, tally));
        }
        let kept = BooleanArray::new(!&emptied, None);
        Ok((filter_record_batch(&sifted, &kept)?, tally))
    }

    /// The columns as they come out, of the types that they came in with: what stands for the same
    /// values may be held in memory in another way than the file says.
    fn schema(&self, batch: &RecordBatch) -> SchemaRef {
        let schema = &self.layout.schema;
        let pairs = || schema.fields().iter().zip(batch.columns());
        if pairs().all(|(field, column)| field.data_type() == column.data_type()) {
            return Arc::clone(schema);
        }
        let fields = pairs()
            .map(|(field, column)| Field::clone(field).with_data_type(column.data_type().clone()));
        Arc::new(Schema::new(fields.collect::<Vec<_>>()))
    }

    /// Whom each row is about.
    fn people(&self, column: &ArrayRef) -> Result<Vec<Option<SubjectId>>, Fault> {
        let mut people = Vec::with_capacity(column.len());
        match column.data_type() {
            DataType::Utf8 => self.answers.find(column.as_string::<i32>().iter(), &mut people),
            DataType::LargeUtf8 => self.answers.find(column.as_string::<i64>().iter(), &mut people),
            DataType::Utf8View => self.answers.find(column.as_string_view().iter(), &mut people),
            _ => {
                let texts = arrow_cast::cast(column, &DataType::Utf8)?;
                self.answers.find(texts.as_string::<i32>().iter(), &mut people);
            }
        }
        Ok(people)
    }

    /// For each mapped column the rows in which it may not be used.
    fn denied(&self, people: &[Option<SubjectId>], tally: &mut Tally) -> Vec<BooleanBuffer> {
        let data = &self.layout.data;
        let mut reasons = vec![Vec::with_capacity(people.len()); data.len()];
        self.answers.answer(data, people, &mut reasons);
        let denied = reasons.iter().zip(&mut tally.reasons).map(|(reasons, counts)| {
            reasons.iter().for_each(|reason| counts[*reason as usize] += 1);
            // A row without an answer would be one too few; it is denied.
            let allows = |row: usize| reasons.get(row).is_some_and(|reason| reason.allows());
            BooleanBuffer::collect_bool(people.len(), |row| !allows(row))
        });
        denied.collect()
    }

    /// The rows in which nothing is left: every mapped column is denied or redacted.
    fn emptied(&self, denied: &[BooleanBuffer], rows: usize) -> BooleanBuffer {
        let asked = self.layout.uses.iter().filter_map(|used| match used {
            Use::Asked(place) => denied.get(*place),
            _ => None,
        });
        asked.fold(BooleanBuffer::new_set(rows), |emptied, denied| &emptied & denied)
    }
}

/// A column without its values in these rows.
fn blank(column: &ArrayRef, rows: &BooleanBuffer) -> Result<ArrayRef, Fault> {
    if rows.count_set_bits() == 0 {
        return Ok(Arc::clone(column));
    }
    Ok(nullif(column, &BooleanArray::new(rows.clone(), None))?)
}
