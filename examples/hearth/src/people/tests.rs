//! The customers are the same each time, and as many say yes as the demonstration says.

use std::collections::{HashMap, HashSet};

use super::*;

fn lines(seed: u64, count: usize) -> Vec<String> {
    people(seed, count).map(|person| serde_json::to_string(&person).unwrap()).collect()
}

fn share(count: usize, of: usize) -> f64 {
    count as f64 / of as f64
}

#[test]
fn the_same_seed_gives_the_same_bytes() {
    let first = lines(7, 500);
    assert_eq!(first, lines(7, 500));
    assert_eq!(first[..100], lines(7, 100)[..], "fewer people are the first of more");
    assert_ne!(first[1..], lines(8, 500)[1..], "another seed, other people");
    assert_eq!(first.len(), 500);
}

#[test]
fn the_bytes_do_not_change_between_releases() {
    let expected = concat!(
        r#"{"identifiers":{"ad":"ad-5a1c0f2e9b7d4836","crm":"4711","email":"ana@example.org","#,
        r#""svc":"sc-0004711"},"is_active":true,"choices":["#,
        r#"{"effect":"grant","scope":{"purpose":"marketing.offers","data":"contact","channel":"email"},"#,
        r#""notice":{"id":"offers","version":2,"language":"en"},"#,
        r#""evidence":{"reference":"form-0004711","occurred_at":"2024-05-03T10:00:00Z"}},"#,
        r#"{"effect":"grant","scope":{"purpose":"improvement.speech"},"#,
        r#""notice":{"id":"speech","version":1,"language":"en"},"#,
        r#""evidence":{"reference":"form-0004711","occurred_at":"2024-05-03T10:00:00Z"}},"#,
        r#"{"effect":"denial","scope":{"purpose":"marketing.offers","channel":"call"},"#,
        r#""notice":{"id":"offers","version":2,"language":"en"},"#,
        r#""evidence":{"reference":"form-0004711","occurred_at":"2024-05-03T10:00:00Z"}}]}"#,
    );
    assert_eq!(lines(1, 1), [expected]);
    assert_eq!(lines(99, 1), [expected], "Ana is the same with every seed");
}

#[test]
fn no_identifier_is_given_twice() {
    let mut seen = HashSet::new();
    for person in people(1, 10_000) {
        for identifier in person.identifiers {
            assert!(seen.insert(identifier.clone()), "{identifier:?} twice");
        }
    }
}

#[test]
fn few_sets_of_choices_are_common() {
    let mut sets: HashMap<Vec<(Effect, Scope)>, usize> = HashMap::new();
    for person in people(1, 10_000) {
        let set = person.choices.into_iter().map(|choice| (choice.effect, choice.scope)).collect();
        *sets.entry(set).or_default() += 1;
    }
    let mut counts: Vec<usize> = sets.into_values().collect();
    counts.sort_unstable_by(|one, other| other.cmp(one));
    assert!((8..=16).contains(&counts.len()), "{} sets", counts.len());
    let common = share(counts[..3].iter().sum(), 10_000);
    assert!((0.74..0.80).contains(&common), "the three most common: {common}");
}

#[test]
fn six_in_ten_allow_offers_by_email() {
    let wants = |person: &Person| {
        let by_email = |choice: &Choice| {
            choice.effect == Effect::Grant
                && choice.scope
                    == Scope { purpose: OFFERS, data: Some("contact"), channel: Some("email") }
        };
        person.choices.iter().any(by_email)
    };
    let share = share(people(1, 10_000).filter(wants).count(), 10_000);
    assert!((0.58..0.62).contains(&share), "{share}");
}

#[test]
fn some_are_minors_some_have_left_and_some_have_no_advertising_id() {
    let people: Vec<Person> = people(1, 10_000).collect();
    let share = |test: fn(&Person) -> bool| {
        share(people.iter().filter(|person| test(person)).count(), people.len())
    };
    let minors = share(|person| person.minor_until.is_some());
    assert!((0.025..0.035).contains(&minors), "minors: {minors}");
    let gone = share(|person| !person.is_active);
    assert!((0.03..0.05).contains(&gone), "without a relationship: {gone}");
    let hidden = share(|person| !person.identifiers.contains_key("ad"));
    assert!((0.13..0.17).contains(&hidden), "without an ad id: {hidden}");
    for person in &people {
        let until = person.minor_until.as_deref().unwrap_or("9999");
        assert!(until > "2032-01-01", "{until} is over too soon");
        for choice in &person.choices {
            choice.evidence.occurred_at.parse::<jiff::Timestamp>().unwrap();
        }
        let is_called = |choice: &Choice| matches!(choice.scope.channel, Some("sms" | "call"));
        let has_phone = person.identifiers.contains_key("phone");
        assert!(has_phone || person == &people[0] || !person.choices.iter().any(is_called));
    }
}

#[test]
fn the_weights_are_a_thousand() {
    assert_eq!(PROFILES.iter().map(|(weight, _)| weight).sum::<u64>(), 1_000);
}

#[test]
fn the_catalog_declares_what_people_speak_of() {
    // The names only: this crate has no reader for catalogs.
    for person in people(1, 1_000) {
        let namespaces = person.identifiers.keys().copied();
        let said = person.choices.iter().flat_map(|choice| {
            let notice = choice.notice.as_ref().map(|notice| notice.id);
            [Some(choice.scope.purpose), choice.scope.channel, notice].into_iter().flatten()
        });
        for name in namespaces.chain(said) {
            let is_key = |line: &str| line.trim_start().starts_with(&format!("{name}:"));
            assert!(crate::CATALOG.lines().any(is_key), "the catalog lacks {name}");
        }
    }
}
