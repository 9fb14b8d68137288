//! What an example says, as plain data.

use sayso_consent::{
    Catalog, Id, Position, Scope, SubjectId, Timestamp,
    choice::{Authority, Effect, Evidence, Method, NoticeRef},
    event::Identifier,
    id::Lookup,
};

/// One file.
#[derive(Clone, Debug, PartialEq)]
pub struct Example {
    /// Its path, as it is shown.
    pub file: String,
    /// Its first heading.
    pub title: String,
    /// Its stories; each begins with an empty ledger.
    pub sections: Vec<Section>,
}

/// One story: what was recorded and asked, in order.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Its heading.
    pub title: String,
    /// What is declared when it begins; it is applied at the moment of the first step.
    pub catalog: Option<Box<Catalog>>,
    /// What happens.
    pub steps: Vec<Step>,
}

/// One line of a block.
#[derive(Clone, Debug, PartialEq)]
pub struct Step {
    /// The line of the file, from 1.
    pub line: usize,
    /// When it happens.
    pub at: Timestamp,
    /// The words before the arrow, as they stand in the file.
    pub said: String,
    /// What happens.
    pub act: Act,
    /// The words after the arrow in their one form.
    pub expected: String,
}

/// What happens in a step.
#[derive(Clone, Debug, PartialEq)]
pub enum Act {
    /// Something is to be recorded.
    Do {
        /// The number in the first column; none where a refusal is expected.
        number: Option<u64>,
        /// What.
        deed: Deed,
    },
    /// "May I?"
    Ask {
        /// What is asked.
        question: Question,
        /// The parts of the answer that are compared beside the yes or no and its reason.
        parts: Vec<Part>,
    },
}

/// A part of an answer that an example may speak of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The activity that it was decided under.
    Activity,
    /// When the answer changes by itself.
    Until,
    /// Until when data may be kept.
    KeepUntil,
    /// Until when it has to be deleted.
    DeleteBy,
    /// The fields to blank.
    Redact,
}

/// Somebody the examples speak of, by nickname.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Person(pub String);

impl Person {
    /// The id that this nickname always has in process.
    pub fn id(&self) -> SubjectId {
        SubjectId(digest(&format!("subject {}", self.0)))
    }
}

/// A system's name for somebody, such as `email:ana@example.org`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// Which system's.
    pub namespace: Id,
    /// The value, already in its normal form.
    pub value: String,
}

impl Identity {
    /// The digest that stands for it in process; a server makes its own, with its key.
    pub fn lookup(&self) -> Lookup {
        Lookup(digest(&format!("{}:{}", self.namespace, self.value)).to_be_bytes())
    }

    /// As a command needs it.
    pub fn identifier(&self) -> Identifier {
        Identifier {
            namespace: self.namespace.clone(),
            value: self.value.clone(),
            lookup: self.lookup(),
        }
    }
}

/// FNV-1a with 128 bits: examples need the same number each time, not secrecy.
fn digest(text: &str) -> u128 {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    text.bytes().fold(OFFSET, |sum, byte| (sum ^ u128::from(byte)).wrapping_mul(PRIME))
}

/// Who made a choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum By {
    /// The person.
    Person,
    /// A guardian.
    Guardian(Person),
    /// An agent of the company.
    Agent(String),
    /// A machine.
    Signal,
    /// An older system.
    Import,
}

/// A choice as it is said in an example.
#[derive(Clone, Debug, PartialEq)]
pub struct Said {
    /// Yes or no.
    pub effect: Effect,
    /// Over what.
    pub scope: Scope,
    /// A grant counts from here on.
    pub not_before: Option<Timestamp>,
    /// A grant counts until here.
    pub until: Option<Timestamp>,
    /// The text it was made on.
    pub notice: Option<NoticeRef>,
    /// How it reached the company.
    pub method: Method,
    /// Who made it.
    pub by: By,
    /// What shows it.
    pub evidence: Option<Evidence>,
}

/// Something that somebody does, to be recorded or refused.
#[derive(Clone, Debug, PartialEq)]
pub enum Deed {
    /// The company brings a catalog into force.
    Applies {
        /// The catalog, whole.
        catalog: Box<Catalog>,
    },
    /// A person becomes known.
    Appears {
        /// Who.
        person: Person,
        /// The names systems know them by.
        identities: Vec<Identity>,
        /// A contract is running.
        is_active: bool,
        /// Until then a grant counts only from a guardian.
        minor_until: Option<Timestamp>,
        /// What they say to begin with.
        choices: Vec<Said>,
    },
    /// A person is brought over from an older system.
    Imported {
        /// Who, if they are new.
        person: Person,
        /// The names systems know them by.
        identities: Vec<Identity>,
        /// A contract is running, if the older system says.
        is_active: Option<bool>,
        /// Until then a grant counts only from a guardian.
        minor_until: Option<Timestamp>,
        /// What they had said.
        choices: Vec<Said>,
    },
    /// A system's name for a person becomes known, or is theirs no longer.
    Known {
        /// Whose.
        person: Person,
        /// The name.
        identity: Identity,
        /// Whether it is theirs from now on.
        is_theirs: bool,
    },
    /// A person chooses, all at once.
    Chooses {
        /// Who.
        person: Person,
        /// What they say.
        choices: Vec<Said>,
        /// How surely it is they.
        authority: Authority,
    },
    /// A contract begins or ends.
    Relationship {
        /// Whose.
        person: Person,
        /// Whether it is running from now on.
        is_active: bool,
    },
    /// Processing is restricted or set free.
    Restriction {
        /// Whose.
        person: Person,
        /// Whether it is restricted from now on.
        is_restricted: bool,
    },
    /// It becomes known until when a person is a minor.
    Minority {
        /// Who.
        person: Person,
        /// Until when; `None` for an adult.
        minor_until: Option<Timestamp>,
    },
    /// Somebody becomes guardian, or ceases to be.
    Guardian {
        /// The person in care.
        person: Person,
        /// The guardian.
        guardian: Person,
        /// Whether they are from now on.
        is_guardian: bool,
    },
    /// A device becomes a person's own.
    Acquires {
        /// Whose.
        person: Person,
        /// Which.
        device: Id,
        /// Whose it was.
        from: Option<Person>,
    },
    /// It becomes known who lives with a device.
    Shares {
        /// The owner.
        person: Person,
        /// Which.
        device: Id,
        /// Everyone else.
        members: Vec<Person>,
    },
    /// A downstream system reports what it has applied.
    Reports {
        /// Which system.
        recipient: Id,
        /// For whom.
        person: Person,
        /// Through where. In a file this is the number of a line; the runner puts the place that
        /// the line took on the surface before the surface sees it.
        through: Position,
    },
    /// A person is erased.
    Erased {
        /// Who.
        person: Person,
        /// Without waiting for the systems.
        at_once: bool,
    },
}

/// Whose data a question is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Whose {
    /// By nickname: a surface knows the id.
    Person(Person),
    /// By a system's name for them.
    Identity(Identity),
}

/// "May this recipient use this data of this person for this purpose?"
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Question {
    /// Who wants to use it.
    pub recipient: Id,
    /// Which category.
    pub data: Id,
    /// Whose.
    pub whose: Whose,
    /// Why.
    pub purpose: Id,
    /// How the person would be reached.
    pub channel: Option<Id>,
    /// From or through which device.
    pub device: Option<Id>,
}
