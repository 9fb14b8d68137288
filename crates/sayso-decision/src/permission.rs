//! What a recipient may do with one person's data: all of it, as it is told.

use sayso_consent::catalog::InForce;
use sayso_consent::{
    id::{Id, Position, SubjectId},
    request::{Reason, Request},
    subject::SubjectState,
    time::Timestamp,
};

use crate::{
    decide::{Passing, People, decide},
    snapshot::Snapshot,
};

/// One thing that a recipient may or may not do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Permission {
    /// The activity that declares it.
    pub activity: Id,
    /// Why.
    pub purpose: Id,
    /// What.
    pub data: Id,
    /// How the person is reached.
    pub channel: Option<Id>,
    /// Why it is allowed or not.
    pub reason: Reason,
    /// When an allowed use ends by itself.
    pub until: Option<Timestamp>,
    /// The grant it rests on.
    pub grant: Option<Position>,
}

impl Snapshot {
    /// What a recipient may do with one person's data; nothing, with reasons, if the person is
    /// not known. Quiet hours and lateness are left out: they pass.
    pub fn permissions(
        &self,
        subject: SubjectId,
        recipient: &Id,
        at: Timestamp,
    ) -> Vec<Permission> {
        let Some(in_force) = self.in_force() else { return Vec::new() };
        let state = self.subject(subject);
        permissions(&in_force, self, subject, state.as_deref(), recipient, at.max(self.latest()))
    }
}

/// The same over given states: for asking what a choice would do before it is made.
pub fn permissions(
    in_force: &InForce,
    people: &impl People,
    subject: SubjectId,
    state: Option<&SubjectState>,
    recipient: &Id,
    at: Timestamp,
) -> Vec<Permission> {
    let cells = in_force.catalog.cells(recipient);
    let permission = |cell: sayso_consent::catalog::Cell| {
        let request = Request {
            subject: Some(subject),
            data: cell.data.clone(),
            purpose: cell.purpose.clone(),
            recipient: recipient.clone(),
            channel: cell.channel.cloned(),
            device: None,
        };
        let decision = decide(Some(in_force), people, state, &request, at, Passing::LeftOut);
        Permission {
            activity: cell.activity.clone(),
            purpose: request.purpose,
            data: request.data,
            channel: request.channel,
            reason: decision.reason,
            until: decision.until,
            grant: decision.grant,
        }
    };
    cells.map(permission).collect()
}
