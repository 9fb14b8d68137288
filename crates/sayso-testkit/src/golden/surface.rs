//! What an example runs against.

use sayso_consent::{Decision, Position, Timestamp, handle::Facts, request::Obligation};

use super::step::{Deed, Question};
use crate::world::World;

/// Anything that records and answers.
///
/// A surface that breaks (a refused connection, a torn file) panics with what it saw: examples
/// speak of business answers only.
pub trait Surface {
    /// Its name in a report.
    fn name(&self) -> &str;

    /// Starts again from an empty ledger, without a catalog.
    fn reset(&mut self);

    /// Does something at a moment. The answer is the place of what was recorded about the one
    /// whom it is about, `None` if it said nothing new, or the code of the refusal.
    ///
    /// A server behind a process boundary has its clock set to `at` first.
    fn command(&mut self, at: Timestamp, deed: &Deed) -> Result<Option<Position>, String>;

    /// Asks at a moment.
    fn decide(&mut self, at: Timestamp, question: &Question) -> Answer;
}

/// An answer as any surface can give it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Answer {
    /// Yes or no.
    pub allow: bool,
    /// The stable code of the reason.
    pub reason: String,
    /// The activity that it was decided under.
    pub activity: Option<String>,
    /// Where the grant stands that a yes rests on.
    pub grant: Option<Position>,
    /// The head that it was read at.
    pub as_of: Position,
    /// When the answer changes by itself.
    pub until: Option<Timestamp>,
    /// Until when data may be kept.
    pub keep_until: Option<Timestamp>,
    /// Until when it has to be deleted.
    pub delete_by: Option<Timestamp>,
    /// The fields to blank.
    pub redact: Vec<String>,
}

impl From<Decision> for Answer {
    fn from(decision: Decision) -> Self {
        let mut answer = Self {
            allow: decision.allow(),
            reason: decision.reason.code().into(),
            activity: decision.activity.map(|activity| activity.to_string()),
            grant: decision.grant,
            as_of: decision.as_of,
            until: decision.until,
            keep_until: decision.keep_until,
            ..Self::default()
        };
        for obligation in decision.obligations {
            match obligation {
                Obligation::Redact { fields } => answer.redact = fields,
                Obligation::DeleteBy { at } => answer.delete_by = Some(at),
            }
        }
        answer
    }
}

/// The rule itself, on a ledger in memory. What it answers is what everything else must.
#[derive(Debug, Default)]
pub struct OracleSurface {
    world: World,
}

impl OracleSurface {
    /// What was recorded since the last reset.
    pub fn world(&self) -> &World {
        &self.world
    }
}

impl Surface for OracleSurface {
    fn name(&self) -> &str {
        "oracle"
    }

    fn reset(&mut self) {
        self.world = World::new();
    }

    fn command(&mut self, at: Timestamp, deed: &Deed) -> Result<Option<Position>, String> {
        let recorded =
            self.world.command(deed.command(), at).map_err(|no| no.code().to_string())?;
        Ok(recorded.first().map(|entry| entry.position))
    }

    fn decide(&mut self, at: Timestamp, question: &Question) -> Answer {
        let request = question.request(|lookup| self.world.owner(lookup));
        self.world.decide(&request, at).into()
    }
}
