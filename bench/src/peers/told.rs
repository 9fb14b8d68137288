//! Policy engines that are told what the crowd has said.

use anyhow::Result;

use crate::crowd::Asked;

/// A program that decides about the people of the crowd.
pub(crate) trait Peer {
    /// Makes ready to be asked this about each of the first so many people.
    fn prepare(&mut self, asked: &Asked, people: u64) -> Result<()>;

    /// Whether the answer about a person is yes.
    fn allows(&mut self, number: u64) -> Result<bool>;
}

/// One that knows everybody.
pub(crate) struct Told {
    pub(crate) name: &'static str,
    /// About how many people.
    pub(crate) people: u64,
    /// What all of them take.
    pub(crate) bytes: u64,
    /// The program.
    pub(crate) peer: Box<dyn Peer>,
}

impl Told {
    /// What it is, and what it takes.
    pub(crate) fn name(&self) -> String {
        let Self { name, people, bytes, .. } = self;
        let people = match people {
            0..1_000 => people.to_string(),
            people => format!("{} k", people / 1_000),
        };
        format!("peer: {name}, {people} people, {} bytes each", bytes / self.people)
    }
}
