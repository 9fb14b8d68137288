//! A story as it is lived: a ledger in memory with the oracle, and the snapshot that follows it.

use std::sync::Arc;

use proptest::{prelude::*, sample::Index};
use sayso_consent::{
    Catalog, Choice, Command, Entry, Id, Request, SubjectId, Timestamp,
    choice::{Actor, Authority, Effect, Method, NoticeRef},
    event::{EffectReport, Identifier},
    handle::Facts,
    subject::Pending,
};
use sayso_decision::Snapshot;
use sayso_testkit::{golden::step::Identity, world::World};

use super::{
    asks::{Ask, DEVICES, Wide},
    catalogs::{Change, publish},
    history::{Act, By, Name, PEOPLE, Says, Step, Story},
};

/// 2026-01-05T09:00Z.
const BEGIN: Timestamp = Timestamp(1_767_603_600_000);

/// Where a story has come to.
pub(crate) struct Live {
    pub(crate) world: World,
    pub(crate) snapshot: Snapshot,
    /// The moment of the last step.
    pub(crate) at: Timestamp,
    /// How often each person began anew: an id is never given out twice.
    births: [u128; PEOPLE],
    /// Who spoke of what, and was not refused.
    spoken: Vec<(usize, Wide)>,
    /// How entries come to the snapshot: unchanged, unless a wrong rule is planted.
    plant: fn(&mut Entry),
}

/// Nothing is planted.
pub(crate) fn faithful(_: &mut Entry) {}

/// How many stories.
pub(crate) fn cases() -> u32 {
    let said = std::env::var("SAYSO_CASES").ok();
    said.map_or(512, |cases| cases.parse().expect("SAYSO_CASES is a number"))
}

pub(crate) fn config() -> ProptestConfig {
    ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() }
}

impl Live {
    /// The beginning of a story: something is declared, and three people are known who share a
    /// voice assistant and a webcam.
    pub(crate) fn begin(story: &Story, plant: fn(&mut Entry)) -> Self {
        let (world, snapshot) = (World::new(), Snapshot::default());
        let mut live =
            Self { world, snapshot, at: BEGIN, births: [0; PEOPLE], spoken: Vec::new(), plant };
        live.command(Command::ApplyCatalog { catalog: Box::new(story.first.catalog()) });
        for who in 0..3 {
            let known = ["email", "crm", "svc"].map(|namespace| identifier(namespace, who));
            let identifiers = known.into_iter().filter(|_| live.has_namespace("email")).collect();
            let subject = live.subject(who);
            let (is_active, minor_until, choices) = (true, None, Vec::new());
            live.command(Command::CreateSubject {
                subject,
                identifiers,
                is_active,
                minor_until,
                choices,
            });
        }
        for device in ["assistant/1", "webcam/1"] {
            let (subject, device): (_, Id) = (live.subject(0), device.parse().unwrap());
            live.command(Command::AcquireDevice { subject, device: device.clone(), from: None });
            let members = vec![live.subject(1), live.subject(2)];
            live.command(Command::SetHousehold { subject, device, members });
        }
        live
    }

    /// The whole of a story.
    pub(crate) fn through(story: &Story, plant: fn(&mut Entry)) -> Self {
        let mut live = Self::begin(story, plant);
        for step in &story.steps {
            live.step(step);
        }
        live
    }

    pub(crate) fn step(&mut self, step: &Step) {
        self.at = self.at.plus_ms(step.after_ms);
        for command in self.commands(&step.act) {
            let is_done = self.command(command);
            if let Some((who, says)) = step.act.says().filter(|_| is_done) {
                self.spoken.extend(says.iter().map(|says| (who, says.scope.clone())));
            }
        }
    }

    /// Records what a command comes to, here and there. A refusal is a normal answer.
    pub(crate) fn command(&mut self, command: Command) -> bool {
        let Ok(mut entries) = self.world.command(command, self.at) else { return false };
        entries.iter_mut().for_each(self.plant);
        self.snapshot.apply(&entries);
        true
    }

    pub(crate) fn catalog(&self) -> Arc<Catalog> {
        let in_force = self.world.in_force();
        in_force.map(|in_force| Arc::clone(&in_force.catalog)).expect("a story begins with one")
    }

    /// The id of a person. Two of them fall into one part of the snapshot.
    pub(crate) fn subject(&self, who: usize) -> SubjectId {
        let part = [3, 7, 7, 200, 255][who];
        SubjectId((part << 120) | (self.births[who] << 8) | who as u128)
    }

    /// A question, as it is asked.
    pub(crate) fn asked(&self, ask: &Ask) -> (Request, Timestamp) {
        let recent = &self.spoken[self.spoken.len().saturating_sub(6)..];
        let spoken = ask.echo.filter(|_| !recent.is_empty()).map(|(at, of)| (at.get(recent), of));
        let (who, ask) = match spoken {
            Some(((who, wide), true)) => (*who, &ask.about(wide)),
            Some(((_, wide), false)) => (ask.who, &ask.about(wide)),
            None => (ask.who, ask),
        };
        let subject = match who {
            who if who < PEOPLE => Some(self.subject(who)),
            PEOPLE => Some(SubjectId(0xdead)),
            _ => None,
        };
        (ask.request(&self.catalog(), subject), self.at.plus_ms(ask.after_ms))
    }

