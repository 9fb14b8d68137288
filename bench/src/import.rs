//! Bringing people over, beside plain rows in the same database.

use std::time::Instant;

use anyhow::Result;
use rusqlite::params;

use crate::{
    Settings,
    report::{Row, Section},
    rounds::{Contender, Sample, interleave},
    serve,
    world::{self, LINES, World},
};

/// How many people are brought over.
const PEOPLE: usize = 10_000;

/// A new ledger each time: bringing people over happens once.
fn import<'a>(settings: &'a Settings, lines: &'a [String]) -> Contender<'a> {
    Box::new(move || {
        let world = World::on_disk(&settings.dir)?;
        let runtime = serve::runtime("import")?;
        runtime.block_on(world.apply_catalog())?;
        let begun = Instant::now();
        runtime.block_on(world.import(lines))?;
        let seconds = begun.elapsed().as_secs_f64();
        Ok(Sample { count: lines.len() as u64, seconds, ..Sample::default() })
    })
}

/// The same lines as they are, as many a commit.
fn rows<'a>(settings: &'a Settings, lines: &'a [String]) -> Contender<'a> {
    Box::new(move || {
        let folder = world::folder(&settings.dir)?;
        let mut database = world::database(folder.path())?;
        let begun = Instant::now();
        for batch in lines.chunks(LINES) {
            let write = database.transaction()?;
            for line in batch {
                write
                    .prepare_cached("INSERT INTO rows (body) VALUES (?1)")?
                    .execute(params![line.as_bytes()])?;
            }
            write.commit()?;
        }
        let seconds = begun.elapsed().as_secs_f64();
        Ok(Sample { count: lines.len() as u64, seconds, ..Sample::default() })
    })
}

/// Measures it.
pub(crate) fn measure(settings: &Settings) -> Result<Section> {
    let lines = world::lines(settings.either(2_000, PEOPLE))?;
    let rounds = settings.rounds().min(5);
    let all = interleave(rounds, &mut [import(settings, &lines), rows(settings, &lines)])?;
    let [import, rows] = &all[..] else {
        anyhow::bail!("a contender has no figures");
    };
    let seconds = lines.len() as f64 / import.per_second();
    Ok(Section {
        name: "import",
        title: "Bringing people over",
        unit: "lines",
        rows: vec![
            Row::new(format!("import of {} people ({seconds:.1} s)", lines.len()), import)
                .beside(import.speed_of(rows), "plain rows"),
            Row::new("peer: SQLite, plain rows, 1,000 a commit", rows),
        ],
    })
}
