//! A crowd: as many made-up people as memory holds, under a catalog of forty activities.
//!
//! Deterministic, and skewed as people are: of a few thousand different sets of choices the most
//! frequent is had by many and the rarest by few. One person in twenty said something about one
//! device, one in fifty gave a grant that ends. Nobody's state is kept: it can be made again from
//! the number alone, which is how those are decided about of whom a slot cannot say.

use std::sync::Arc;

use anyhow::{Context, Result};
use sayso_consent::{
    Choice, Id, Position, Scope, SubjectId, Timestamp,
    catalog::InForce,
    choice::Effect,
    subject::{DeviceLink, Held, Role, SubjectState},
};
use sayso_decision::{Engine, Question};
use serde_json::{Map, Value, json};

/// When everything is asked.
pub(crate) const AT: Timestamp = Timestamp(1_772_000_000_000);
/// How many activities are declared.
pub(crate) const ACTIVITIES: u64 = 40;
/// Activities that share a purpose's parent.
const FAMILY: u64 = 5;
/// How many different sets of choices there are.
pub(crate) const SETS: u64 = 4_096;
/// Kinds of data, recipients.
const DATA: u64 = 12;
const RECIPIENTS: u64 = 8;
const CHANNELS: [&str; 4] = ["email", "sms", "push", "post"];

/// Spreads a number over all of its bits (splitmix64).
pub(crate) fn mix(number: u64) -> u64 {
    let z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The number that was spread: each step of [`mix`] undone, from the last to the first. What was
/// multiplied is multiplied by the inverse of the factor, and bits that were mixed into lower ones
/// are taken out again, as often as they were moved within the word.
fn unmix(mixed: u64) -> u64 {
    let z = mixed ^ (mixed >> 31) ^ (mixed >> 62);
    let z = z.wrapping_mul(0x3196_42b2_d24d_8ec3);
    let z = z ^ (z >> 27) ^ (z >> 54);
    let z = z.wrapping_mul(0x96de_1b17_3f11_9089);
    let z = z ^ (z >> 30) ^ (z >> 60);
    z.wrapping_sub(0x9e37_79b9_7f4a_7c15)
}

/// The subject id of a person, as good as random.
pub(crate) fn subject(number: u64) -> SubjectId {
    SubjectId(u128::from(mix(number)) << 64 | u128::from(mix(number ^ 0x5eed)))
}

/// Whose subject id it is.
pub(crate) fn number_of(subject: SubjectId) -> u64 {
    unmix((subject.0 >> 64) as u64)
}

/// The set of choices of a person: the half of all people have one of the first few.
fn set_of(number: u64) -> u64 {
    let draw = (mix(number ^ 0xa11) >> 11) as f64 / (1u64 << 53) as f64;
    (SETS as f64).powf(draw) as u64 - 1
}

fn is_one_in(number: u64, salt: u64, share: u64) -> bool {
    mix(number ^ salt).is_multiple_of(share)
}

fn purpose(activity: u64) -> String {
    format!("p{}.a{activity}", activity / FAMILY)
}

fn data(activity: u64) -> String {
    format!("d{}.x", activity % DATA)
}

fn recipient(activity: u64) -> String {
    format!("r{}", activity % RECIPIENTS)
}

fn channel(activity: u64) -> Option<&'static str> {
    CHANNELS.get(activity as usize % 6).copied()
}

/// Whether an activity needs a yes, or is done unless there is a no.
pub(crate) fn needs_consent(activity: u64) -> bool {
    activity % 4 != 3
}

/// The question about an activity.
#[derive(Clone)]
pub(crate) struct Asked {
    pub(crate) purpose: String,
    pub(crate) data: String,
    pub(crate) recipient: String,
    pub(crate) channel: Option<&'static str>,
}

impl Asked {
    pub(crate) fn about(activity: u64) -> Self {
        Self {
            purpose: purpose(activity),
            data: data(activity),
            recipient: recipient(activity),
            channel: channel(activity),
        }
    }

    pub(crate) fn question(&self) -> Question<'_> {
        Question {
            subject: None,
            purpose: &self.purpose,
            data: &self.data,
            recipient: &self.recipient,
            channel: self.channel,
            device: None,
        }
    }
}

fn titled(names: impl Iterator<Item = String>) -> Value {
    names.map(|name| (name, json!({"title": {"en": "Made up"}}))).collect::<Map<_, _>>().into()
}

