//! Who decides.

use sayso_consent::{Id, Position, Reason, Request, SubjectId, Timestamp, id::Lookup};
use sayso_decision::Snapshot;

/// Answers for whole columns.
pub trait Answers: Sync {
    /// Whom each text in the column of identifiers stands for; none if nobody is known by it.
    fn find<'a>(
        &self,
        texts: impl Iterator<Item = Option<&'a str>>,
        people: &mut Vec<Option<SubjectId>>,
    );

    /// For each kind of data what the rule says of it of each of these people, in order.
    fn answer(&self, data: &[Id], people: &[Option<SubjectId>], reasons: &mut [Vec<Reason>]);
}

/// What a text in the column of identifiers is.
pub enum Names<F> {
    /// A subject id.
    Subjects,
    /// An identifier; this gives the digest that it is found by, or none if it cannot be one.
    Identifiers(F),
}

/// The answers of a snapshot, all for one use and one moment.
pub struct Live<'a, F> {
    /// The state of everybody.
    pub snapshot: &'a Snapshot,
    /// What people are called.
    pub names: Names<F>,
    /// What for.
    pub purpose: Id,
    /// Who wants to use it.
    pub recipient: Id,
    /// How people would be reached.
    pub channel: Option<Id>,
    /// When. One moment for all rows: else the same person could be told yes and no in one file.
    pub at: Timestamp,
}

/// What an activity asks of whoever uses data under it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Duties {
    /// Fields that have to be blank.
    pub redact: Vec<String>,
    /// By when what was obtained has to be deleted.
    pub delete_by: Option<Timestamp>,
}

impl<F> Live<'_, F> {
    /// Where the ledger stood.
    pub fn as_of(&self) -> Position {
        self.snapshot.head()
    }

    /// What the activity asks that a use of this data falls under. It is the same for everybody.
    pub fn duties(&self, data: &Id) -> Duties {
        let decision = self.snapshot.decide(&self.request(data, None), self.at);
        let in_force = self.snapshot.in_force();
        let activities = in_force.as_deref().map(|now| &now.catalog.activities);
        let activity = decision.activity.and_then(|id| activities?.get(&id));
        activity.map_or_else(Duties::default, |activity| Duties {
            redact: activity.redact.clone(),
            delete_by: Some(self.at.max(self.snapshot.latest()).plus(&activity.retention)),
        })
    }

    fn request(&self, data: &Id, subject: Option<SubjectId>) -> Request {
        Request {
            subject,
            data: data.clone(),
            purpose: self.purpose.clone(),
            recipient: self.recipient.clone(),
            channel: self.channel.clone(),
            device: None,
        }
    }
}

impl<F> Answers for Live<'_, F>
where
    F: Fn(&str) -> Option<Lookup> + Sync,
{
    fn find<'a>(
        &self,
        texts: impl Iterator<Item = Option<&'a str>>,
        people: &mut Vec<Option<SubjectId>>,
    ) {
        match &self.names {
            Names::Subjects => {
                people.clear();
                people.extend(texts.map(|text| text?.trim().parse().ok()));
            }
            Names::Identifiers(digest) => {
                let lookups: Vec<_> = texts.map(|text| digest(text?)).collect();
                self.snapshot.owners(&lookups, people);
            }
        }
    }

    fn answer(&self, data: &[Id], people: &[Option<SubjectId>], reasons: &mut [Vec<Reason>]) {
        let requests: Vec<_> = data.iter().map(|data| self.request(data, None)).collect();
        self.snapshot.reasons(&requests, people, self.at, reasons);
    }
}
