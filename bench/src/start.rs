//! From nothing to the first decision: over what was saved, beside reading it once, and over a
//! ledger with and without it.

use std::{
    fs::{File, OpenOptions},
    hint::black_box,
    io,
    path::Path,
    sync::{Arc, atomic::Ordering},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use sayso_consent::{Position, SubjectId, SubjectState, catalog::InForce};
use sayso_decision::{
    Engine,
    image::{EngineContents, Out, Sections},
};
use sayso_ledger::{
    Clock, Ledger,
    image::{Mapped, Section, Sheet},
    journal::Journal,
};
use sayso_stores::Embedded;

use crate::{
    Settings,
    crowd::{self, AT, Asked, subject},
    decide::words,
    replica,
    report::{Row, Section as Table},
    rounds::{Contender, Sample, interleave},
    serve,
    world::{self, World},
};

/// The activity that the first question is about.
const ACTIVITY: u64 = 1;

/// A file with nobody's state.
struct Slots(Sheet);

impl Out for Slots {
    fn section(&mut self, words: &[u64]) -> io::Result<()> {
        self.0.section(words)
    }

    fn state(&mut self, _: SubjectId, _: &SubjectState) -> io::Result<u64> {
        Ok(1)
    }
}

/// An engine that was saved.
struct Saved {
    file: File,
    sections: Vec<Section>,
    /// What is said about the sections, as text.
    contents: Vec<u8>,
    in_force: InForce,
    bytes: u64,
}

impl Saved {
    fn of(people: u64, folder: &Path) -> Result<Self> {
        let engine = crowd::engine(people)?;
        let mut options = OpenOptions::new();
        let path = folder.join("snapshot.img");
        let file = options.read(true).write(true).create(true).truncate(true).open(path)?;
        let mut slots = Slots(Sheet::new(file));
        let contents = serde_json::to_vec(&engine.write(&mut slots)?)?;
        let (sections, file) = slots.0.finish();
        let file = file.into_inner().map_err(io::IntoInnerError::into_error)?;
        file.sync_all()?;
        let bytes = file.metadata()?.len();
        Ok(Self { file, sections, contents, in_force: crowd::catalog()?, bytes })
    }

    /// Maps it, looks at all of it, takes it up, and decides once.
    fn start(&self) -> Result<Sample> {
        let begun = Instant::now();
        let mapped = Mapped::new(&self.file, &self.sections)?;
        ensure!(mapped.is_whole(), "what was saved is damaged");
        let sections: Arc<dyn Sections> = Arc::new(mapped);
        let contents: EngineContents = serde_json::from_slice(&self.contents)?;
        let engine = Engine::resume(&contents, &sections, Some(&self.in_force));
        let engine = engine.context("what was saved does not belong together")?;
        let asked = Asked::about(ACTIVITY);
        let prepared = engine.prepare(&asked.question()).context("not prepared")?;
        black_box(engine.allows(prepared, subject(0), AT));
        Ok(took(begun))
    }

    /// Reads the same words, and does nothing with them.
    fn read(&self) -> Result<Sample> {
        let begun = Instant::now();
        let mapped = Mapped::new(&self.file, &self.sections)?;
        let mut sum = 0_u64;
        for number in 0..self.sections.len() {
            for word in mapped.section(number) {
                sum ^= word.load(Ordering::Relaxed);
            }
        }
        black_box(sum);
        Ok(took(begun))
    }
}

/// One, and how long it took.
fn took(begun: Instant) -> Sample {
    let latencies = vec![begun.elapsed().as_nanos() as u64];
    Sample { count: 1, seconds: begun.elapsed().as_secs_f64(), latencies, cpu: None }
}

fn crowds(settings: &Settings, folder: &Path, rows: &mut Vec<Row>) -> Result<()> {
    for people in settings.crowds() {
        let saved = Saved::of(people, folder)?;
        let mut contenders: [Contender; 2] =
            [Box::new(|| saved.start()), Box::new(|| saved.read())];
        let all = interleave(settings.rounds().min(5), &mut contenders)?;
        let (size, each) = (words(people), saved.bytes as f64 / people as f64);
        rows.push(
            Row::waited(format!("first decision, {size}, {each:.0} bytes each on disk"), &all[0])
                .beside(1.0 / all[0].speed_of(&all[1]), "the time of the floor"),
        );
        rows.push(Row::waited(format!("floor: the file read once by one thread, {size}"), &all[1]));
    }
    Ok(())
}

/// A ledger in a folder, with or without what was saved.
fn ledgers(settings: &Settings, folder: &Path, rows: &mut Vec<Row>) -> Result<()> {
    let people = settings.either(2_000, 100_000);
    let world = World::on_disk(folder)?;
    serve::runtime("import")?.block_on(async {
        world.apply_catalog().await?;
        world.import(&world::silent(people)).await
    })?;
    let entries = world.app.ledger.snapshot().head().number;
    let secrets = world.app.ledger.secrets().clone();
    let place = world.into_folder().context("the ledger is in no folder")?;
    let open = || -> Result<Ledger> {
        let store = Arc::new(Embedded::open(place.path())?);
        let journal = Journal::open(&place.path().join("withdrawals.journal"))?;
        Ok(Ledger::open(store, secrets.clone(), Clock::system(), Some(journal))?)
    };
    let follow = |is_saved: bool| -> Result<Sample> {
        let image = place.path().join("snapshot.img");
        if !is_saved {
            let _ = std::fs::remove_file(&image);
        } else if !image.exists() {
            open()?.save()?;
        }
        let begun = Instant::now();
        let ledger = open()?;
        let sample = took(begun);
        ensure!((ledger.begun() != Position::START) == is_saved, "it began elsewhere");
        Ok(sample)
    };
    let mut contenders: [Contender; 2] = [Box::new(|| follow(true)), Box::new(|| follow(false))];
    let all = interleave(settings.rounds().min(5), &mut contenders)?;
    rows.push(
        Row::waited(format!("a ledger of {entries} entries, saved"), &all[0])
            .beside(all[0].speed_of(&all[1]), "faster than following all of it"),
    );
    rows.push(Row::waited("the same, followed from its beginning", &all[1]));
    Ok(())
}

/// Measures it.
pub(crate) fn measure(settings: &Settings) -> Result<Table> {
    let folder = world::folder(&settings.dir)?;
    let mut rows = Vec::new();
    crowds(settings, folder.path(), &mut rows)?;
    ledgers(settings, folder.path(), &mut rows)?;
    replica::rows(settings, &mut rows)?;
    Ok(Table { name: "start", title: "From nothing to the first decision", unit: "starts", rows })
}
