//! Through files of both formats, in and out.

use std::{fs::File, path::Path, sync::Arc};

use arrow_array::{Array, RecordBatch, cast::AsArray};
use arrow_cast::cast;
use arrow_schema::DataType;
use sayso_filter::{
    Fault, Sieve, Spec,
    file::{Format, Source, Target},
    layout::Layout,
    run::run,
};

use crate::world::{customers, live, secret, spec, table};

fn write(path: &Path, batches: &[RecordBatch]) {
    let format = Format::of(path).unwrap();
    let file = File::create(path).unwrap();
    let mut target = Target::new(file, format, &batches[0].schema()).unwrap();
    batches.iter().for_each(|batch| target.write(batch).unwrap());
    target.finish().unwrap();
}

fn filter(from: &Path, to: &Path, spec: &Spec) -> Result<u64, Fault> {
    let source = Source::open(from)?;
    let layout = Layout::new(&source.schema, spec)?;
    let sieve = Sieve { layout, answers: live("marketing.offers", "mailer", Some("email")) };
    let file = File::create(to)?;
    let mut target = Target::new(file, Format::of(to)?, &sieve.layout.schema)?;
    let tally = run(&sieve, source.batches(), 3, Some(&mut target), |_| {})?;
    target.finish()?;
    Ok(tally.rows)
}

/// The values of a column of text, in order.
fn values(path: &Path, column: &str) -> Vec<Option<String>> {
    let batches = Source::open(path).unwrap().batches().map(Result::unwrap);
    let mut values = Vec::new();
    for batch in batches {
        let column = cast(batch.column_by_name(column).unwrap(), &DataType::Utf8).unwrap();
        let text = column.as_string::<i32>().iter();
        values.extend(text.map(|value| value.map(str::to_owned).filter(|value| !value.is_empty())));
    }
    values
}

/// The table without its nested column: CSV has none.
fn flat(spec: &mut Spec) -> RecordBatch {
    spec.columns.remove(1);
    let table = table(&customers());
    table.project(&[0, 1, 3]).unwrap()
}

#[test]
fn both_formats_come_out_alike_in_their_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec();
    let flat = flat(&mut spec);
    // Several batches, of which each thread takes its turn.
    let batches: Vec<_> = (0..200).map(|_| flat.clone()).collect();
    let mut seen = Vec::new();
    for from in ["in.parquet", "in.csv"] {
        let from = folder.path().join(from);
        write(&from, &batches);
        for to in ["out.parquet", "out.csv"] {
            let to = folder.path().join(to);
            let rows = filter(&from, &to, &spec).unwrap();
            assert_eq!(rows, (flat.num_rows() * batches.len()) as u64);
            seen.push(values(&to, "mail"));
        }
    }
    assert!(seen.windows(2).all(|two| two[0] == two[1]));
    assert_eq!(seen[0][..flat.num_rows()], seen[0][flat.num_rows()..2 * flat.num_rows()]);
    assert!(seen[0].iter().any(Option::is_some) && seen[0].iter().any(Option::is_none));
}

/// In memory text may be held in another way than the file says; what comes out says the same.
#[test]
fn columns_keep_the_types_that_the_file_says() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("in.parquet"), folder.path().join("out.parquet"));
    let flat = flat(&mut spec());
    let dictionary = DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8));
    for kind in [
        DataType::Utf8,
        DataType::LargeUtf8,
        DataType::Utf8View,
        DataType::Binary,
        DataType::LargeBinary,
        DataType::BinaryView,
        dictionary,
    ] {
        let mail = cast(flat.column(1), &kind).unwrap();
        let table = RecordBatch::try_from_iter_with_nullable([
            ("customer", Arc::clone(flat.column(0)), true),
            ("mail", mail, true),
            ("phone", Arc::clone(flat.column(2)), true),
        ]);
        let table = table.unwrap();
        write(&from, std::slice::from_ref(&table));
        let mut spec = spec();
        spec.columns.remove(1);
        filter(&from, &to, &spec).unwrap();
        let source = Source::open(&to).unwrap();
        assert_eq!(source.schema.field(1).data_type(), &kind);
        let after = source.batches().next().unwrap().unwrap();
        let after = cast(after.column(1), &DataType::Utf8).unwrap();
        let after = after.as_string::<i32>();
        let before = flat.column(1).as_string::<i32>();
        let mut rows = after.iter().zip(before).filter(|(after, _)| after.is_some());
        assert!(after.null_count() > before.null_count() && rows.all(|(now, then)| now == then));
    }
}

/// Groups of rows, each made by the thread whose turn it was, come out in the order of the file.
#[test]
fn a_file_of_several_blocks_keeps_its_order() {
    let folder = tempfile::tempdir().unwrap();
    let mut spec = spec();
    let flat = flat(&mut spec);
    let rows = 700_000_usize.div_ceil(flat.num_rows());
    let batches: Vec<_> = (0..rows).map(|_| flat.clone()).collect();
    let from = folder.path().join("in.parquet");
    write(&from, &batches);
    for (to, drop_rows) in [("out.parquet", false), ("out.csv", false), ("less.parquet", true)] {
        let to = folder.path().join(to);
        spec.drop_rows = drop_rows;
        filter(&from, &to, &spec).unwrap();
        let after = values(&to, "phone");
        let each = after.len() / rows;
        assert!(after.len() == each * rows && (each < flat.num_rows()) == drop_rows);
        assert!(after.chunks(each).all(|some| some == &after[..each]));
    }
}

#[test]
fn what_is_withheld_is_nowhere_in_the_file() {
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("in.parquet"), folder.path().join("out.parquet"));
    let table = table(&customers());
    write(&from, std::slice::from_ref(&table));
    filter(&from, &to, &spec()).unwrap();
    let bytes = std::fs::read(&to).unwrap();
    let there = |text: &str| {
        let text = text.as_bytes();
        bytes.windows(text.len()).any(|window| window == text)
    };
    let batch = Source::open(&to).unwrap().batches().next().unwrap().unwrap();
    let mut found = 0;
    for row in 0..table.num_rows() {
        for (column, name) in [(1, "mail"), (2, "street"), (3, "phone")] {
            // The middle of a value is as chance has it: packing cannot shorten it away.
            let value = secret(name, row);
            let middle = &value[name.len() + 1..name.len() + 17];
            let is_kept = (1..4).any(|column| batch.column(column).is_valid(row));
            found += u32::from(is_kept && there(middle));
            assert!(is_kept || !there(middle), "{name} {row} of column {column}");
        }
    }
    assert!(found > 0, "nothing is found even where it is kept: this test could not fail");
}

#[test]
fn a_broken_file_is_refused_without_a_word_of_it() {
    let folder = tempfile::tempdir().unwrap();
    let to = folder.path().join("out.csv");
    for (text, why) in [
        ("customer,mail,phone\n4711,ana@example.org\n", "near row 1"),
        ("ana@example.org,4711\nben@example.org,4712\n", "no column `customer`"),
        ("customer,customer,mail,phone\n1,2,3,4\n", "more than one column"),
        ("customer,mail,phone,ana@example.org\n1,2,3,4\n", "columns number 4;"),
    ] {
        let from = folder.path().join("in.csv");
        std::fs::write(&from, text).unwrap();
        let mut spec = spec();
        spec.columns.remove(1);
        let error = filter(&from, &to, &spec).unwrap_err().to_string();
        assert!(error.contains(why) && !error.contains("ana@"), "{error}");
    }
    let text = folder.path().join("in.txt");
    assert!(matches!(Source::open(&text), Err(Fault::UnknownFormat)));
}
