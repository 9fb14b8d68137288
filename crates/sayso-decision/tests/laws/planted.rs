//! Wrong rules, planted one by one: the law of agreement finds each, so its stories reach them.

use proptest::test_runner::{RngAlgorithm, TestRng, TestRunner};
use sayso_consent::{
    Decision, Entry, Event, Position, Timestamp,
    choice::{Actor, Effect},
};

use super::{
    agreement::agree,
    history::story,
    live::{config, faithful},
};

/// Whether the law holds, over stories that are the same each time.
fn holds(plant: fn(&mut Entry), twist: fn(&mut Decision)) -> bool {
    let config = proptest::prelude::ProptestConfig { max_shrink_iters: 0, cases: 512, ..config() };
    let rng = TestRng::deterministic_rng(RngAlgorithm::ChaCha);
    let mut runner = TestRunner::new_with_rng(config, rng);
    runner.run(&story(), |story| agree(&story, plant, twist)).is_ok()
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

const OF_PEOPLE: [(&str, fn(&mut Entry)); 18] = [
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
        choices(entry, |choice| choice.notice = None)
    }),
    ("an import ranks as the person does", |entry| {
        choices(entry, |choice| {
            if choice.actor == Actor::Import {
                choice.actor = Actor::Person;
            }
        });
    }),
    ("a guardian's word is anybody's", |entry| {
        choices(entry, |choice| choice.actor = Actor::Person)
    }),
    ("a choice for a device is for all", |entry| {
        choices(entry, |choice| choice.scope.device = None)
    }),
    ("a choice for a channel is for all", |entry| {
        choices(entry, |choice| choice.scope.channel = None)
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

const OF_CATALOGS: [(&str, fn(&mut Entry)); 6] = [
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
            catalog.data.values_mut().for_each(|data| data.household = false)
        });
    }),
    ("nothing has to be blanked", |entry| {
        catalogs(entry, |catalog| {
            catalog.activities.values_mut().for_each(|activity| activity.redact.clear());
        });
    }),
];

const OF_ANSWERS: [(&str, fn(&mut Decision)); 6] = [
    ("the grant is not said", |decision| decision.grant = None),
    ("the activity is not said", |decision| decision.activity = None),
    ("the end is not said", |decision| decision.until = None),
    ("data is kept for ever", |decision| decision.keep_until = None),
    ("the head is not said", |decision| decision.as_of = Position::START),
    ("a lease is a little longer", |decision| decision.lease = decision.lease.plus_ms(1)),
];

#[test]
fn a_wrong_rule_is_found() {
    for (wrong, plant) in OF_PEOPLE.into_iter().chain(OF_CATALOGS) {
        assert!(!holds(plant, |_| {}), "nobody noticed: {wrong}");
    }
    for (wrong, twist) in OF_ANSWERS {
        assert!(!holds(faithful, twist), "nobody noticed: {wrong}");
    }
}
