//! What is wrong with a catalog, and where.

use std::fmt;

use serde::Serialize;

/// Most problems that are reported at once; the rest is counted.
pub const PROBLEMS_MAX: usize = 500;

/// One thing that is wrong, and where.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Problem {
    /// The file, as it was named to [`read`](crate::read).
    pub file: String,
    /// The line, from 1.
    pub line: usize,
    /// The column, from 1, in characters.
    pub column: usize,
    /// The place in the catalog, as a JSON pointer: `/activities/offers/purpose`.
    pub path: String,
    /// What is wrong.
    pub message: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hint: Option<String>,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}", self.file, self.line, self.column, self.message)?;
        match &self.hint {
            Some(hint) => write!(f, "\n  hint: {hint}"),
            None => Ok(()),
        }
    }
}

impl std::error::Error for Problem {}

/// A place in the text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    /// From 1.
    pub(crate) line: usize,
    /// From 1, in characters.
    pub(crate) column: usize,
}

impl Place {
    /// The beginning.
    pub(crate) const START: Self = Self { line: 1, column: 1 };
}

/// The problems found so far.
pub(crate) struct Problems<'a> {
    file: &'a str,
    found: Vec<Problem>,
    unreported: usize,
}

impl<'a> Problems<'a> {
    pub(crate) fn new(file: &'a str) -> Self {
        Self { file, found: Vec::new(), unreported: 0 }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.found.is_empty()
    }

    /// Whether a further problem would only be counted, so that a hint need not be worked out.
    pub(crate) fn is_full(&self) -> bool {
        self.found.len() >= PROBLEMS_MAX
    }

    pub(crate) fn add(
        &mut self,
        place: Place,
        path: &str,
        message: impl Into<String>,
        hint: Option<String>,
    ) {
        if self.is_full() {
            self.unreported += 1;
            return;
        }
        self.found.push(Problem {
            file: self.file.to_owned(),
            line: place.line,
            column: place.column,
            path: path.to_owned(),
            message: message.into(),
            hint,
        });
    }

    /// The problems in the order of the text, and how many more there are.
    pub(crate) fn finish(&mut self) -> Vec<Problem> {
        let mut found = std::mem::take(&mut self.found);
        let order = |problem: &Problem| (problem.line, problem.column, problem.message.clone());
        found.sort_by_cached_key(order);
        found.dedup();
        if let Some(last) = found.last().filter(|_| self.unreported > 0).cloned() {
            let message = format!("{} more problems are not shown", self.unreported);
            found.push(Problem { message, path: String::new(), hint: None, ..last });
        }
        found
    }
}
