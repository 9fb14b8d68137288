//! Files filtered: tables of many million rows about the sample company's people, beside the same
//! rows read and written unchanged by the same libraries, on as many threads, each with its part.

use std::{
    fs::File,
    io::BufReader,
    num::NonZeroUsize,
    path::{Path, PathBuf},
    sync::Arc,
    thread,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use arrow_array::{ArrayRef, Date32Array, RecordBatch, StringArray};
use parquet::{
    arrow::{ArrowWriter, arrow_reader::ParquetRecordBatchReaderBuilder},
    basic::Compression,
    file::properties::WriterProperties,
};
use sayso_consent::{
    Choice, Entry, Event, Id, Position, Scope, Timestamp,
    catalog::Normalisation,
    choice::{Effect, Method, NoticeRef},
    event::{Identifier, VERSION},
    id::Lookup,
};
use sayso_decision::Snapshot;
use sayso_filter::{
    Live, Sieve, Spec,
    answers::Names,
    file::{Format, Source, Target},
    layout::Layout,
    run::run,
    spec::Mapped,
};
use sayso_ledger::{keys::LookupKey, normalise::normalise};

use crate::{
    Settings,
    crowd::{mix, subject},
    report::{Row, Section},
    rounds::{Contender, Sample, interleave},
    world::{SEED, folder},
};

/// When everything is asked: at noon, so that no channel rests.
const AT: Timestamp = Timestamp(1_772_000_000_000);
/// Of how many rows one is about somebody who is not known.
const STRANGERS: u64 = 16;
/// How many rows are made at a time.
const BATCH: u64 = 65_536;
/// How many different towns people live in.
const TOWNS: u64 = 2_000;
/// The columns that are asked about, and the data in them.
const COLUMNS: [(&str, &str); 3] =
    [("mail", "contact.email"), ("town", "contact.postal"), ("birthday", "identity.birthday")];

/// The people, and what they are called.
struct People {
    snapshot: Snapshot,
    addresses: Vec<String>,
    key: LookupKey,
    namespace: Id,
}

fn id(text: &str) -> Result<Id> {
    text.parse().with_context(|| format!("`{text}` is no id"))
}

fn choice(said: &hearth::people::Choice) -> Result<Choice> {
    let effect = match said.effect {
        hearth::people::Effect::Grant => Effect::Grant,
        hearth::people::Effect::Denial => Effect::Denial,
    };
    let scope = Scope {
        purpose: Some(id(said.scope.purpose)?),
        data: said.scope.data.map(id).transpose()?,
        channel: said.scope.channel.map(id).transpose()?,
        ..Scope::default()
    };
    let notice = said.notice.as_ref().map(|notice| {
        let language = Some(notice.language.to_owned());
        Ok::<_, anyhow::Error>(NoticeRef { id: id(notice.id)?, version: notice.version, language })
    });
    let notice = notice.transpose()?;
    Ok(Choice { notice, method: Method::Import, ..Choice::of_person(effect, scope) })
}

impl People {
    fn new(count: u64) -> Result<Self> {
        // Nobody tells the systems here, and a system that is late would be denied.
        let catalog = hearth::CATALOG.replace("deadline: 15 seconds", "deadline: 24 hours");
        let catalog = sayso_catalog::read(&catalog, "catalog.yaml")
            .map_err(|problems| anyhow::anyhow!("the catalog has {} problems", problems.len()))?;
        let people = Self {
            snapshot: Snapshot::default(),
            addresses: Vec::new(),
            key: LookupKey::default(),
            namespace: id("email")?,
        };
        let entry = |number: u64, subject, events| Entry {
            v: VERSION,
            position: Position::at(number),
            at: AT,
            subject,
            by: "bench".into(),
            events,
        };
        let applied = Event::CatalogApplied { catalog: Box::new(catalog) };
        people.snapshot.apply(&[entry(1, None, vec![applied])]);
        let mut addresses = Vec::new();
        for (number, person) in (0..count).zip(hearth::people(SEED, usize::try_from(count)?)) {
            let value = person.identifiers.get("email").context("somebody has no address")?;
            let identifier = Identifier {
                namespace: people.namespace.clone(),
                value: value.clone(),
                lookup: people.key.lookup(&people.namespace, value),
            };
            let mut events = vec![
                Event::SubjectCreated { is_active: person.is_active, minor_until: None },
                Event::IdentifierAdded(identifier),
            ];
            for said in &person.choices {
                events.push(Event::ChoiceRecorded(choice(said)?));
            }
            people.snapshot.apply(&[entry(2 + number, Some(subject(number)), events)]);
            addresses.push(value.clone());
        }
        Ok(Self { addresses, ..people })
    }

    /// What somebody is called in a file.
    fn name(&self, number: u64, called: Called) -> String {
        let address = usize::try_from(number).ok().and_then(|number| self.addresses.get(number));
        match called {
            Called::Subjects => subject(number).to_string(),
            Called::Addresses => {
                address.cloned().unwrap_or_else(|| format!("q{number}@example.org"))
            }
        }
    }

    fn live(&self, called: Called) -> Result<Live<'_, impl Fn(&str) -> Option<Lookup> + Sync>> {
        let digester = self.key.digester(&self.namespace);
        let digest = move |text: &str| {
            let value = normalise(Normalisation::Email, text).ok()?;
            Some(digester.lookup(&value))
        };
        Ok(Live {
            snapshot: &self.snapshot,
            names: match called {
                Called::Subjects => Names::Subjects,
                Called::Addresses => Names::Identifiers(digest),
            },
            purpose: id("marketing.offers")?,
            recipient: id("mailer")?,
            channel: Some(id("email")?),
            at: AT,
        })
    }

    /// Writes a file about them in no order that memory knows.
    fn write(&self, path: &Path, rows: u64, called: Called) -> Result<()> {
        let mut target: Option<Target<File>> = None;
        let people = self.addresses.len() as u64;
        for begin in (0..rows).step_by(usize::try_from(BATCH)?) {
            let rows = begin..rows.min(begin + BATCH);
            let person = |row: u64| {
                let draw = mix(row);
                draw % people + if draw.is_multiple_of(STRANGERS) { people } else { 0 }
            };
            let text = |of: &dyn Fn(u64) -> String| -> ArrayRef {
                Arc::new(rows.clone().map(|row| Some(of(row))).collect::<StringArray>())
            };
            let day = |row: u64| i32::try_from(mix(row ^ 0xda1) % 20_000).ok();
            let columns = [
                ("id", text(&|row| self.name(person(row), called))),
                ("mail", text(&|row| self.name(person(row), Called::Addresses))),
                ("town", text(&|row| format!("Town of {}", mix(person(row) % TOWNS) % 1_000_000))),
                ("birthday", Arc::new(rows.clone().map(day).collect::<Date32Array>())),
            ];
            let batch = RecordBatch::try_from_iter(columns)?;
            let target = match &mut target {
                Some(target) => target,
                None => {
                    let file = File::create(path)?;
                    target.insert(Target::new(file, Format::of(path)?, &batch.schema())?)
                }
            };
            target.write(&batch)?;
        }
        target.context("no rows")?.finish()?;
        Ok(())
    }
}

