//! What was withheld, and why: counts, and nothing about anybody.

use std::collections::BTreeMap;

use sayso_consent::{Id, Position, Reason, Timestamp};
use serde::Serialize;

use crate::{
    layout::{Layout, Use},
    spec::Spec,
};

/// Counts of some rows.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// How many rows.
    pub rows: u64,
    /// How many of them are about nobody who is known.
    pub unknown: u64,
    /// In how many of them nothing is left.
    pub emptied: u64,
    /// For each mapped column how often each reason was given.
    pub reasons: Vec<[u64; Reason::ALL.len()]>,
}

impl Tally {
    /// Of no rows.
    pub fn new(columns: usize) -> Self {
        Self { rows: 0, unknown: 0, emptied: 0, reasons: vec![[0; Reason::ALL.len()]; columns] }
    }

    /// Adds the counts of other rows.
    pub fn add(&mut self, other: &Self) {
        self.rows += other.rows;
        self.unknown += other.unknown;
        self.emptied += other.emptied;
        let theirs = other.reasons.iter().flatten();
        for (own, theirs) in self.reasons.iter_mut().flatten().zip(theirs) {
            *own += theirs;
        }
    }
}

/// What became of a column.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Column {
    /// Its name.
    pub column: String,
    /// Which data is in it.
    pub data: Id,
    /// In how many rows it was kept.
    pub kept: u64,
    /// In how many rows it was blanked.
    pub withheld: u64,
    /// In how many rows for which reason.
    pub reasons: BTreeMap<&'static str, u64>,
    /// Whether all of it was blanked because the activity obliges to.
    pub is_redacted: bool,
    /// By when what was kept has to be deleted.
    pub delete_by: Option<Timestamp>,
}

/// What became of a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Report {
    /// Where the ledger stood.
    pub as_of: Position,
    /// The moment that was asked about.
    pub at: Timestamp,
    /// How many rows were read.
    pub rows: u64,
    /// How many of them are about nobody who is known.
    pub unknown: u64,
    /// In how many of them nothing is left.
    pub emptied: u64,
    /// Whether those were left out.
    pub is_dropped: bool,
    /// What became of each mapped column.
    pub columns: Vec<Column>,
    /// Columns that passed though nobody said what data they are.
    pub unmapped: Vec<String>,
}

impl Report {
    /// Of a file with this layout. `delete_by` says for each mapped column by when what was kept
    /// of it has to be deleted.
    pub fn new(
        (as_of, at): (Position, Timestamp),
        (spec, layout): (&Spec, &Layout),
        tally: &Tally,
        delete_by: &[Option<Timestamp>],
    ) -> Self {
        let mapped = spec.columns.iter().zip(&tally.reasons).zip(delete_by);
        let columns = mapped.map(|((mapped, reasons), delete_by)| {
            let is_redacted = spec.redact.contains(&mapped.column);
            let given = || Reason::ALL.into_iter().zip(reasons).filter(|(_, rows)| **rows > 0);
            let allowed: u64 =
                given().filter(|(reason, _)| reason.allows()).map(|(_, rows)| rows).sum();
            let kept = if is_redacted { 0 } else { allowed };
            Column {
                column: mapped.column.clone(),
                data: mapped.data.clone(),
                kept,
                withheld: tally.rows - kept,
                reasons: given().map(|(reason, rows)| (reason.code(), *rows)).collect(),
                is_redacted,
                delete_by: delete_by.filter(|_| kept > 0),
            }
        });
        let columns = columns.collect();
        let named = layout.schema.fields().iter().zip(&layout.uses);
        let passing = named.filter(|(_, used)| **used == Use::Passes);
        Self {
            as_of,
            at,
            rows: tally.rows,
            unknown: tally.unknown,
            emptied: tally.emptied,
            is_dropped: spec.drop_rows,
            columns,
            unmapped: passing.map(|(field, _)| field.name().clone()).collect(),
        }
    }
}
