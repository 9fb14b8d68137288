//! People whose fingerprints are equal, as somebody would choose them who knew the key, are answered
//! as exactly as everybody else: alone, in a count and in a list, before and after the table grows.

use std::collections::BTreeMap;

use sayso_consent::{
    Choice, Command, Id, Request, Scope, SubjectId, Timestamp,
    choice::{Authority, Effect},
    handle::Facts,
};
use sayso_testkit::world::World;

use crate::{Snapshot, engine::Engine};

/// 2026-01-05T09:00Z.
const AT: Timestamp = Timestamp(1_767_603_600_000);
const DAY_MS: i64 = 86_400_000;

/// What is declared: a consent and a legitimate interest.
const CATALOG: &str = "
sayso: 1
organisation: { name: Hearth, contact: privacy@hearth.example, country: DE }
languages: [en]
time_zone: Europe/Berlin
data: { email: { title: { en: E-mail } } }
purposes: { offers: { title: { en: Offers } }, safety: { title: { en: Safety } } }
recipients: { mailer: { title: { en: Mailer }, kind: own, country: DE } }
device_types: { oven: { title: { en: Oven } } }
notices: { terms: [{ version: 1, text: { en: We send you offers. } }] }
activities:
  offers:
    { title: { en: Offers }, purpose: offers, data: [email], recipients: [mailer], basis: consent,
      notice: terms, retention: 30 days }
  safety:
    { title: { en: Safety }, purpose: safety, data: [email], recipients: [mailer],
      basis: legitimate_interests, retention: 30 days }
";

struct Live {
    world: World,
    snapshot: Snapshot,
    at: Timestamp,
    draw: u64,
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

impl Live {
    fn new(engine: Engine) -> Self {
        let (world, snapshot) = (World::new(), Snapshot::with(engine));
        let mut live = Self { world, snapshot, at: AT, draw: 1 };
        let catalog = sayso_catalog::read(CATALOG, "catalog.yaml").unwrap();
        live.command(Command::ApplyCatalog { catalog: Box::new(catalog) });
        live
    }

    fn command(&mut self, command: Command) {
        if let Ok(entries) = self.world.command(command, self.at) {
            self.snapshot.apply(&entries);
        }
    }

    /// The next of numbers that are as good as chance, and the same each time.
    fn below(&mut self, end: u64) -> u64 {
        self.draw = self
            .draw
            .wrapping_mul(6_364_136_223_846_793_005)
            .wrapping_add(1_442_695_040_888_963_407);
        (self.draw >> 33) % end
    }

    /// Somebody, in one of two parts of the table.
    fn subject(number: u64) -> SubjectId {
        let random = u128::from(number).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c834);
        SubjectId(u128::from(number % 2) << 118 | random & ((1 << 118) - 1))
    }

    /// Something happens to one of so many people.
    fn step(&mut self, people: u64) {
        let number = self.below(people);
        let (subject, device) = (Self::subject(number), id(&format!("oven/{number}")));
        let choice = |effect, purpose, device: Option<Id>, until| {
            let scope = Scope { purpose: Some(id(purpose)), device, ..Scope::default() };
            Choice { until, ..Choice::of_person(effect, scope) }
        };
        let until = Some(self.at.plus_ms(DAY_MS / 2));
        let choices = vec![match self.below(6) {
            0 | 1 => choice(Effect::Grant, "offers", None, None),
            2 => choice(Effect::Grant, "offers", None, until),
            3 => choice(Effect::Denial, "offers", Some(device.clone()), None),
            4 => choice(Effect::Denial, "safety", None, None),
            _ => choice(Effect::Denial, "offers", None, None),
        }];
        if self.world.subject(subject).is_none() {
            self.command(Command::CreateSubject {
                subject,
                identifiers: Vec::new(),
                is_active: true,
                minor_until: None,
                choices: Vec::new(),
            });
        }
        let command = match self.below(20) {
            0 => Command::Erase { subject, at_once: true },
            1 | 2 => Command::AcquireDevice { subject, device, from: None },
            3 => Command::SetRestriction { subject, is_restricted: number.is_multiple_of(2) },
            _ => Command::Choose { subject, choices, authority: Authority::Strong },
        };
        self.command(command);
    }

    /// Everything that can be asked about these people is answered as the rule says.
    fn check(&self, people: u64) {
        for purpose in ["offers", "safety"] {
            let request = |subject, device| Request {
                subject,
                data: id("email"),
                purpose: id(purpose),
                recipient: id("mailer"),
                channel: None,
                device,
            };
            // Somebody unknown has no slot to share. What a whole fingerprint keeps from them by
            // chance, a short one does not, so they are asked about elsewhere.
            let mut yes = BTreeMap::new();
            for number in 0..people {
                let subject = Self::subject(number);
                let Some(state) = self.world.subject(subject) else { continue };
                let oven = Some(id(&format!("oven/{number}")));
                let own = oven.filter(|oven| state.device(oven).is_some());
                for device in [None].into_iter().chain(own.map(Some)) {
                    let is_alone = device.is_none();
                    let request = request(Some(subject), device);
                    let answer = self.snapshot.decide(&request, self.at);
                    let told = self.snapshot.by_rule(&request, self.at);
                    assert_eq!(answer, told, "{number} for {purpose}");
                    if is_alone && answer.allow() {
                        yes.insert(subject, number);
                    }
                }
            }
            let request = request(None, None);
            let list = self.snapshot.audience(&request, SubjectId(0), usize::MAX, self.at);
            assert_eq!(list.subjects, yes.keys().copied().collect::<Vec<_>>(), "{purpose}");
            assert_eq!(self.snapshot.reach(&request, self.at).people, yes.len() as u64);
        }
    }
}

#[test]
fn people_who_are_alike_to_the_table_are_told_apart() {
    // None, few and very many of them share a slot, some of them only once the table has grown.
    for (bits, draw) in
        [0, 2, 4, 6, 8, 32].into_iter().flat_map(|bits| [1, 2, 3].map(|draw| (bits, draw)))
    {
        let mut live = Live::new(Engine::of_bits(bits));
        live.draw = draw;
        for people in [2, 5, 10, 20, 40, 80, 160, 320] {
            for step in 0..people * 3 {
                live.at = live.at.plus_ms(DAY_MS / 997);
                live.step(people);
                if step % 29 == 0 {
                    live.snapshot.settle(3);
                }
            }
            live.check(people);
            live.at = live.at.plus_ms(DAY_MS);
            live.check(people);
        }
    }
}

#[test]
fn ids_that_were_chosen_to_be_alike_are_told_apart() {
    let engine = Engine::of_bits(32);
    let [ana, ben] = engine.two_alike();
    let mut live = Live::new(engine);
    for (subject, effect) in [(ana, Effect::Grant), (ben, Effect::Denial)] {
        let scope = Scope { purpose: Some(id("offers")), ..Scope::default() };
        let choices = vec![Choice::of_person(effect, scope)];
        let (identifiers, is_active, minor_until) = (Vec::new(), true, None);
        live.command(Command::CreateSubject {
            subject,
            identifiers,
            is_active,
            minor_until,
            choices,
        });
    }
    for (subject, is_allowed) in [(ana, true), (ben, false)] {
        let request = Request {
            subject: Some(subject),
            data: id("email"),
            purpose: id("offers"),
            recipient: id("mailer"),
            channel: None,
            device: None,
        };
        assert_eq!(live.snapshot.decide(&request, live.at).allow(), is_allowed);
    }
}
