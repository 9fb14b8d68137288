//! Holds what a system has against what the ledger says, by sums over ranges of keys and then, where
//! a sum differs, person by person.

use std::{
    collections::{BTreeSet, HashMap},
    sync::Arc,
};

use sayso_consent::{
    Timestamp,
    id::{Id, SubjectId},
    subject::SubjectState,
};
use sayso_decision::permissions;

use crate::{
    Ledger,
    deliver::{
        compose::own,
        encode::PermissionData,
        mark::{RANGES, range, sum},
    },
    limits::READ_BACK_PEOPLE,
    parallel::each,
    sink::{About, Kept, Mirror, Sum, Trouble},
};

/// How many people are worked out between two moments at which others have the core: some
/// milliseconds' worth.
const PAGE: usize = 512;

/// What a system should have about one person.
#[derive(Clone, Debug)]
struct Expected {
    subject: SubjectId,
    key: String,
    names: u64,
    marks: u64,
    /// It is about to be told, or was not told yet: what it has now says nothing.
    is_open: bool,
}

/// What was found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Found {
    /// How many people were compared.
    pub(super) people: u64,
    /// Whom it holds something else about than it was told.
    pub(super) drifted: Vec<SubjectId>,
    /// Whom it holds about what it was told, of which something has ended by itself since.
    pub(super) lapsed: Vec<SubjectId>,
    /// How many it holds about whom it should hold nothing.
    pub(super) strangers: u64,
}

/// Compares everybody.
///
/// # Errors
/// The system cannot be read back.
pub(super) async fn compare(
    ledger: &Ledger,
    recipient: &Id,
    mirror: &dyn Mirror,
) -> Result<Found, Trouble> {
    // Read first: what the ledger says after is at least as new, and whoever changed in between is
    // open and not compared.
    let sums = within(mirror, mirror.sums()).await?;
    let at = ledger.clock().at();
    let expected = everybody(ledger, recipient, at).await;
    let held: HashMap<u16, Sum> = sums.into_iter().map(|sum| (sum.range, sum)).collect();
    let people = expected.values().map(|people| people.len() as u64).sum();
    let mut found = Found { people, ..Found::default() };
    for ranges in differing(&expected, &held) {
        let kept = within(mirror, mirror.people(&ranges)).await?;
        let people = ranges.iter().filter_map(|range| expected.get(range)).flatten();
        look_closely(ledger, recipient, (people, &kept), &mut found);
    }
    Ok(found)
}

/// The ranges where a sum differs, as many together as are to be read at once. How many people the
/// system says that it holds may be any number.
fn differing(
    expected: &HashMap<u16, Vec<Expected>>,
    held: &HashMap<u16, Sum>,
) -> Vec<BTreeSet<u16>> {
    let (mut groups, mut people) = (Vec::<BTreeSet<u16>>::new(), 0_u64);
    for range in 0..RANGES {
        let own = expected.get(&range).map_or(&[][..], Vec::as_slice);
        let holds = held.get(&range).copied().unwrap_or_default();
        if !differs(own, &holds) {
            continue;
        }
        match groups.last_mut().filter(|_| people < READ_BACK_PEOPLE) {
            Some(group) => {
                group.insert(range);
            }
            None => {
                groups.push(BTreeSet::from([range]));
                people = 0;
            }
        }
        people = people.saturating_add(holds.people.max(own.len() as u64));
    }
    groups
}

/// What one person's key holds, for a canary.
pub(super) async fn find(mirror: &dyn Mirror, key: &str) -> Result<Option<Kept>, Trouble> {
    within(mirror, mirror.person(key)).await
}

async fn within<T>(
    mirror: &dyn Mirror,
    answer: impl Future<Output = Result<T, Trouble>>,
) -> Result<T, Trouble> {
    let late = |_| Trouble("timeout".to_owned());
    tokio::time::timeout(mirror.patience(), answer).await.map_err(late)?
}

fn differs(people: &[Expected], holds: &Sum) -> bool {
    let mut sum = (0, 0, 0_u64);
    for person in people.iter().filter(|person| !person.is_open) {
        sum = (sum.0 + 1, sum.1 + person.names, sum.2.wrapping_add(person.marks));
    }
    let has_open = people.iter().any(|person| person.is_open);
    has_open && holds.people > 0 || sum != (holds.people, holds.names, holds.marks)
}