/// What people are called in a column.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Called {
    /// Subject ids.
    Subjects,
    /// E-mail addresses.
    Addresses,
}

fn spec() -> Result<Spec> {
    let mapped = |(column, data): (&str, &str)| {
        Ok::<_, anyhow::Error>(Mapped { column: column.into(), data: id(data)? })
    };
    Ok(Spec {
        id: "id".into(),
        columns: COLUMNS.into_iter().map(mapped).collect::<Result<_>>()?,
        keep_unmapped: false,
        drop_rows: false,
        redact: Vec::new(),
    })
}

fn threads() -> usize {
    thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

/// Filters a file as the command does.
fn filtered<'a>(
    people: &'a People,
    called: Called,
    from: &'a Path,
    to: &'static str,
) -> Contender<'a> {
    Box::new(move || {
        let begun = Instant::now();
        let source = Source::open(from)?;
        let layout = Layout::new(&source.schema, &spec()?)?;
        let sieve = Sieve { layout, answers: people.live(called)? };
        let to = from.with_file_name(to);
        let mut target = Target::new(File::create(&to)?, Format::of(&to)?, &sieve.layout.schema)?;
        let tally = run(&sieve, source.batches(), threads(), Some(&mut target), |_| {})?;
        target.finish()?;
        let seconds = begun.elapsed().as_secs_f64();
        ensure!(0 < tally.emptied && tally.emptied < tally.rows, "every answer is the same");
        Ok(Sample { count: tally.rows, seconds, ..Sample::default() })
    })
}

