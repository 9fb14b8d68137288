//! From steps to the values of the write and read lanes, for surfaces in this process.

use sayso_consent::{
    Choice, Command, Id, Position, Request, SubjectId,
    choice::Actor,
    event::{EffectReport, Identifier},
    id::Lookup,
};

use super::step::{By, Deed, Identity, Person, Question, Said, Whose};

impl Deed {
    /// The command, for a surface in this process.
    pub fn command(&self) -> Command {
        match self.clone() {
            Self::Applies { catalog } => Command::ApplyCatalog { catalog },
            Self::Appears { person, identities, is_active, minor_until, choices } => {
                Command::CreateSubject {
                    subject: person.id(),
                    identifiers: identifiers(&identities),
                    is_active,
                    minor_until,
                    choices: chosen(&choices),
                }
            }
            Self::Imported { person, identities, is_active, minor_until, choices } => {
                Command::Import {
                    fresh: person.id(),
                    identifiers: identifiers(&identities),
                    is_active,
                    minor_until,
                    choices: chosen(&choices),
                }
            }
            Self::Known { person, identity, is_theirs } => known(&person, &identity, is_theirs),
            Self::Chooses { person, choices, authority } => {
                Command::Choose { subject: person.id(), choices: chosen(&choices), authority }
            }
            Self::Relationship { person, is_active } => {
                Command::SetRelationship { subject: person.id(), is_active }
            }
            Self::Restriction { person, is_restricted } => {
                Command::SetRestriction { subject: person.id(), is_restricted }
            }
            Self::Minority { person, minor_until } => {
                Command::SetMinority { subject: person.id(), minor_until }
            }
            Self::Guardian { person, guardian, is_guardian } => {
                Command::SetGuardian { subject: person.id(), guardian: guardian.id(), is_guardian }
            }
            Self::Acquires { person, device, from } => {
                let from = from.map(|from| from.id());
                Command::AcquireDevice { subject: person.id(), device, from }
            }
            Self::Shares { person, device, members } => {
                let members = members.iter().map(Person::id).collect();
                Command::SetHousehold { subject: person.id(), device, members }
            }
            Self::Reports { recipient, person, through } => {
                Command::ReportEffect { subject: person.id(), report: report(recipient, through) }
            }
            Self::Erased { person, at_once } => Command::Erase { subject: person.id(), at_once },
        }
    }
}

fn identifiers(identities: &[Identity]) -> Vec<Identifier> {
    identities.iter().map(Identity::identifier).collect()
}

fn chosen(choices: &[Said]) -> Vec<Choice> {
    choices.iter().map(Said::choice).collect()
}

fn known(person: &Person, identity: &Identity, is_theirs: bool) -> Command {
    let subject = person.id();
    if is_theirs {
        return Command::AddIdentifier { subject, identifier: identity.identifier() };
    }
    let namespace = identity.namespace.clone();
    Command::RemoveIdentifier { subject, namespace, lookup: identity.lookup() }
}

fn report(recipient: Id, through: Position) -> EffectReport {
    EffectReport {
        recipient,
        through,
        applied_at: None,
        sent_at: None,
        received_at: None,
        detail: None,
        former: None,
    }
}

impl Said {
    /// As a command needs it.
    pub fn choice(&self) -> Choice {
        let actor = match &self.by {
            By::Person => Actor::Person,
            By::Guardian(guardian) => Actor::Guardian { subject: guardian.id() },
            By::Agent(id) => Actor::Agent { id: id.clone() },
            By::Signal => Actor::Signal,
            By::Import => Actor::Import,
        };
        Choice {
            effect: self.effect,
            scope: self.scope.clone(),
            not_before: self.not_before,
            until: self.until,
            notice: self.notice.clone(),
            method: self.method,
            actor,
            evidence: self.evidence.clone(),
        }
    }
}

impl Question {
    /// The request, for a surface in this process that can say whose identifier a digest is.
    pub fn request(&self, owner: impl Fn(&Lookup) -> Option<SubjectId>) -> Request {
        let subject = match &self.whose {
            Whose::Person(person) => Some(person.id()),
            Whose::Identity(identity) => owner(&identity.lookup()),
        };
        Request {
            subject,
            data: self.data.clone(),
            purpose: self.purpose.clone(),
            recipient: self.recipient.clone(),
            channel: self.channel.clone(),
            device: self.device.clone(),
        }
    }
}
