//! The golden examples, answered by the snapshot as the writer of a ledger feeds it.

use sayso_consent::{Entry, Position, Timestamp, event::VERSION, handle};
use sayso_decision::{Snapshot, Staged};
use sayso_testkit::golden::{Answer, Deed, Library, Question, Surface, check};

/// A snapshot and the way in to it, without a disk.
#[derive(Default)]
struct SnapshotSurface {
    snapshot: Snapshot,
}

impl Surface for SnapshotSurface {
    fn name(&self) -> &str {
        "snapshot"
    }

    fn reset(&mut self) {
        self.snapshot = Snapshot::default();
    }

    fn command(&mut self, at: Timestamp, deed: &Deed) -> Result<Option<Position>, String> {
        let at = at.max(self.snapshot.latest());
        let mut staged = Staged::on(&self.snapshot);
        let drafts = handle(&staged, deed.command(), at).map_err(|no| no.code().to_owned())?;
        let mut entries = Vec::new();
        let mut position = self.snapshot.head();
        for draft in drafts.into_iter().filter(|draft| !draft.events.is_empty()) {
            position = position.next();
            let (subject, events) = (draft.subject, draft.events);
            let entry = Entry { v: VERSION, position, at, subject, by: "laws".into(), events };
            staged.stage(&entry);
            entries.push(entry);
        }
        self.snapshot.apply(&entries);
        Ok(entries.first().map(|entry| entry.position))
    }

    fn decide(&mut self, at: Timestamp, question: &Question) -> Answer {
        let request = question.request(|lookup| self.snapshot.owner(lookup));
        self.snapshot.decide(&request, at).into()
    }
}

#[test]
fn golden_examples_hold_for_the_snapshot() {
    let mut surface = SnapshotSurface::default();
    let summary = check(&Library::here(), &mut surface).unwrap_or_else(|report| panic!("{report}"));
    assert!(summary.steps > 0, "no golden example was found");
}
