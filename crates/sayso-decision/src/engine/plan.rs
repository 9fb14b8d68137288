//! A catalog, prepared for questions: names become numbers, and whatever is answered alike for
//! everybody is answered here. What depends on the person is numbered: a *cell*.

use std::{
    borrow::Borrow,
    collections::{BTreeMap, HashMap},
    hash::Hash,
    sync::{
        Arc,
        atomic::{AtomicI64, Ordering},
    },
};

use sayso_consent::{
    catalog::{Activity, InForce, QuietHours},
    id::{Id, SubjectId},
    request::{Decision, LEASE_MS, Reason, Request},
    time::Timestamp,
};

use crate::{
    decide::{declared, oblige},
    engine::Brief,
};

/// Most questions that are prepared, in all combinations of what is declared. A catalog with more
/// is still obeyed, only not as fast: its questions go to the rule itself.
const QUESTIONS_MAX: usize = 1 << 22;
/// A minute, in milliseconds: quiet hours begin and end with one.
const MINUTE_MS: i64 = 60_000;

/// Names of one kind.
struct Names(HashMap<Id, u32>);

impl Names {
    fn new<T>(declared: &BTreeMap<Id, T>) -> Self {
        Self(declared.keys().cloned().zip(0..).collect())
    }

    fn number<Q: Hash + Eq + ?Sized>(&self, name: &Q) -> Option<u32>
    where
        Id: Borrow<Q>,
    {
        self.0.get(name).copied()
    }
}

/// A request whose names are borrowed from wherever they came in. They need not be declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Question<'a> {
    /// Whose data; `None` if no such person could be found.
    pub subject: Option<SubjectId>,
    /// Why.
    pub purpose: &'a str,
    /// Which category of data.
    pub data: &'a str,
    /// Who wants to use it.
    pub recipient: &'a str,
    /// How the person would be reached.
    pub channel: Option<&'a str>,
    /// From or through which device.
    pub device: Option<&'a str>,
}

impl<'a> Question<'a> {
    /// That of a request.
    pub fn of(request: &'a Request) -> Self {
        Self {
            subject: request.subject,
            purpose: request.purpose.as_str(),
            data: request.data.as_str(),
            recipient: request.recipient.as_str(),
            channel: request.channel.as_ref().map(Id::as_str),
            device: request.device.as_ref().map(Id::as_str),
        }
    }
}

/// What a question comes to before it is known about whom it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    /// It depends on the person.
    Cell(Cell),
    /// The answer is no, whoever it is about.
    Never(Reason, Option<Under>),
    /// The question uses a name that is not declared, though something above it may be.
    Unprepared,
}

/// The number of the activity that a no is under. Of one plan only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Under(u32);

/// The number of a question that depends on the person. Of one plan only.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Cell(pub(crate) u32);

/// What belongs to a cell.
pub(crate) struct Declared {
    /// The activity.
    pub(crate) id: Id,
    pub(crate) activity: Activity,
    /// The question, about nobody.
    pub(crate) request: Request,
    /// Whether the data concerns everyone in a household.
    pub(crate) is_household: bool,
    /// Which channel rests at times, if that counts here.
    quiet: Option<usize>,
}

/// When a channel rests, and for which minute it was last found that it does not.
struct Quiet {
    hours: QuietHours,
    calm: AtomicI64,
}

/// The catalog, prepared.
pub(crate) struct Plan {
    pub(crate) in_force: Option<Arc<InForce>>,
    purposes: Names,
    data: Names,
    recipients: Names,
    channels: Names,
    rows: HashMap<[u32; 3], u32>,
    /// For each row its answers: without a channel, then by channel.
    answers: Vec<Answer>,
    activities: Vec<Id>,
    pub(crate) cells: Vec<Declared>,
    quiet: Vec<Quiet>,
    is_whole: bool,
}

impl Plan {
    /// Prepares a catalog.
    pub(crate) fn new(in_force: Option<Arc<InForce>>) -> Self {
        let nothing = BTreeMap::<Id, ()>::new();
        let none = || Names::new(&nothing);
        let mut plan = Self {
            purposes: none(),
            data: none(),
            recipients: none(),
            channels: none(),
            rows: HashMap::new(),
            answers: Vec::new(),
            activities: Vec::new(),
            cells: Vec::new(),
            quiet: Vec::new(),
            is_whole: true,
            in_force: None,
        };
        let Some(now) = in_force else { return plan };
        let catalog = &now.catalog;
        plan.purposes = Names::new(&catalog.purposes);
        plan.data = Names::new(&catalog.data);
        plan.recipients = Names::new(&catalog.recipients);
        plan.channels = Names::new(&catalog.channels);
        let quiet = |(id, channel): (&Id, &sayso_consent::catalog::Channel)| {
            let hours = channel.quiet_hours.clone()?;
            Some((id.clone(), Quiet { hours, calm: AtomicI64::new(i64::MIN) }))
        };
        let (resting, quiet): (Vec<Id>, Vec<Quiet>) =
            catalog.channels.iter().filter_map(quiet).unzip();
        plan.quiet = quiet;
        plan.activities = catalog.activities.keys().cloned().collect();
        for activity in catalog.activities.values() {
            plan.add(&now, activity, &resting);
        }
        plan.in_force = Some(now);
        plan
    }