    fn has_namespace(&self, namespace: &str) -> bool {
        self.catalog().namespaces.contains_key(namespace)
    }

    /// What an act asks for; somebody who was erased begins anew under another id.
    pub(crate) fn commands(&mut self, act: &Act) -> Vec<Command> {
        if let Act::ReportAll { who } = act {
            return self.report_all(*who);
        }
        if let Act::Appear { who, .. } | Act::Import { who, .. } = act
            && self.world.subject(self.subject(*who)).is_none()
        {
            self.births[*who] += 1;
        }
        vec![self.asks_for(act)]
    }

    fn asks_for(&self, act: &Act) -> Command {
        let person = |who: &usize| self.subject(*who);
        let later = |ms: &Option<i64>| ms.map(|ms| self.at.plus_ms(ms));
        match act {
            Act::Change(change) => {
                Command::ApplyCatalog { catalog: Box::new(self.changed(change)) }
            }
            Act::Appear { who, names, is_active, minor, says } => Command::CreateSubject {
                subject: person(who),
                identifiers: self.names(names),
                is_active: *is_active,
                minor_until: later(minor),
                choices: self.said(*who, says),
            },
            Act::Import { who, names, is_active, says } => Command::Import {
                fresh: person(who),
                identifiers: [vec![identifier("email", *who)], self.names(names)].concat(),
                is_active: *is_active,
                minor_until: None,
                choices: self.said(*who, &stated(says)).into_iter().map(imported).collect(),
            },
            Act::Know { who, name, is_theirs } => self.knows(person(who), name, *is_theirs),
            Act::Choose { who, says, authority } => Command::Choose {
                subject: person(who),
                choices: self.said(*who, says),
                authority: *authority,
            },
            Act::Relate { who, is_active } => {
                Command::SetRelationship { subject: person(who), is_active: *is_active }
            }
            Act::Restrict { who, is_restricted } => {
                Command::SetRestriction { subject: person(who), is_restricted: *is_restricted }
            }
            Act::Age { who, minor } => {
                Command::SetMinority { subject: person(who), minor_until: later(minor) }
            }
            Act::Guard { who, guardian, is_guardian } => Command::SetGuardian {
                subject: person(who),
                guardian: person(guardian),
                is_guardian: *is_guardian,
            },
            _ => self.of_things(act),
        }
    }

    /// Devices, and what becomes of everything at the end.
    fn of_things(&self, act: &Act) -> Command {
        let person = |who: &usize| self.subject(*who);
        match act {
            Act::Acquire { who, device, is_honest } => {
                let device: Id = device.get(&DEVICES).parse().unwrap();
                let from = self.world.device_owner(&device).filter(|_| *is_honest);
                Command::AcquireDevice { subject: person(who), device, from }
            }
            Act::Share { who, device, with } => {
                let device: Id = device.get(&DEVICES).parse().unwrap();
                // Whoever is meant, it is mostly the owner who is asked.
                let owner = self.world.device_owner(&device).filter(|_| who % 2 == 0);
                let subject = owner.unwrap_or_else(|| person(who));
                Command::SetHousehold {
                    subject,
                    device,
                    members: with.iter().map(person).collect(),
                }
            }
            Act::Put { who, device, is_honest, with } => {
                let device: Id = device.get(&DEVICES).parse().unwrap();
                let from = self.world.device_owner(&device).filter(|_| *is_honest);
                let (subject, members) = (person(who), with.iter().map(person).collect());
                let from = from.filter(|from| *from != subject);
                Command::PutDevice { subject, device, from, members }
            }
            Act::Report { who, owed, far } => {
                let pending = self.pending(person(who));
                let owed = (!pending.is_empty()).then(|| owed.get(&pending).clone());
                let recipient =
                    owed.as_ref().map_or("mailer".parse().unwrap(), |owed| owed.recipient.clone());
                let mut through = owed.as_ref().map_or(self.world.head(), |owed| owed.position);
                through.number = through.number.saturating_add_signed(*far);
                let former = owed.and_then(|owed| owed.former_lookup());
                let report = EffectReport { former, ..report(recipient, through) };
                Command::ReportEffect { subject: person(who), report }
            }
            Act::Erase { who, at_once } => {
                Command::Erase { subject: person(who), at_once: *at_once }
            }
            Act::Replay { who, denials, is_erased } => Command::Replay {
                subject: person(who),
                denials: denials.iter().map(|wide| wide.scope(&self.catalog())).collect(),
                is_erased: *is_erased,
            },
            Act::Restore { from } => Command::NoteRestore { from: *from },
            other => unreachable!("{other:?} is no thing"),
        }
    }

