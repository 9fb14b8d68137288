//! What was saved, read where it lies.

use sayso_consent::{
    id::{Id, Lookup, SubjectId},
    subject::SubjectState,
};

/// A saved snapshot. What it has does not change; what changed since is in memory.
pub trait Base: Send + Sync {
    /// What was known about a person.
    fn state(&self, subject: SubjectId) -> Option<SubjectState>;
    /// Whose identifier a digest was.
    fn owner(&self, lookup: &Lookup) -> Option<SubjectId>;
    /// Whose a device was.
    fn device_owner(&self, device: &Id) -> Option<SubjectId>;
    /// The people whose ids begin with a byte, in any order.
    fn people(&self, first: u8) -> Vec<SubjectId>;
}