    /// Adds all that an activity covers.
    fn add(&mut self, now: &InForce, activity: &Activity, resting: &[Id]) {
        let catalog = &now.catalog;
        let purposes = catalog.purposes.keys().filter(|id| activity.purpose.covers(id));
        for purpose in purposes {
            for data in catalog.data.keys() {
                for recipient in catalog.recipients.keys() {
                    if activity.covers(purpose, data, recipient) {
                        self.add_row(now, [purpose, data, recipient], resting);
                    }
                }
            }
        }
    }

    fn add_row(&mut self, now: &InForce, names: [&Id; 3], resting: &[Id]) {
        let [purpose, data, recipient] = names;
        let numbers = (
            self.purposes.number(purpose),
            self.data.number(data),
            self.recipients.number(recipient),
        );
        let (Some(p), Some(d), Some(r)) = numbers else { return };
        let width = 1 + now.catalog.channels.len();
        if self.answers.len() + width > QUESTIONS_MAX {
            self.is_whole = false;
            return;
        }
        let row = (self.answers.len() / width) as u32;
        if *self.rows.entry([p, d, r]).or_insert(row) != row {
            return;
        }
        for channel in std::iter::once(None).chain(now.catalog.channels.keys().map(Some)) {
            let request = Request {
                subject: None,
                data: data.clone(),
                purpose: purpose.clone(),
                recipient: recipient.clone(),
                channel: channel.cloned(),
                device: None,
            };
            let answer = self.prepare(now, request, resting);
            self.answers.push(answer);
        }
    }

    fn prepare(&mut self, now: &InForce, request: Request, resting: &[Id]) -> Answer {
        let (id, activity) = match declared(&now.catalog, &request) {
            Ok((id, activity)) => (id.clone(), activity.clone()),
            Err((reason, under)) => {
                let number = under.and_then(|id| self.activities.iter().position(|own| own == id));
                return Answer::Never(reason, number.map(|number| Under(number as u32)));
            }
        };
        let rests = request.channel.as_ref().filter(|_| !activity.basis.is_imperative());
        let quiet = rests.and_then(|channel| resting.iter().position(|own| own == channel));
        let is_household = now.catalog.is_household(&request.data);
        self.cells.push(Declared { id, activity, request, is_household, quiet });
        Answer::Cell(Cell(self.cells.len() as u32 - 1))
    }

    /// What a question comes to.
    pub(crate) fn ask(&self, question: &Question<'_>) -> Answer {
        let Question { purpose, data, recipient, channel, .. } = *question;
        let Some(r) = self.recipients.number(recipient) else {
            return Answer::Never(Reason::Undeclared, None);
        };
        let channel = match channel {
            None => Some(0),
            Some(channel) => self.channels.number(channel).map(|number| number as usize + 1),
        };
        let names = (self.purposes.number(purpose), self.data.number(data), channel);
        let (Some(p), Some(d), Some(channel)) = names else { return Answer::Unprepared };
        match self.rows.get(&[p, d, r]) {
            Some(row) => self.answers[*row as usize * (1 + self.channels.0.len()) + channel],
            None if self.is_whole => Answer::Never(Reason::Undeclared, None),
            None => Answer::Unprepared,
        }
    }

    /// What a question comes to that is put to many, whoever they are, at a moment. One about a device,
    /// or by a channel that may rest, is the rule's.
    pub(crate) fn ask_of_many(&self, question: &Question<'_>, at: Timestamp) -> Answer {
        match self.ask(question) {
            // What is never done with one device may be done with another.
            _ if question.device.is_some() => Answer::Unprepared,
            Answer::Cell(cell) if self.may_rest(self.declared(cell), at) => Answer::Unprepared,
            answer => answer,
        }
    }

    /// What belongs to a cell.
    pub(crate) fn declared(&self, cell: Cell) -> &Declared {
        &self.cells[cell.0 as usize]
    }

    /// The whole decision, of which this is known in brief.
    pub(crate) fn whole(&self, answer: Answer, brief: Brief, at: Timestamp) -> Decision {
        let mut decision = match answer {
            Answer::Cell(cell) => {
                let declared = self.declared(cell);
                let mut decision = Decision::deny(brief.reason, Some(&declared.id));
                if decision.allow() {
                    oblige(&mut decision, &declared.activity, at);
                }
                decision
            }
            Answer::Never(_, Some(under)) => {
                Decision::deny(brief.reason, self.activities.get(under.0 as usize))
            }
            Answer::Never(_, None) | Answer::Unprepared => Decision::deny(brief.reason, None),
        };
        decision.grant = brief.grant;
        decision.lease = at.plus_ms(LEASE_MS);
        decision
    }

    /// Whether the cell's channel may rest at a moment. What was found out holds for a minute.
    pub(crate) fn may_rest(&self, declared: &Declared, at: Timestamp) -> bool {
        let quiet = declared.quiet.and_then(|quiet| self.quiet.get(quiet));
        let (Some(quiet), Some(now)) = (quiet, &self.in_force) else { return false };
        let minute = at.0.div_euclid(MINUTE_MS);
        if quiet.calm.load(Ordering::Relaxed) == minute {
            return false;
        }
        let is_calm = quiet.hours.end(at, &now.catalog.time_zone).is_none();
        if is_calm {
            quiet.calm.store(minute, Ordering::Relaxed);
        }
        !is_calm
    }
}