/// The catalog.
pub(crate) fn catalog() -> Result<InForce> {
    let all = 0..ACTIVITIES;
    let families = (0..ACTIVITIES.div_ceil(FAMILY)).map(|family| format!("p{family}"));
    let kinds = (0..DATA).flat_map(|kind| [format!("d{kind}"), format!("d{kind}.x")]);
    let recipient = |number: u64| {
        let declared = json!({"title": {"en": "Made up"}, "kind": "own", "country": "DE"});
        (format!("r{number}"), declared)
    };
    let activity = |activity: u64| {
        let basis = if needs_consent(activity) { "consent" } else { "legitimate_interests" };
        let mut declared = json!({
            "title": {"en": "Made up"}, "purpose": purpose(activity), "data": [data(activity)],
            "recipients": [self::recipient(activity)], "basis": basis, "retention": "90 days",
        });
        if let Some(channel) = channel(activity) {
            declared["channels"] = json!([channel]);
        }
        if basis == "consent" {
            declared["notice"] = json!("terms");
        }
        (format!("a{activity}"), declared)
    };
    let text = json!({
        "sayso": 1,
        "organisation": {"name": "Crowd", "contact": "privacy@crowd.example", "country": "DE"},
        "languages": ["en"],
        "time_zone": "Europe/Berlin",
        "purposes": titled(families.chain(all.clone().map(purpose))),
        "data": titled(kinds),
        "recipients": (0..RECIPIENTS).map(recipient).collect::<Map<_, _>>(),
        "channels": titled(CHANNELS.iter().map(ToString::to_string)),
        "device_types": titled(std::iter::once("oven".to_owned())),
        "notices": {"terms": [{"version": 1, "text": {"en": "Made up"}}]},
        "activities": all.map(activity).collect::<Map<_, _>>(),
    });
    let problems = |problems: Vec<sayso_catalog::Problem>| {
        let problems: Vec<String> = problems.iter().map(ToString::to_string).collect();
        anyhow::anyhow!("the catalog of the crowd: {}", problems.join("\n"))
    };
    let catalog = sayso_catalog::read(&text.to_string(), "crowd.json").map_err(problems)?;
    Ok(InForce::follow(None, Arc::new(catalog), Position::at(1)))
}

fn id(text: &str) -> Result<Id> {
    text.parse().with_context(|| format!("`{text}` is no id"))
}

fn held(effect: Effect, scope: Scope, number: u64) -> Held {
    let choice = Choice::of_person(effect, scope);
    Held {
        notice: (effect == Effect::Grant)
            .then(|| ("terms".parse().ok(), 1))
            .and_then(|(id, v)| id.map(|id| (id, v))),
        ..Held::new(&choice, Position::at(2 + number))
    }
}

/// The state of somebody with a set of choices, recorded at a place of their own.
fn with_set(set: u64, number: u64) -> Result<SubjectState> {
    let mut state = SubjectState { is_active: true, ..SubjectState::default() };
    state.position = Position::at(2 + number);
    for activity in 0..ACTIVITIES {
        let draw = mix(set.wrapping_mul(ACTIVITIES) + activity) % 10;
        // Of three activities one is granted, one in ten is denied, about the rest nothing is said.
        let effect = match draw {
            0..=2 => Effect::Grant,
            3 => Effect::Denial,
            _ => continue,
        };
        let is_wide = mix(set ^ activity).is_multiple_of(4);
        let scope = Scope {
            purpose: Some(id(&purpose(activity))?),
            data: if is_wide { None } else { Some(id(&data(activity))?) },
            ..Scope::default()
        };
        state.choices.push(held(effect, scope, number));
    }
    Ok(state)
}

/// The state of a person.
pub(crate) fn person(number: u64) -> Result<SubjectState> {
    let mut state = with_set(set_of(number), number)?;
    if is_one_in(number, 0xde71ce, 20) {
        let device = id(&format!("oven/{number}"))?;
        let scope = Scope { device: Some(device.clone()), ..Scope::default() };
        let denied = Scope { purpose: Some(id(&purpose(number % ACTIVITIES))?), ..scope };
        state.choices.push(held(Effect::Denial, denied, number));
        let household = vec![subject(number)];
        let link = DeviceLink { device, role: Role::Owner, nothing_before: None, household };
        state.devices.push(link);
    }
    if is_one_in(number, 0x1a95e, 50) {
        let days = 1 + (mix(number) % 700) as i64;
        let until = AT.plus_ms((days - 100) * 86_400_000);
        for held in state.choices.iter_mut().filter(|held| held.effect == Effect::Grant) {
            held.until = Some(until);
        }
    }
    Ok(state)
}

/// An engine with so many people. Those who are like many others are summed up once.
pub(crate) fn engine(people: u64) -> Result<Engine> {
    let engine = Engine::default();
    engine.bring_into_force(&catalog()?);
    let alike: Vec<_> =
        (0..SETS).map(|set| Ok(engine.sum_up(&with_set(set, 0)?, AT))).collect::<Result<_>>()?;
    for number in 0..people {
        if is_one_in(number, 0xde71ce, 20) || is_one_in(number, 0x1a95e, 50) {
            engine.put(subject(number), None, Some(&person(number)?), AT);
        } else {
            let sum = alike[set_of(number) as usize].at(Position::at(2 + number));
            engine.set(subject(number), sum);
        }
    }
    Ok(engine)
}

/// What a person said, as rows of purpose and kind of data; a parent has a number of its own.
pub(crate) fn rows(number: u64) -> Result<Vec<(u8, u8, bool)>> {
    let set = set_of(number);
    let mut rows = Vec::new();
    for activity in 0..ACTIVITIES {
        let draw = mix(set.wrapping_mul(ACTIVITIES) + activity) % 10;
        if draw <= 3 {
            rows.push((u8::try_from(activity)?, u8::try_from(activity % DATA)?, draw < 3));
        }
    }
    Ok(rows)
}

/// The purposes and kinds of data at and above what an activity is about, nearest first.
pub(crate) fn above(activity: u64) -> ([u8; 3], [u8; 3]) {
    let parents = 128;
    let purpose = [activity, parents + activity / FAMILY, 255].map(|number| number as u8);
    let data = [activity % DATA, parents + activity % DATA, 255].map(|number| number as u8);
    (purpose, data)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_known_by_the_subject_id() {
        let far = (0..100_000).map(mix);
        for number in (0..100_000).chain(far).chain([u64::MAX, u64::MAX - 1, 1 << 63]) {
            assert_eq!(number_of(subject(number)), number);
        }
    }
}
