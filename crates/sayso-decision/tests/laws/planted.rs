//! Wrong rules, planted one by one: the law of agreement finds each, so its stories reach them.

use std::{cell::RefCell, collections::BTreeMap};

use proptest::{
    prelude::ProptestConfig,
    test_runner::{RngAlgorithm, TestRng, TestRunner},
};
use sayso_consent::{
    Decision, Entry, Event, Position, Reason, Timestamp,
    choice::{Actor, Effect},
};

use super::{
    agreement::agree,
    history::{Story, story},
    live::{Live, config, faithful},
};

/// Stories that are the same each time.
fn stories() -> TestRunner {
    let config = ProptestConfig { max_shrink_iters: 0, cases: 512, ..config() };
    TestRunner::new_with_rng(config, TestRng::deterministic_rng(RngAlgorithm::ChaCha))
}

/// Whether the law holds.
fn holds(plant: fn(&mut Entry), twist: fn(&mut Decision)) -> bool {
    stories().run(&story(), |story| agree(&story, plant, twist)).is_ok()
}

/// Changes each choice that is recorded.
fn choices(entry: &mut Entry, change: fn(&mut sayso_consent::Choice)) {
    for event in &mut entry.events {
        if let Event::ChoiceRecorded(choice) = event {
            change(choice);
        }
    }
}

/// Loses events of a kind.
fn lose(entry: &mut Entry, is_lost: fn(&Event) -> bool) {
    entry.events.retain(|event| !is_lost(event));
}

fn catalogs(entry: &mut Entry, change: fn(&mut sayso_consent::Catalog)) {
    for event in &mut entry.events {
        if let Event::CatalogApplied { catalog } = event {
            change(catalog);
        }
    }
}

/// A fault: its name, and what it does to what it is planted in.
type Plant<T> = (&'static str, fn(&mut T));

const OF_PEOPLE: [Plant<Entry>; 18] = [
    ("a withdrawal is lost", |entry| {
        lose(
            entry,
            |event| matches!(event, Event::ChoiceRecorded(no) if no.effect == Effect::Denial),
        );
    }),
    ("a grant is lost", |entry| {
        lose(
            entry,
            |event| matches!(event, Event::ChoiceRecorded(yes) if yes.effect == Effect::Grant),
        );
    }),
    ("a grant never ends", |entry| choices(entry, |choice| choice.until = None)),
    ("a grant counts too early", |entry| choices(entry, |choice| choice.not_before = None)),
    ("a grant is not for the text that it names", |entry| {
        choices(entry, |choice| choice.notice = None);
    }),
    ("an import ranks as the person does", |entry| {
        choices(entry, |choice| {
            if choice.actor == Actor::Import {
                choice.actor = Actor::Person;
            }
        });
    }),
    ("a guardian's word is anybody's", |entry| {
        choices(entry, |choice| choice.actor = Actor::Person);
    }),
    ("a choice for a device is for all", |entry| {
        choices(entry, |choice| choice.scope.device = None);
    }),
    ("a choice for a channel is for all", |entry| {
        choices(entry, |choice| choice.scope.channel = None);
    }),
    ("minors are grown up", |entry| {
        for event in &mut entry.events {
            if let Event::SubjectCreated { minor_until, .. }
            | Event::MinorityChanged { minor_until } = event
            {
                *minor_until = None;
            }
        }
    }),
    ("a restriction is lost", |entry| {
        lose(entry, |event| matches!(event, Event::RestrictionChanged { .. }));
    }),
    ("an erasure is lost", |entry| {
        lose(entry, |event| matches!(event, Event::ErasureRequested | Event::SubjectErased));
    }),
    ("a contract never ends", |entry| {
        lose(entry, |event| matches!(event, Event::RelationshipChanged { .. }));
    }),
    ("a device from second hand is as new", |entry| {
        for event in &mut entry.events {
            if let Event::DeviceAcquired { second_hand, .. } = event {
                *second_hand = false;
            }
        }
    }),
    ("who gives a device away keeps it", |entry| {
        lose(entry, |event| matches!(event, Event::DeviceReleased { .. }));
    }),
    ("only the owner lives with a device", |entry| {
        for event in &mut entry.events {
            if let Event::HouseholdChanged { household, .. } = event {
                household.truncate(1);
            }
        }
    }),
    ("what a system has done is forgotten", |entry| {
        lose(entry, |event| matches!(event, Event::EffectReported(_)));
    }),
    ("time runs backwards", |entry| entry.at = Timestamp::MIN),
];

const OF_CATALOGS: [Plant<Entry>; 6] = [
    ("nobody is asked again", |entry| {
        catalogs(entry, |catalog| {
            for versions in catalog.notices.values_mut() {
                versions.iter_mut().for_each(|notice| notice.material = false);
            }
        });
    }),
    ("promises are forgotten", |entry| catalogs(entry, |catalog| catalog.promises.clear())),
    ("channels never rest", |entry| {
        catalogs(entry, |catalog| {
            catalog.channels.values_mut().for_each(|channel| channel.quiet_hours = None);
        });
    }),
    ("systems have all the time in the world", |entry| {
        catalogs(entry, |catalog| {
            catalog.recipients.values_mut().for_each(|recipient| recipient.effect_deadline = None);
        });
    }),
    ("nothing concerns a household", |entry| {
        catalogs(entry, |catalog| {
            catalog.data.values_mut().for_each(|data| data.household = false);
        });
    }),
    ("nothing has to be blanked", |entry| {
        catalogs(entry, |catalog| {
            catalog.activities.values_mut().for_each(|activity| activity.redact.clear());
        });
    }),
];

const OF_ANSWERS: [Plant<Decision>; 6] = [
    ("the grant is not said", |decision| decision.grant = None),
    ("the activity is not said", |decision| decision.activity = None),
    ("the end is not said", |decision| decision.until = None),
    ("data is kept for ever", |decision| decision.keep_until = None),
    ("the head is not said", |decision| decision.as_of = Position::START),
    ("a lease is a little longer", |decision| decision.lease = decision.lease.plus_ms(1)),
];

#[test]
fn every_reason_is_given_in_some_story() {
    let given = RefCell::new(BTreeMap::<Reason, u32>::new());
    let count = |story: Story| {
        let mut live = Live::begin(&story, faithful);
        for step in &story.steps {
            live.step(step);
            for ask in &step.asks {
                let (request, at) = live.asked(ask);
                let reason = live.snapshot.decide(&request, at).reason;
                *given.borrow_mut().entry(reason).or_default() += 1;
            }
        }
        Ok(())
    };
    stories().run(&story(), count).unwrap();
    let given = given.into_inner();
    // A snapshot that follows its own ledger needs no lease on it.
    for reason in Reason::ALL.into_iter().filter(|reason| *reason != Reason::NoLease) {
        assert!(given.get(&reason) >= Some(&10), "{reason:?} is given too seldom: {given:?}");
    }
}

#[test]
fn a_wrong_rule_is_found() {
    let planted = OF_PEOPLE.into_iter().chain(OF_CATALOGS);
    let mut unnoticed: Vec<_> =
        planted.filter(|(_, plant)| holds(*plant, |_| {})).map(|(wrong, _)| wrong).collect();
    let twisted = OF_ANSWERS.into_iter().filter(|(_, twist)| holds(faithful, *twist));
    unnoticed.extend(twisted.map(|(wrong, _)| wrong));
    assert!(unnoticed.is_empty(), "nobody noticed: {unnoticed:?}");
}