/// Reads and writes a file unchanged, each thread its part into a file of its own.
fn unchanged(from: &Path, threads: usize) -> Contender<'_> {
    Box::new(move || {
        let begun = Instant::now();
        let count = thread::scope(|scope| {
            let parts: Vec<_> =
                (0..threads).map(|part| scope.spawn(move || copy(from, part, threads))).collect();
            let counts = parts.into_iter().map(|part| {
                part.join().map_err(|_| anyhow::anyhow!("a thread of the floor stopped"))?
            });
            counts.sum::<Result<u64>>()
        })?;
        Ok(Sample { count, seconds: begun.elapsed().as_secs_f64(), ..Sample::default() })
    })
}

fn copy(from: &Path, part: usize, parts: usize) -> Result<u64> {
    let builder = ParquetRecordBatchReaderBuilder::try_new(File::open(from)?)?;
    let groups = (0..builder.metadata().num_row_groups()).filter(|group| group % parts == part);
    let schema = Arc::clone(builder.schema());
    let reader = builder.with_row_groups(groups.collect()).with_batch_size(16_384).build()?;
    let to = from.with_file_name(format!("part-{part}.parquet"));
    let properties = WriterProperties::builder()
        .set_compression(Compression::SNAPPY)
        .set_max_row_group_row_count(Some(262_144))
        .build();
    let mut writer = ArrowWriter::try_new(File::create(to)?, schema, Some(properties))?;
    let mut count = 0;
    for batch in reader {
        let batch = batch?;
        count += batch.num_rows() as u64;
        writer.write(&batch)?;
    }
    writer.close()?;
    Ok(count)
}

/// Reads lines of text and writes them unchanged, without looking at what is in them.
fn copied_lines(from: &Path) -> Contender<'_> {
    Box::new(move || {
        let begun = Instant::now();
        let mut reader = BufReader::new(File::open(from)?);
        let mut writer = std::io::BufWriter::new(File::create(from.with_file_name("copy.csv"))?);
        let (mut line, mut count) = (Vec::new(), 0);
        while std::io::BufRead::read_until(&mut reader, b'\n', &mut line)? > 0 {
            std::io::Write::write_all(&mut writer, &line)?;
            line.clear();
            count += 1;
        }
        Ok(Sample { count, seconds: begun.elapsed().as_secs_f64(), ..Sample::default() })
    })
}

/// Measures it.
pub(crate) fn measure(settings: &Settings) -> Result<Section> {
    let rows = settings.either(500_000, 5_000_000);
    let people = People::new(settings.people.unwrap_or(settings.either(100_000, 1_000_000)))?;
    let folder = folder(&settings.dir)?;
    let file = |name: &str| -> PathBuf { folder.path().join(name) };
    let (by_id, by_address, text) =
        (file("by-id.parquet"), file("by-address.parquet"), file("by-id.csv"));
    people.write(&by_id, rows, Called::Subjects)?;
    people.write(&by_address, rows, Called::Addresses)?;
    people.write(&text, rows, Called::Subjects)?;
    let mut contenders = [
        filtered(&people, Called::Subjects, &by_id, "out.parquet"),
        filtered(&people, Called::Addresses, &by_address, "out.parquet"),
        unchanged(&by_id, threads()),
        filtered(&people, Called::Subjects, &by_id, "out.csv"),
        filtered(&people, Called::Subjects, &text, "out.csv"),
        copied_lines(&text),
    ];
    let all = interleave(settings.either(3, 5), &mut contenders)?;
    let [ids, addresses, floor, to_text, texts, lines] = &all[..] else {
        anyhow::bail!("a contender has no figures");
    };
    let slower = |own: &crate::rounds::Measured, other| 1.0 / own.speed_of(other);
    let time = "the time of the floor";
    Ok(Section {
        name: "filter",
        title: "Files filtered",
        unit: "rows",
        rows: vec![
            Row::new("Parquet to Parquet, by subject id", ids).beside(slower(ids, floor), time),
            Row::new("Parquet to Parquet, by e-mail address", addresses)
                .beside(slower(addresses, floor), time),
            Row::new("floor: Parquet read and written unchanged", floor),
            Row::new("Parquet to CSV, by subject id", to_text),
            Row::new("CSV to CSV, by subject id", texts)
                .beside(slower(texts, lines), "the time of copying its lines"),
            Row::new("floor: lines of text read and written, one thread", lines),
        ],
    })
}
