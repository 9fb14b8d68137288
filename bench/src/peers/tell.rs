//! Telling the policy engines what the crowd has said, and making sure that they understood.

use std::sync::Arc;

use anyhow::{Context, Result, ensure};
use sayso_consent::{Request, SubjectId, catalog::InForce, subject::SubjectState};
use sayso_decision::{
    Engine,
    decide::{Passing, People, decide},
};

use crate::{
    Settings,
    crowd::{self, ACTIVITIES, AT, Asked, subject},
    peers::{
        casbin::Casbin,
        cedar::{self, Cedar},
        rego::Rego,
        told::{Peer, Told},
    },
};

/// How many people Cedar and the policies in Rego hold in a gigabyte or two.
const MANY: u64 = 100_000;
/// Casbin looks at every rule, and a person is more than a dozen of them.
const FEW: u64 = 1_000;
/// How many of each sort of person answers are compared about.
const ALIKE: usize = 4;

/// All of them, if they are wanted.
pub(crate) fn told(settings: &Settings) -> Result<Vec<Told>> {
    if !settings.has_peers {
        return Ok(Vec::new());
    }
    let (many, few) = settings.either((1_000, 100), (MANY, FEW));
    let sample = Sample::new(many)?;
    Ok(vec![
        sample.tell("Cedar, 1 policy", many, |people| Cedar::of(people, cedar::ONE))?,
        sample.tell("Cedar, 16 policies", many, |people| Cedar::of(people, cedar::RULES))?,
        sample.tell("Rego, compiled by regorus", many, Rego::of)?,
        sample.tell("Casbin", few, Casbin::of)?,
    ])
}

/// Questions to which all must give the same answer.
struct Sample {
    engine: Engine,
    in_force: InForce,
    people: Vec<u64>,
}

struct Nobody;

impl People for Nobody {
    fn person(&self, _: SubjectId) -> Option<Arc<SubjectState>> {
        None
    }
}

impl Sample {
    /// People of every sort: those who are like others, those who said something about a
    /// device, and those whose yes ends or has ended.
    fn new(people: u64) -> Result<Self> {
        let sorts: [fn(&SubjectState) -> bool; 3] = [
            |state| state.devices.is_empty(),
            |state| !state.devices.is_empty(),
            |state| state.choices.iter().any(|held| held.until.is_some()),
        ];
        let mut sample = Vec::new();
        for is_alike in sorts {
            let is_one = |number: &u64| crowd::person(*number).is_ok_and(|it| is_alike(&it));
            sample.extend((0..people).filter(is_one).take(ALIKE));
        }
        let engine = crowd::engine(people)?;
        Ok(Self { engine, in_force: crowd::catalog()?, people: sample })
    }

    /// Tells a peer, looks at what that takes, and compares.
    fn tell<P: Peer + 'static>(
        &self,
        name: &'static str,
        people: u64,
        tell: impl FnOnce(u64) -> Result<P>,
    ) -> Result<Told> {
        let before = resident()?;
        let mut peer = tell(people)?;
        let bytes = resident()?.saturating_sub(before);
        self.compare(&mut peer, people).with_context(|| name.to_owned())?;
        Ok(Told { name, people, bytes, peer: Box::new(peer) })
    }

    fn compare(&self, peer: &mut impl Peer, people: u64) -> Result<()> {
        let sample: Vec<u64> =
            self.people.iter().copied().filter(|number| *number < people).collect();
        let last = sample.iter().max().context("nobody to compare")? + 1;
        let (mut yes, mut no) = (0, 0);
        for asked in questions() {
            peer.prepare(&asked, last)?;
            for number in &sample {
                let own = self.allows(&asked, *number)?;
                let other = peer.allows(*number)?;
                let Asked { purpose, recipient, .. } = &asked;
                ensure!(
                    own == other,
                    "about person {number}, {purpose} and {recipient} it says {other}, not {own}"
                );
                *(if own { &mut yes } else { &mut no }) += 1;
            }
        }
        ensure!(yes > 0 && no > 0, "every answer is the same");
        Ok(())
    }

    /// What the engine says, which is what the rule says.
    fn allows(&self, asked: &Asked, number: u64) -> Result<bool> {
        let request = Request {
            subject: Some(subject(number)),
            data: asked.data.parse()?,
            purpose: asked.purpose.parse()?,
            recipient: asked.recipient.parse()?,
            channel: asked.channel.map(str::parse).transpose()?,
            device: None,
        };
        let state = crowd::person(number)?;
        let (in_force, state) = (Some(&self.in_force), Some(&state));
        let by_rule = decide(in_force, &Nobody, state, &request, AT, Passing::Counts).allow();
        let prepared = self.engine.prepare(&asked.question());
        let own = prepared.and_then(|asked| self.engine.allows(asked, subject(number), AT));
        ensure!(own.is_none_or(|own| own == by_rule), "the engine and the rule differ");
        Ok(by_rule)
    }
}

/// About every activity; from somebody else, and by another way than declared.
fn questions() -> Vec<Asked> {
    let wrong = |activity: u64| {
        let asked = Asked::about(activity);
        let recipient = Asked::about(activity + 1).recipient;
        [Asked { recipient, ..asked.clone() }, Asked { channel: None, ..asked }]
    };
    (0..ACTIVITIES).map(Asked::about).chain((0..4).flat_map(wrong)).collect()
}

/// What this process has in memory, in bytes.
fn resident() -> Result<u64> {
    let status = std::fs::read_to_string("/proc/self/status").context("no /proc")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kilobytes = line.and_then(|line| line.trim().strip_suffix(" kB"));
    Ok(kilobytes.context("no VmRSS")?.trim().parse::<u64>()? * 1_024)
}
