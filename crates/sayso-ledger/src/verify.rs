//! Verifying a whole ledger, online or on a copied file.

use ed25519_dalek::VerifyingKey;
use sayso_consent::id::Position;
use serde::Serialize;

use crate::{
    checkpoint::Checkpoint,
    keys::Secrets,
    limits::FOLLOW_ENTRIES_MAX,
    record::{Hash, Opened, Record, canonical, chain, unclose},
    store::{Store, StoreError},
    tree::Frontier,
};

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Report {
    /// How many entries there are.
    pub entries: u64,
    /// How many of them were erased: only their commitments are left.
    pub erased: u64,
    /// How many were opened and matched their commitment; 0 without the root key.
    pub opened: u64,
    /// The root of the tree, in hexadecimal.
    pub root: String,
    /// Whether a signed head was found and holds.
    pub is_signed: bool,
    /// Everything that is wrong.
    pub problems: Vec<String>,
}

impl Report {
    /// Whether everything holds.
    pub fn holds(&self) -> bool {
        self.problems.is_empty()
    }
}

/// Verifies a store: positions without gaps, chain, tree against the signed head, and with the
/// secrets also every payload against its commitment. `older` is a signed head that was kept
/// elsewhere: the ledger must have grown from it.
///
/// # Errors
/// The store cannot be read at all; everything else is in the report.
pub fn verify(
    store: &dyn Store,
    key: &VerifyingKey,
    secrets: Option<&Secrets>,
    older: Option<&str>,
    progress: &mut dyn FnMut(u64),
) -> Result<Report, StoreError> {
    let mut walk = Walk { secrets, ..Walk::default() };
    let older = older.map(|note| Checkpoint::open(note, key));
    if let Some(Err(error)) = &older {
        walk.report.problems.push(format!("the kept checkpoint: {error}"));
    }
    let older = older.and_then(Result::ok);
    loop {
        let records = store.read_after(walk.position, FOLLOW_ENTRIES_MAX)?;
        if records.is_empty() {
            break;
        }
        for record in &records {
            walk.record(record);
            if let Some(older) = older.as_ref().filter(|older| older.size == walk.frontier.size()) {
                walk.compare("the kept checkpoint", older);
            }
        }
        progress(walk.report.entries);
    }
    if older.is_some_and(|older| older.size > walk.frontier.size()) {
        walk.report
            .problems
            .push("the kept checkpoint is of a longer log: entries are missing".into());
    }
    walk.head(store, key)?;
    walk.report.root = hex::encode(walk.frontier.root());
    Ok(walk.report)
}

/// Whether the bytes are what this program would write: a field that it does not know, or another
/// spelling of the same, would be read past.
fn is_canonical(opened: &Opened) -> bool {
    canonical(&opened.entry).is_ok_and(|bytes| bytes == opened.bytes)
}

#[derive(Default)]
struct Walk<'a> {
    secrets: Option<&'a Secrets>,
    position: Position,
    chain: Hash,
    frontier: Frontier,
    report: Report,
}

impl Walk<'_> {
    fn record(&mut self, record: &Record) {
        let at = record.position;
        if at != self.position.next() {
            self.problem(format!("entry {} is missing", self.position.next()));
        }
        if record.chain != chain(&self.chain, at, &record.commitment) {
            self.problem(format!("entry {at}: the chain is broken"));
        }
        match (&record.payload, self.secrets) {
            (None, _) => self.report.erased += 1,
            (Some(payload), None) if payload.wrapped_key.is_empty() => {
                self.problem(format!("entry {at}: the subject's key is missing"));
            }
            (Some(_), None) => {}
            (Some(payload), Some(secrets)) => {
                let opened = secrets
                    .unwrap(payload.subject, &payload.wrapped_key)
                    .map_err(|error| format!("entry {at}: the subject's key: {error}"))
                    .and_then(|key| {
                        unclose(record, payload, &key).map_err(|error| error.to_string())
                    });
                match opened {
                    Ok(opened) if !is_canonical(&opened) => {
                        self.problem(format!(
                            "entry {at}: its bytes are not in their canonical form"
                        ));
                    }
                    Ok(_) => self.report.opened += 1,
                    Err(problem) => self.problem(problem),
                }
            }
        }
        self.frontier.push(&record.commitment);
        self.position = at;
        self.chain = record.chain;
        self.report.entries += 1;
    }

    fn head(&mut self, store: &dyn Store, key: &VerifyingKey) -> Result<(), StoreError> {
        match store.checkpoint()? {
            Some(note) => match Checkpoint::open(&note, key) {
                Ok(checkpoint) => {
                    self.report.is_signed = true;
                    let origin = format!("sayso/{}", store.ledger_id()?);
                    if checkpoint.origin != origin {
                        self.problem(format!(
                            "the signed head is of {}, this is {origin}",
                            checkpoint.origin
                        ));
                    }
                    self.compare("the signed head", &checkpoint);
                }
                Err(error) => self.problem(format!("the signed head: {error}")),
            },
            None if self.report.entries > 0 => self.problem("there is no signed head".into()),
            None => {}
        }
        let strays = store.strays()?;
        if strays > 0 {
            self.problem(format!("{strays} payloads or keys belong to no entry"));
        }
        Ok(())
    }

    fn compare(&mut self, what: &str, checkpoint: &Checkpoint) {
        if checkpoint.size != self.frontier.size() {
            let (size, entries) = (checkpoint.size, self.frontier.size());
            self.problem(format!("{what} is over {size} entries, the ledger has {entries}"));
        } else if checkpoint.root != self.frontier.root() {
            self.problem(format!("{what} has another root than the entries before it"));
        }
    }

    fn problem(&mut self, problem: String) {
        self.report.problems.push(problem);
    }
}
