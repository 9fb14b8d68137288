//! The machine loses power: what was written after the last sync may be on disk, or not, or half.
//!
//! A ledger is written to, and beside it images are made of what a disk could hold if power went
//! at that moment: everything up to the last acknowledged write as it was, and of what was
//! written since each sector new, old, empty or garbled. Every image must open, hold, know all
//! that was acknowledged, and take the next write.

use std::{path::Path, sync::Arc};

use sayso_consent::{
    Choice, Command, Id, Position, Scope, SubjectId,
    choice::{Authority, Effect},
};
use sayso_ledger::{
    Clock, Ledger, Secrets, Store,
    journal::{self, Journal},
    record::Hash,
    verify::verify,
};
use sayso_stores::Embedded;

use crate::world::Dice;

const ROOT: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
/// How many images are made.
const IMAGES: usize = 300;
/// Bytes before the first frame of a write-ahead log, and before a frame's page.
const WAL_HEAD: usize = 32;
const FRAME_HEAD: usize = 24;
/// The size of a page.
const PAGE: usize = 4096;

fn secrets() -> Secrets {
    Secrets::from_hex(ROOT).unwrap()
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

/// A ledger that is open.
struct Open {
    ledger: Ledger,
    store: Arc<Embedded>,
}

impl Open {
    fn at(folder: &Path) -> Self {
        let store = Arc::new(Embedded::open(folder).unwrap());
        let journal = Journal::open(&folder.join("journal")).unwrap();
        let shared: Arc<dyn Store> = Arc::clone(&store) as _;
        let ledger = Ledger::open(shared, secrets(), Clock::system(), Some(journal)).unwrap();
        Self { ledger, store }
    }

    async fn command(&self, command: Command) -> Position {
        self.ledger.command(command, "test").await.unwrap().unwrap().position
    }

    fn holds(&self) {
        let key = secrets().verifying();
        let report = verify(&*self.store, &key, Some(&secrets()), None, &mut |_| {}).unwrap();
        assert!(report.holds(), "{:?}", report.problems);
    }
}

/// The files of a ledger at a moment.
#[derive(Clone, Default)]
struct Files {
    ledger: Vec<u8>,
    wal: Vec<u8>,
    derived: Vec<u8>,
    derived_wal: Vec<u8>,
    journal: Vec<u8>,
}

impl Files {
    fn of(folder: &Path) -> Self {
        let read = |name: &str| std::fs::read(folder.join(name)).unwrap_or_default();
        Self {
            ledger: read("ledger.db"),
            wal: read("ledger.db-wal"),
            derived: read("derived.db"),
            derived_wal: read("derived.db-wal"),
            journal: read("journal"),
        }
    }

    fn put(&self, folder: &Path) {
        let write = |name: &str, bytes: &[u8]| std::fs::write(folder.join(name), bytes).unwrap();
        write("ledger.db", &self.ledger);
        write("ledger.db-wal", &self.wal);
        write("derived.db", &self.derived);
        write("derived.db-wal", &self.derived_wal);
        write("journal", &self.journal);
    }
}

/// The two numbers that tell one run through a write-ahead log from the next.
fn salts(wal: &[u8]) -> Option<&[u8]> {
    wal.get(16..24)
}

/// Where the frames end that count: behind them stand frames of an earlier run, or nothing.
fn end_of_frames(wal: &[u8]) -> usize {
    let Some(size) = wal.get(8..12) else { return 0 };
    assert_eq!(size, (PAGE as u32).to_be_bytes());
    let mut end = WAL_HEAD;
    while wal.get(end + 8..end + 16).is_some_and(|own| Some(own) == salts(wal)) {
        end += FRAME_HEAD + PAGE;
    }
    end.min(wal.len())
}

/// What a disk may hold from `from` on, if `old` was there and `new` was on its way.
fn torn(old: &[u8], new: &[u8], from: usize, dice: &mut Dice) -> Vec<u8> {
    let sector = if dice.below(2) == 0 { 512 } else { 4096 };
    let mut image = old[..from].to_vec();
    let likely = dice.below(5);
    while image.len() < old.len().max(new.len()) {
        let at = image.len();
        let end = (at / sector + 1) * sector;
        let piece = |bytes: &[u8]| bytes.get(at..end.min(bytes.len())).unwrap_or_default().to_vec();
        let piece = match dice.below(8) {
            0 => vec![0; end - at],
            1 => (at..end).map(|_| dice.next() as u8).collect(),
            2 | 3 => piece(old),
            _ if likely == 0 => piece(old),
            _ => piece(new),
        };
        // A file that was not made longer ends here.
        if piece.is_empty() {
            break;
        }
        image.extend(piece);
    }
    if dice.below(4) == 0 {
        image.truncate(from + dice.below((image.len() - from + 1) as u64) as usize);
    }
    image
}

/// The disk after power went between two moments, the first of which was synced. None if the log
/// was moved into the file between them: that is what [`checkpointing`] is about.
fn between(synced: &Files, later: &Files, dice: &mut Dice) -> Option<Files> {
    if synced.ledger != later.ledger {
        return None;
    }
    let wal = if salts(&synced.wal) == salts(&later.wal) {
        torn(&synced.wal, &later.wal, end_of_frames(&synced.wal), dice)
    } else if dice.below(3) == 0 {
        // The head of a new run is synced before its first frame is written.
        let mut wal = synced.wal.clone();
        let head = wal.len().min(WAL_HEAD);
        wal[..head].iter_mut().for_each(|byte| *byte = dice.next() as u8);
        wal
    } else {
        let mut old = synced.wal.clone();
        old.resize(old.len().max(WAL_HEAD), 0);
        old[..WAL_HEAD].copy_from_slice(&later.wal[..WAL_HEAD]);
        torn(&old, &later.wal, WAL_HEAD, dice)
    };
    Some(Files { wal, ..beside(synced, later, dice) })
}

/// The disk after power went while the log was being moved into the file.
fn checkpointing(synced: &Files, later: &Files, dice: &mut Dice) -> Files {
    Files { ledger: torn_file(&synced.ledger, &later.ledger, dice), ..beside(synced, later, dice) }
}

/// A file of pages: those that were on their way are written, or not, or in parts.
fn torn_file(old: &[u8], new: &[u8], dice: &mut Dice) -> Vec<u8> {
    let mut image = new.to_vec();
    for (page, at) in image.chunks_mut(PAGE).zip((0..).step_by(PAGE)) {
        let old = old.get(at..).unwrap_or_default();
        if old.starts_with(page) {
            continue;
        }
        for (sector, at) in page.chunks_mut(512).zip((0..).step_by(512)) {
            let old = old.get(at..).unwrap_or_default().iter().chain(std::iter::repeat(&0));
            match dice.below(3) {
                0 => {}
                1 => sector.iter_mut().for_each(|byte| *byte = dice.next() as u8),
                _ => sector.iter_mut().zip(old).for_each(|(byte, old)| *byte = *old),
            }
        }
    }
    image
}

/// The files beside the ledger's own: the journal is synced, the derived file is not.
fn beside(synced: &Files, later: &Files, dice: &mut Dice) -> Files {
    let same_run =
        synced.derived == later.derived && salts(&synced.derived_wal) == salts(&later.derived_wal);
    let derived_wal = match same_run {
        true => torn(&synced.derived_wal, &later.derived_wal, 0, dice),
        false => synced.derived_wal.clone(),
    };
    Files {
        journal: torn(&synced.journal, &later.journal, synced.journal.len(), dice),
        derived_wal,
        ..synced.clone()
    }
}

/// What was acknowledged by a moment.
#[derive(Clone, Default)]
struct Acknowledged {
    entries: Vec<Hash>,
    /// Who said something, and where it stands.
    said: Vec<(SubjectId, Position, Effect)>,
    erased: Vec<SubjectId>,
}

/// Writes to the ledger by chance.
struct Writing {
    open: Open,
    people: Vec<SubjectId>,
    acknowledged: Acknowledged,
    next: u128,
}

impl Writing {
    async fn begin(folder: &Path) -> Self {
        let open = Open::at(folder);
        let catalog = sayso_catalog::read(hearth::CATALOG, "catalog.yaml").unwrap();
        open.command(Command::ApplyCatalog { catalog: Box::new(catalog) }).await;
        Self { open, people: Vec::new(), acknowledged: Acknowledged::default(), next: 1 }
    }

    /// Writes something, and remembers it once it is acknowledged.
    async fn write(&mut self, dice: &mut Dice) {
        match dice.below(40) {
            0 if self.people.len() > 4 => {
                let which = dice.below(self.people.len() as u64) as usize;
                let subject = self.people.swap_remove(which);
                self.open.command(Command::Erase { subject, at_once: true }).await;
                self.acknowledged.said.retain(|(own, ..)| *own != subject);
                self.acknowledged.erased.push(subject);
            }
            1..10 => self.create().await,
            _ if self.people.is_empty() => self.create().await,
            _ => self.choose(dice).await,
        }
        let from = Position::at(self.acknowledged.entries.len() as u64);
        let new = self.open.store.commitments_after(from, 1_000).unwrap();
        self.acknowledged.entries.extend(new);
    }

    async fn create(&mut self) {
        let subject = SubjectId(self.next.wrapping_mul(0x9E37_79B9_7F4A_7C15_F39C_C060_5CED_C835));
        self.next += 1;
        self.people.push(subject);
        let command = Command::CreateSubject {
            subject,
            identifiers: Vec::new(),
            is_active: true,
            minor_until: None,
            choices: Vec::new(),
        };
        self.open.command(command).await;
    }

    async fn choose(&mut self, dice: &mut Dice) {
        let subject = self.people[dice.below(self.people.len() as u64) as usize];
        let channel = ["email", "post", "push", "sms"][dice.below(4) as usize];
        let scope = Scope {
            purpose: Some(id("marketing.offers")),
            channel: Some(id(channel)),
            ..Scope::default()
        };
        let effect = if dice.below(2) == 0 { Effect::Grant } else { Effect::Denial };
        let choices = vec![Choice::of_person(effect, scope)];
        let command = Command::Choose { subject, choices, authority: Authority::Strong };
        let written = self.open.ledger.command(command, "test").await.unwrap().unwrap();
        if written.is_new {
            self.acknowledged.said.push((subject, written.position, effect));
        }
    }
}

/// Opens an image: everything that was acknowledged is in it.
async fn check(folder: &Path, acknowledged: &Acknowledged) {
    let open = Open::at(folder);
    let entries = open.store.commitments_after(Position::START, usize::MAX).unwrap();
    assert!(entries.starts_with(&acknowledged.entries), "an acknowledged entry is lost");
    open.holds();
    let (lines, _) = journal::read(&folder.join("journal"), &secrets()).unwrap();
    for (subject, position, effect) in &acknowledged.said {
        let about = open.store.entries_about(*subject, Position::at(u64::MAX), usize::MAX).unwrap();
        // What was not acknowledged yet may be there all the same, and be their erasure.
        let Some(_) = open.ledger.snapshot().subject(*subject) else { continue };
        assert!(about.contains(position), "{position} is not in the history of its subject");
        let is_denial = *effect == Effect::Denial;
        let is_kept = !is_denial || lines.iter().any(|line| line.position == *position);
        assert!(is_kept, "the withdrawal {position} is not in the journal");
    }
    for subject in &acknowledged.erased {
        assert!(open.ledger.snapshot().subject(*subject).is_none());
        assert_eq!(open.store.subject_keys(&[*subject]).unwrap(), [None]);
    }
    let mut writing =
        Writing { open, people: Vec::new(), acknowledged: acknowledged.clone(), next: 1 << 64 };
    writing.create().await;
    writing.open.holds();
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_loss_of_power_all_that_was_acknowledged_is_there() {
    let seed = std::env::var("SAYSO_SEED").map_or(1, |text| text.parse().unwrap());
    let mut dice = Dice(seed);
    let folder = tempfile::tempdir().unwrap();
    let mut writing = Writing::begin(folder.path()).await;
    for image in 0..IMAGES {
        let (files, acknowledged) = loop {
            writing.write(&mut dice).await;
            let (synced, acknowledged) = (Files::of(folder.path()), writing.acknowledged.clone());
            let files = if dice.below(6) == 0 {
                let moving = rusqlite::Connection::open(folder.path().join("ledger.db")).unwrap();
                let pragma = "PRAGMA wal_checkpoint(PASSIVE)";
                moving.query_row(pragma, [], |_| Ok(())).unwrap();
                Some(checkpointing(&synced, &Files::of(folder.path()), &mut dice))
            } else {
                for _ in 0..=dice.below(3) {
                    writing.write(&mut dice).await;
                }
                between(&synced, &Files::of(folder.path()), &mut dice)
            };
            if let Some(files) = files {
                break (files, acknowledged);
            }
        };
        let disk = tempfile::tempdir().unwrap();
        files.put(disk.path());
        eprintln!("image {image} of seed {seed}: {} entries", acknowledged.entries.len());
        check(disk.path(), &acknowledged).await;
    }
}

/// The test above would see a loss: without the last frame that was synced, an entry is missing.
#[tokio::test]
#[should_panic(expected = "an acknowledged entry is lost")]
async fn a_disk_that_forgets_what_it_synced_is_found_out() {
    let mut dice = Dice(1);
    let folder = tempfile::tempdir().unwrap();
    let mut writing = Writing::begin(folder.path()).await;
    writing.write(&mut dice).await;
    let mut files = Files::of(folder.path());
    files.wal.truncate(end_of_frames(&files.wal) - PAGE);
    let disk = tempfile::tempdir().unwrap();
    files.put(disk.path());
    check(disk.path(), &writing.acknowledged).await;
}
