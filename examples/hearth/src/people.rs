//! Hearth's customers: invented, without names, the same ones for the same seed.
//!
//! Each person depends on the seed and their number alone, so that ten thousand people begin
//! with the same thousand. What they have said follows how it is in companies: a handful of sets
//! of choices, a few of them very common.

use std::collections::BTreeMap;

use serde::Serialize;

/// One customer, as one line of an import file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Person {
    /// The names that systems know the person by: namespace to value.
    pub identifiers: BTreeMap<&'static str, String>,
    /// Whether a contract or account is running.
    pub is_active: bool,
    /// RFC 3339; until then the person is a minor.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub minor_until: Option<String>,
    /// What they have said so far.
    pub choices: Vec<Choice>,
}

/// Something that a person said.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Choice {
    /// Yes or no.
    pub effect: Effect,
    /// Over what.
    pub scope: Scope,
    /// The text they saw.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub notice: Option<Notice>,
    /// What shows that they said it.
    pub evidence: Evidence,
}

/// Yes or no.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Effect {
    /// The use is allowed.
    Grant,
    /// It is not.
    Denial,
}

/// What a choice is about; an absent field means any.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize)]
pub struct Scope {
    /// Why the data is used.
    pub purpose: &'static str,
    /// Which category of data.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub data: Option<&'static str>,
    /// How the person is reached.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub channel: Option<&'static str>,
}

/// The text that a person saw.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Notice {
    /// Which.
    pub id: &'static str,
    /// Its version.
    pub version: u32,
    /// The language it was in.
    pub language: &'static str,
}

/// What shows that a choice was made.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Evidence {
    /// The form in Hearth's archive.
    pub reference: String,
    /// When it was signed, RFC 3339.
    pub occurred_at: String,
}

/// The customers with this seed, Ana first.
pub fn people(seed: u64, count: usize) -> People {
    People { seed, numbers: 0..count as u64 }
}

/// The iterator that [`people`] returns.
#[derive(Clone, Debug)]
pub struct People {
    seed: u64,
    numbers: std::ops::Range<u64>,
}

impl Iterator for People {
    type Item = Person;

    fn next(&mut self) -> Option<Person> {
        self.numbers
            .next()
            .map(|number| if number == 0 { ana() } else { person(self.seed, number) })
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        self.numbers.size_hint()
    }
}

impl ExactSizeIterator for People {}

/// What can be said, without the circumstances of who says it.
type Said = (Effect, &'static str, Option<&'static str>, u32);

const OFFERS: &str = "marketing.offers";
const REFERRAL: &str = "marketing.referral";
const SPEECH: &str = "improvement.speech";

const fn yes(purpose: &'static str, channel: &'static str) -> Said {
    (Effect::Grant, purpose, Some(channel), 2)
}

/// How many of a thousand have said what.
const PROFILES: &[(u64, &[Said])] = &[
    (360, &[yes(OFFERS, "email")]),
    (250, &[]),
    (110, &[yes(OFFERS, "email"), yes(OFFERS, "push")]),
    (60, &[(Effect::Denial, OFFERS, None, 2)]),
    (50, &[(Effect::Grant, OFFERS, Some("email"), 1)]),
    (40, &[yes(OFFERS, "email"), (Effect::Denial, OFFERS, Some("call"), 2)]),
    (
        40,
        &[
            yes(OFFERS, "email"),
            yes(OFFERS, "sms"),
            yes(OFFERS, "post"),
            (Effect::Grant, REFERRAL, None, 1),
            (Effect::Grant, SPEECH, None, 1),
        ],
    ),
    (30, &[(Effect::Grant, SPEECH, None, 1)]),
    (30, &[(Effect::Denial, OFFERS, Some("call"), 2)]),
    (20, &[yes(OFFERS, "post")]),
    (6, &[(Effect::Grant, REFERRAL, None, 1)]),
    (4, &[(Effect::Denial, OFFERS, None, 2), (Effect::Denial, REFERRAL, None, 1)]),
];

const ANA: &[Said] = &[
    yes(OFFERS, "email"),
    (Effect::Grant, SPEECH, None, 1),
    (Effect::Denial, OFFERS, Some("call"), 2),
];

