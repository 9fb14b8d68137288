//! A value is there exactly if the rule says yes to it.

use arrow_array::Array;
use proptest::{collection::vec, prelude::*, sample::select};
use sayso_consent::{Reason, Request};
use sayso_filter::{Fault, Sieve, layout::Layout};

use crate::world::{AT, COLUMNS, HEARTH, customers, id, live, owner, spec, table};

const USES: [(&str, &str, Option<&str>); 6] = [
    ("marketing.offers", "mailer", Some("email")),
    ("marketing.offers", "mailer", None),
    ("order.fulfilment", "warehouse", None),
    ("safety.recall", "mailer", Some("post")),
    ("service.support", "service-cloud", None),
    ("nothing.declared", "mailer", Some("email")),
];

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_value_is_there_exactly_if_the_snapshot_allows_it(
        rows in vec(select(customers()), 1..60),
        (purpose, recipient, channel) in select(&USES[..]),
        drop_rows: bool,
    ) {
        let before = table(&rows);
        let spec = sayso_filter::Spec { drop_rows, ..spec() };
        let layout = Layout::new(&before.schema(), &spec).unwrap();
        let sieve = Sieve { layout, answers: live(purpose, recipient, channel) };
        let (after, tally) = sieve.sift(&before).unwrap();
        let mut place = 0;
        let (mut emptied, mut counts) = (0, vec![[0; Reason::ALL.len()]; COLUMNS.len()]);
        for (row, customer) in rows.iter().enumerate() {
            let reasons = COLUMNS.map(|(_, data)| {
                let request = Request {
                    subject: owner(*customer),
                    data: id(data),
                    purpose: id(purpose),
                    recipient: id(recipient),
                    channel: channel.map(id),
                    device: None,
                };
                HEARTH.decide(&request, AT).reason
            });
            for (counts, reason) in counts.iter_mut().zip(reasons) {
                counts[reason as usize] += 1;
            }
            let allowed = reasons.map(Reason::allows);
            let is_left = allowed.contains(&true);
            emptied += u64::from(!is_left);
            if drop_rows && !is_left {
                continue;
            }
            let was_there = before.column(0).is_valid(row);
            prop_assert_eq!(after.column(0).is_valid(place), is_left && was_there);
            for (column, allowed) in (1..).zip(allowed) {
                let (old, new) = (before.column(column), after.column(column));
                prop_assert_eq!(new.is_valid(place), allowed && old.is_valid(row));
                if new.is_valid(place) {
                    prop_assert_eq!(&new.slice(place, 1).to_data(), &old.slice(row, 1).to_data());
                }
            }
            place += 1;
        }
        prop_assert_eq!(after.num_rows(), place);
        prop_assert_eq!((tally.rows, tally.emptied), (rows.len() as u64, emptied));
        // What is reported is what each row was answered, reason by reason.
        prop_assert_eq!(&tally.reasons, &counts);
    }
}

#[test]
fn hearth_has_both_kinds_of_people() {
    let layout = Layout::new(&table(&customers()).schema(), &spec()).unwrap();
    let sieve = Sieve { layout, answers: live("marketing.offers", "mailer", Some("email")) };
    let (_, tally) = sieve.sift(&table(&customers())).unwrap();
    assert!(tally.emptied > 50 && tally.rows - tally.emptied > 50, "{tally:?}");
    assert_eq!(tally.unknown, 2);
}

#[test]
fn what_nobody_mapped_is_refused_unless_it_is_let_through() {
    let schema = table(&[None]).schema();
    let mut spec = spec();
    spec.columns.pop();
    let error = Layout::new(&schema, &spec).unwrap_err();
    assert!(matches!(&error, Fault::Unmapped(names) if names == "`phone`"), "{error}");
    spec.keep_unmapped = true;
    assert!(Layout::new(&schema, &spec).is_ok());
    spec.columns[1].column = "mail".into();
    assert!(matches!(Layout::new(&schema, &spec), Err(Fault::MappedTwice(_))));
    spec.id = "nowhere".into();
    assert!(matches!(Layout::new(&schema, &spec), Err(Fault::NoColumn(name)) if name == "nowhere"));
    spec.columns.clear();
    assert!(matches!(Layout::new(&schema, &spec), Err(Fault::NothingMapped)));
}

#[test]
fn what_has_to_be_redacted_is_blank_in_every_row() {
    let before = table(&customers());
    let spec = sayso_filter::Spec { redact: vec!["mail".into()], ..spec() };
    let layout = Layout::new(&before.schema(), &spec).unwrap();
    let sieve = Sieve { layout, answers: live("marketing.offers", "mailer", Some("email")) };
    let (after, _) = sieve.sift(&before).unwrap();
    assert_eq!(after.column(1).null_count(), before.num_rows());
}