fn look_closely<'a>(
    ledger: &Ledger,
    recipient: &Id,
    (people, kept): (impl Iterator<Item = &'a Expected>, &[Kept]),
    found: &mut Found,
) {
    let mut kept: HashMap<&str, &Kept> =
        kept.iter().map(|kept| (kept.key.as_str(), kept)).collect();
    for person in people {
        let holds = kept.remove(person.key.as_str());
        let is_right =
            holds.is_some_and(|holds| (holds.names, holds.marks) == (person.names, person.marks));
        if is_right || person.is_open {
            continue;
        }
        // Whoever chose meanwhile is about to be told anyway.
        let Some(state) = ledger.snapshot().subject(person.subject) else { continue };
        if own(recipient, &state).next().is_some() {
            continue;
        }
        let told_at = applied_at(&state, recipient);
        let was =
            told_at.map(|at| marks(ledger, recipient, (person.subject, &person.key, &state), at));
        match holds.map(|holds| holds.marks) {
            Some(marks) if Some(marks) == was => found.lapsed.push(person.subject),
            _ => found.drifted.push(person.subject),
        }
    }
    found.strangers += kept.len() as u64;
}

fn applied_at(state: &SubjectState, recipient: &Id) -> Option<Timestamp> {
    let applied = state.applied.iter().find(|applied| applied.recipient == *recipient);
    applied.map(|applied| applied.at)
}

fn marks(
    ledger: &Ledger,
    recipient: &Id,
    (subject, key, state): (SubjectId, &str, &SubjectState),
    at: Timestamp,
) -> u64 {
    let snapshot = ledger.snapshot();
    let look = snapshot.look();
    let Some(in_force) = look.in_force() else { return 0 };
    let permissions = permissions(in_force, &**snapshot, subject, Some(state), recipient, at);
    let told: Vec<PermissionData> = permissions.into_iter().map(Into::into).collect();
    sum(key, &told)
}

/// Everybody whom the system knows by a name, by the range of the key.
async fn everybody(ledger: &Ledger, recipient: &Id, at: Timestamp) -> HashMap<u16, Vec<Expected>> {
    let mut expected: HashMap<u16, Vec<Expected>> = HashMap::new();
    let snapshot = ledger.snapshot();
    let in_force = snapshot.in_force();
    let declared = in_force.as_ref().and_then(|now| now.catalog.recipients.get(recipient));
    let Some(namespace) = declared.and_then(|declared| declared.namespace.clone()) else {
        return expected;
    };
    let keys = ledger.secrets().recipient_keys(recipient);
    for people in snapshot.pages_of_people() {
        for some in people.chunks(PAGE) {
            let person = |(subject, state): &(SubjectId, Arc<SubjectState>)| {
                let names = state.identifiers.iter().filter(|own| own.namespace == namespace);
                let names = names.count() as u64;
                let about = About { subject: *subject, former: None };
                (names > 0).then(|| {
                    let key = keys.of(about);
                    let marks = marks(ledger, recipient, (*subject, &key, state), at);
                    let is_open = state.is_leaving || own(recipient, state).next().is_some();
                    Expected { subject: *subject, key, names, marks, is_open }
                })
            };
            for person in each(some, person).into_iter().flatten() {
                expected.entry(range(&person.key)).or_default().push(person);
            }
            tokio::task::yield_now().await;
        }
    }
    expected
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expects(range: u16, people: usize) -> (u16, Vec<Expected>) {
        let (subject, key, is_open) = (SubjectId(1), format!("{range:03x}"), false);
        (range, vec![Expected { subject, key, names: 1, marks: 1, is_open }; people])
    }

    fn holds(range: u16, people: u64, marks: u64) -> (u16, Sum) {
        (range, Sum { range, people, names: people, marks })
    }

    #[test]
    fn what_differs_is_read_together_up_to_a_limit() {
        let half = READ_BACK_PEOPLE / 2;
        let expected = HashMap::from([expects(1, 2), expects(2, 2), expects(5, half as usize)]);
        let held = [holds(1, 2, 2), holds(2, 2, 7), holds(3, half, 9), holds(4, 1, 1)];
        let groups = differing(&expected, &HashMap::from(held));
        assert_eq!(groups, [BTreeSet::from([2, 3, 4, 5])]);
        let held = [holds(1, 2, 2), holds(2, half, 7), holds(3, half, 9), holds(4, 1, 1)];
        let groups = differing(&expected, &HashMap::from(held));
        assert_eq!(groups, [BTreeSet::from([2, 3]), BTreeSet::from([4, 5])]);
        assert_eq!(
            differing(&HashMap::from([expects(1, 2)]), &HashMap::from([holds(1, 2, 2)])),
            []
        );
    }

    #[test]
    fn a_system_may_say_that_it_holds_any_number_of_people() {
        let held = [holds(1, 1, 1), holds(2, u64::MAX, 1), holds(3, u64::MAX, 1)];
        let groups = differing(&HashMap::new(), &HashMap::from(held));
        assert_eq!(groups, [BTreeSet::from([1, 2]), BTreeSet::from([3])]);
    }
}
