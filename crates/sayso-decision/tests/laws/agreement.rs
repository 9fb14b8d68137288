//! The fast rule is the slow one.

use proptest::{
    prelude::*,
    test_runner::{TestCaseError, TestRunner},
};
use sayso_consent::{Decision, Entry};

use super::{
    history::{Story, story},
    live::{Live, config, faithful},
};

/// After each thing that happens the snapshot answers every question as the oracle does, whole.
/// `plant` and `twist` are where a wrong rule can be put in.
pub(crate) fn agree(
    story: &Story,
    plant: fn(&mut Entry),
    twist: fn(&mut Decision),
) -> Result<(), TestCaseError> {
    let mut live = Live::begin(story, plant);
    for step in &story.steps {
        live.step(step);
        for ask in &step.asks {
            let (request, at) = live.asked(ask);
            let mut fast = live.snapshot.decide(&request, at);
            twist(&mut fast);
            prop_assert_eq!(fast, live.world.decide(&request, at), "{:?} at {}", request, at);
        }
    }
    Ok(())
}

#[test]
fn the_snapshot_answers_as_the_oracle() {
    let law = |story: Story| agree(&story, faithful, |_| {});
    TestRunner::new(config()).run(&story(), law).unwrap_or_else(|error| panic!("{error}"));
}
