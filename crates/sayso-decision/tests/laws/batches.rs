//! Commands that share a write are decided as if each had one of its own.

use proptest::{collection::vec, prelude::*};
use sayso_consent::{Command, Entry, Event, event::VERSION, handle};
use sayso_decision::{Snapshot, Staged};
use sayso_testkit::world::World;

use super::{
    history::story,
    live::{Live, config, faithful},
};

/// Decides commands on one staged state, until a catalog closes it; gives how many it took.
fn batch(snapshot: &Snapshot, commands: &[(Command, sayso_consent::Timestamp)]) -> usize {
    let (mut staged, mut entries, mut taken) = (Staged::on(snapshot), Vec::new(), 0);
    let mut position = snapshot.head();
    for (command, at) in commands {
        taken += 1;
        let drafts = handle(&staged, command.clone(), *at).unwrap_or_default();
        for draft in drafts.into_iter().filter(|draft| !draft.events.is_empty()) {
            position = position.next();
            let (at, subject, events) = (*at, draft.subject, draft.events);
            let entry = Entry { v: VERSION, position, at, subject, by: "testkit".into(), events };
            staged.stage(&entry);
            entries.push(entry);
        }
        let closes = |entry: &Entry| matches!(entry.events[..], [Event::CatalogApplied { .. }]);
        if entries.last().is_some_and(closes) {
            break;
        }
    }
    snapshot.apply(&entries);
    taken
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn commands_of_one_batch_are_decided_one_by_one(
        story in story(),
        sizes in vec(1usize..12, 1..6),
    ) {
        // Lived once for its commands: what an act asks for follows from what was before it.
        let mut live = Live::begin(&story, faithful);
        let begun = live.world.entries().len();
        let mut commands = Vec::new();
        for step in &story.steps {
            live.at = live.at.plus_ms(step.after_ms);
            for command in live.commands(&step.act) {
                commands.push((command.clone(), live.at));
                live.command(command);
            }
        }
        let batched = Snapshot::default();
        batched.apply(&live.world.entries()[..begun]);
        let mut rest = commands.as_slice();
        for size in sizes.into_iter().cycle() {
            let taken = batch(&batched, &rest[..size.min(rest.len())]);
            rest = &rest[taken..];
            if rest.is_empty() {
                break;
            }
        }
        let world = World::following(live.world.entries());
        prop_assert_eq!(batched.head(), world.head());
        for (subject, state) in world.subjects() {
            let known = batched.subject(subject);
            prop_assert_eq!(known.as_deref(), Some(state));
        }
        prop_assert_eq!(batched.count(), world.subjects().count());
    }
}
