//! Those whose time has passed. Their slots no longer tell, so they are answered by the rule until
//! they are summed up anew.

use crate::snapshot::Snapshot;

impl Snapshot {
    /// Sums up anew at most so many of those for whom something has ended or begun by itself, up to
    /// the highest time ever recorded: what was true of them then is true from then on. Says how
    /// many there were; with fewer than `most` there are no more for now. Only by whoever applies
    /// entries, now and then.
    pub fn settle(&self, most: usize) -> usize {
        self.engine.settle(|subject| self.subject(subject), self.latest(), most)
    }
}