/// Ana is the same with every seed: the documentation speaks of her.
fn ana() -> Person {
    let identifiers = [
        ("email", "ana@example.org"),
        ("crm", "4711"),
        ("ad", "ad-5a1c0f2e9b7d4836"),
        ("svc", "sc-0004711"),
    ];
    let choice = |said: &Said| choice(said, "en", evidence("form-0004711", "2024-05-03T10:00:00Z"));
    Person {
        identifiers: identifiers.map(|(namespace, value)| (namespace, value.to_owned())).into(),
        is_active: true,
        minor_until: None,
        choices: ANA.iter().map(choice).collect(),
    }
}

fn person(seed: u64, number: u64) -> Person {
    let mut dice = Dice::new(seed, number);
    let said = profile(dice.below(1_000));
    let language = if dice.below(3) == 0 { "en" } else { "de" };
    let oldest = said.iter().map(|said| said.3).min() == Some(1) && said.len() == 1;
    let signed = dice.moment(if oldest { 2019..=2021 } else { 2022..=2025 });
    let evidence = evidence(&format!("form-{:07}", 10_000 + number), &signed);
    Person {
        identifiers: identifiers(&mut dice, number, said),
        is_active: dice.below(100) >= 4,
        minor_until: (dice.below(100) < 3).then(|| dice.moment(2032..=2043)),
        choices: said.iter().map(|said| choice(said, language, evidence.clone())).collect(),
    }
}

fn identifiers(dice: &mut Dice, number: u64, said: &[Said]) -> BTreeMap<&'static str, String> {
    let domain = ["example.org", "example.net", "example.com"][dice.below(3) as usize];
    let mut identifiers = BTreeMap::from([
        ("email", format!("p{number}@{domain}")),
        ("crm", (10_000 + number).to_string()),
    ]);
    if dice.below(100) < 85 {
        identifiers.insert("ad", format!("ad-{:016x}", dice.unique));
    }
    if dice.below(100) < 70 {
        identifiers.insert("svc", format!("sc-{:07}", 10_000 + number));
    }
    // These numbers begin with a Berlin number that is kept free for films and plays, so that
    // they ring nowhere; there are a million of them.
    let needs_phone = said.iter().any(|said| matches!(said.2, Some("sms" | "call")));
    if (needs_phone || dice.below(100) < 50) && number < 1_000_000 {
        identifiers.insert("phone", format!("+493023125{number:06}"));
    }
    identifiers
}

fn profile(mut roll: u64) -> &'static [Said] {
    for (weight, said) in PROFILES {
        if roll < *weight {
            return said;
        }
        roll -= weight;
    }
    &[]
}

fn choice(said: &Said, language: &'static str, evidence: Evidence) -> Choice {
    let (effect, purpose, channel, version) = *said;
    let id = match purpose {
        OFFERS => "offers",
        REFERRAL => "referral",
        _ => "speech",
    };
    // The old forms spoke of where to send offers, not of what is learned from devices.
    let data = (effect == Effect::Grant && purpose == OFFERS).then_some("contact");
    Choice {
        effect,
        scope: Scope { purpose, data, channel },
        notice: Some(Notice { id, version, language }),
        evidence,
    }
}

fn evidence(reference: &str, occurred_at: &str) -> Evidence {
    Evidence { reference: reference.to_owned(), occurred_at: occurred_at.to_owned() }
}

/// SplitMix64, begun anew for each person.
struct Dice {
    state: u64,
    /// Differs for each number with one seed: the mixing is a bijection.
    unique: u64,
}

impl Dice {
    fn new(seed: u64, number: u64) -> Self {
        let unique = mix(mix(seed).wrapping_add(number));
        Self { state: unique, unique }
    }

    fn next(&mut self) -> u64 {
        self.state = self.state.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mix(self.state)
    }

    fn below(&mut self, bound: u64) -> u64 {
        self.next() % bound
    }

    /// Some second of these years. The day stays below 29, so that it exists in every month.
    fn moment(&mut self, years: std::ops::RangeInclusive<u64>) -> String {
        let year = years.start() + self.below(years.end() - years.start() + 1);
        let (month, day) = (1 + self.below(12), 1 + self.below(28));
        let second = self.below(86_400);
        let (hour, minute, second) = (second / 3_600, second / 60 % 60, second % 60);
        format!("{year}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

fn mix(mut bits: u64) -> u64 {
    bits = (bits ^ (bits >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    bits = (bits ^ (bits >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    bits ^ (bits >> 31)
}

#[cfg(test)]
mod tests;
