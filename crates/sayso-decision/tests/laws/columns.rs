//! A column of people is answered as each of them alone.

use proptest::{collection::vec, prelude::*};
use sayso_consent::{
    Entry, Event, Position, Reason, Request, SubjectId, Timestamp,
    event::{Identifier, VERSION},
    id::Lookup,
};
use sayso_decision::Snapshot;

use super::{
    asks::ask,
    history::{PEOPLE, story},
    live::{Live, config, faithful, identifier},
};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn the_reasons_for_a_column_are_those_of_each_person(
        story in story(),
        asks in vec(ask(), 1..5),
        rows in vec(0..PEOPLE + 2, 0..40),
    ) {
        let live = Live::through(&story, faithful);
        let person = |who: &usize| match who.checked_sub(PEOPLE) {
            None => Some(live.subject(*who)),
            Some(0) => Some(SubjectId(0xdead)),
            Some(_) => None,
        };
        let people: Vec<_> = rows.iter().map(person).collect();
        let requests: Vec<Request> = asks.iter().map(|ask| live.asked(ask).0).collect();
        // What stood there before must not count.
        let mut reasons = vec![vec![Reason::Granted; 3]; requests.len()];
        for ask in &asks {
            let (_, at) = live.asked(ask);
            live.snapshot.reasons(&requests, &people, at, &mut reasons);
            for (request, reasons) in requests.iter().zip(&reasons) {
                let alone = |subject: &Option<SubjectId>| {
                    live.world.decide(&Request { subject: *subject, ..request.clone() }, at).reason
                };
                let expected: Vec<Reason> = people.iter().map(alone).collect();
                prop_assert_eq!(reasons, &expected, "{:?} at {}", request, at);
            }
        }
    }
}

/// Enough of them that each part of what is known has several.
#[test]
fn the_owners_of_a_column_are_those_of_each_identifier() {
    const MANY: u128 = 3_000;
    let snapshot = Snapshot::default();
    let lookup = |number: u128| {
        Lookup((number.wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)).to_be_bytes())
    };
    for number in 0..MANY {
        let identifier =
            Identifier { lookup: lookup(number), ..identifier("email", number as usize) };
        let created = Event::SubjectCreated { is_active: true, minor_until: None };
        snapshot.apply(&[Entry {
            v: VERSION,
            position: Position::at(number as u64 + 1),
            at: Timestamp(0),
            subject: Some(SubjectId(number + 1)),
            by: "law".into(),
            events: vec![created, Event::IdentifierAdded(identifier)],
        }]);
    }
    // In no order, some twice, and strangers and gaps among them.
    let column: Vec<Option<Lookup>> = (0..2 * MANY)
        .map(|row| (row % 13 != 5).then(|| lookup(row * 7_919 % (MANY + 500))))
        .collect();
    let mut owners = vec![Some(SubjectId(1)); 5];
    snapshot.owners(&column, &mut owners);
    let expected: Vec<_> = column.iter().map(|lookup| snapshot.owner(&(*lookup)?)).collect();
    assert_eq!(owners, expected);
    assert!(owners.iter().flatten().count() > MANY as usize);
    snapshot.owners(&[], &mut owners);
    assert!(owners.is_empty());
}