    /// The catalog with something changed; a text mostly when somebody spoke about it.
    fn changed(&self, change: &Change) -> Catalog {
        let mut catalog = Catalog::clone(&self.catalog());
        let spoken = |at: &Index| {
            let texts = self.spoken.iter().filter_map(|(_, wide)| wide.notice(&catalog));
            let texts: Vec<Id> = texts.collect();
            (!texts.is_empty()).then(|| at.get(&texts).clone())
        };
        match change {
            Change::Publish { notice: at, material } => match spoken(at) {
                Some(id) => {
                    publish(&mut catalog, &id, *material);
                    catalog
                }
                None => change.of(&catalog),
            },
            other => other.of(&catalog),
        }
    }

    fn pending(&self, subject: SubjectId) -> Vec<Pending> {
        self.world.subject(subject).map(|state| state.pending.clone()).unwrap_or_default()
    }

    pub(crate) fn report_all(&self, who: usize) -> Vec<Command> {
        let subject = self.subject(who);
        let all = self.pending(subject).into_iter();
        let report = |owed: Pending| EffectReport {
            former: owed.former_lookup(),
            ..report(owed.recipient, owed.position)
        };
        all.map(|owed| Command::ReportEffect { subject, report: report(owed) }).collect()
    }

    fn knows(&self, subject: SubjectId, name: &Name, is_theirs: bool) -> Command {
        let mut names = self.names(std::slice::from_ref(name));
        let identifier = names.pop().unwrap_or_else(|| identifier("email", name.whose));
        if is_theirs {
            return Command::AddIdentifier { subject, identifier };
        }
        let Identifier { namespace, lookup, .. } = identifier;
        Command::RemoveIdentifier { subject, namespace, lookup }
    }

    fn names(&self, names: &[Name]) -> Vec<Identifier> {
        let catalog = self.catalog();
        let namespaces: Vec<&Id> = catalog.namespaces.keys().collect();
        let named = |name: &Name| identifier(name.namespace.get(&namespaces).as_str(), name.whose);
        if namespaces.is_empty() { Vec::new() } else { names.iter().map(named).collect() }
    }

    fn said(&self, who: usize, says: &[Says]) -> Vec<Choice> {
        let catalog = self.catalog();
        let state = self.world.subject(self.subject(who)).unwrap_or_default();
        let devices: Vec<&Id> = state.devices.iter().map(|link| &link.device).collect();
        let said = |says: &Says| Choice {
            effect: says.effect,
            scope: says.scope.of(&catalog, &devices),
            not_before: says.from_ms.map(|ms| self.at.plus_ms(ms)),
            until: says.until_ms.map(|ms| self.at.plus_ms(ms)),
            notice: notice(&catalog, says),
            method: says.method,
            actor: match says.by {
                By::Person => Actor::Person,
                By::Guardian(at) => match state.guardians.get(at).or(state.guardians.first()) {
                    Some(guardian) => Actor::Guardian { subject: *guardian },
                    None => Actor::Person,
                },
                By::Stranger => Actor::Guardian { subject: self.subject(3) },
                By::Agent => Actor::Agent { id: "17".into() },
                By::Signal => Actor::Signal,
                By::Import => Actor::Import,
            },
            evidence: None,
        };
        says.iter().map(said).collect()
    }
}

/// The text that a choice is about, or one of its versions before.
fn notice(catalog: &Catalog, says: &Says) -> Option<NoticeRef> {
    let id = says.scope.notice(catalog)?;
    let newest = catalog.notice(&id)?.version;
    let version = newest.saturating_sub(says.notice?).max(1);
    Some(NoticeRef { id, version, language: None })
}

/// An import that does not state its text is refused.
fn stated(says: &[Says]) -> Vec<Says> {
    let stated = |says: &Says| Says { notice: says.notice.or(Some(0)), ..says.clone() };
    says.iter().map(stated).collect()
}

fn imported(choice: Choice) -> Choice {
    Choice { method: Method::Import, actor: Actor::Import, ..choice }
}

fn report(recipient: Id, through: sayso_consent::Position) -> EffectReport {
    let (applied_at, sent_at, received_at) = (None, None, None);
    EffectReport {
        recipient,
        through,
        applied_at,
        sent_at,
        received_at,
        detail: None,
        former: None,
    }
}

/// The name by which a system knows a person.
pub(crate) fn identifier(namespace: &str, whose: usize) -> Identifier {
    Identity { namespace: namespace.parse().unwrap(), value: whose.to_string() }.identifier()
}

/// A no of the person, said where it is plain who they are.
pub(crate) fn withdrawal(subject: SubjectId, scope: sayso_consent::Scope) -> Command {
    let choice = Choice { method: Method::Portal, ..Choice::of_person(Effect::Denial, scope) };
    Command::Choose { subject, choices: vec![choice], authority: Authority::Strong }
}
