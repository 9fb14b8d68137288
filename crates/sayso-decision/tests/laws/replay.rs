//! Start-up is following from the beginning; there is no other way to a state.

use std::collections::BTreeMap;

use proptest::{prelude::*, sample::Index, test_runner::TestCaseError};
use sayso_consent::{SubjectId, SubjectState, handle::Facts};
use sayso_decision::Snapshot;

use super::{
    asks::DEVICES,
    history::{PEOPLE, story},
    live::{Live, config, faithful, identifier},
};

fn people(snapshot: &Snapshot) -> BTreeMap<SubjectId, SubjectState> {
    let people = snapshot.pages_of_people().flatten();
    people.map(|(subject, state)| (subject, (*state).clone())).collect()
}

/// All that can be asked of a snapshot is the same of both.
pub(crate) fn same(one: &Snapshot, other: &Snapshot) -> Result<(), TestCaseError> {
    prop_assert_eq!(people(one), people(other));
    prop_assert_eq!(one.count(), other.count());
    prop_assert_eq!((one.head(), one.latest()), (other.head(), other.latest()));
    for (identifier, device) in names() {
        prop_assert_eq!(one.owner(&identifier), other.owner(&identifier));
        prop_assert_eq!(one.device_owner(&device), other.device_owner(&device));
    }
    let in_force = |snapshot: &Snapshot| {
        snapshot
            .in_force()
            .map(|now| (now.position, now.material_since.clone(), now.catalog.clone()))
    };
    prop_assert!(in_force(one) == in_force(other), "another catalog is in force");
    Ok(())
}

fn names() -> impl Iterator<Item = (sayso_consent::id::Lookup, sayso_consent::Id)> {
    let namespaces = ["email", "phone", "crm", "ad", "svc", "meter"];
    let lookups = namespaces
        .into_iter()
        .flat_map(|namespace| (0..PEOPLE).map(move |whose| identifier(namespace, whose).lookup));
    lookups.zip(DEVICES.into_iter().map(|device| device.parse().unwrap()).cycle())
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn a_snapshot_that_is_replayed_is_the_one_that_was_lived(
        story in story(),
        cut in any::<Index>(),
    ) {
        let live = Live::through(&story, faithful);
        let entries = live.world.entries();
        let whole = Snapshot::default();
        whole.apply(entries);
        same(&live.snapshot, &whole)?;

        let (prefix, rest) = entries.split_at(cut.index(entries.len() + 1));
        let resumed = Snapshot::default();
        resumed.apply(prefix);
        resumed.apply(rest);
        same(&resumed, &whole)?;
    }

    #[test]
    fn a_snapshot_knows_what_the_ledger_in_memory_knows(story in story()) {
        let live = Live::through(&story, faithful);
        let known: BTreeMap<_, _> =
            live.world.subjects().map(|(subject, state)| (subject, state.clone())).collect();
        prop_assert_eq!(people(&live.snapshot), known);
        for (identifier, device) in names() {
            prop_assert_eq!(live.snapshot.owner(&identifier), live.world.owner(&identifier));
            prop_assert_eq!(live.snapshot.device_owner(&device), live.world.device_owner(&device));
        }
    }
}
