//! A no is a no until the person says otherwise.

use proptest::{
    prelude::*,
    test_runner::{TestCaseError, TestRunner},
};
use sayso_consent::{
    Command, Entry, Event, Reason,
    choice::{Actor, Effect},
};

use super::{
    asks::{Ask, Wide, ask, wide},
    history::{Step, Story, steps, story},
    live::{Live, config, faithful, withdrawal},
};

/// What happened, the no, and what happens then.
#[derive(Clone, Debug)]
struct Tale {
    before: Story,
    who: usize,
    no: Wide,
    after: Vec<Step>,
    asks: Vec<Ask>,
}

fn tale() -> impl Strategy<Value = Tale> {
    let asks = proptest::collection::vec(ask(), 1..6);
    let parts = (story(), 0..3usize, wide(), steps(), asks);
    parts.prop_map(|(before, who, no, after, asks)| {
        // Half of the questions are about the very thing.
        let mut asks = asks;
        for (number, ask) in asks.iter_mut().enumerate() {
            (ask.who, ask.echo) = (who, None);
            if number % 2 == 0 {
                ask.spot = no.spot.clone();
            }
        }
        Tale { before, who, no, after, asks }
    })
}

/// Whether a command grants something in the name of a person, other than from an older system.
fn grants(command: &Command) -> bool {
    let (Command::CreateSubject { choices, .. } | Command::Choose { choices, .. }) = command else {
        return false;
    };
    let is_own = |choice: &sayso_consent::Choice| choice.actor != Actor::Import;
    choices.iter().any(|choice| choice.effect == Effect::Grant && is_own(choice))
}

fn a_no_is_a_no(tale: &Tale, plant: fn(&mut Entry)) -> Result<(), TestCaseError> {
    let mut live = Live::through(&tale.before, plant);
    let subject = live.subject(tale.who);
    let scope = tale.no.scope(&live.catalog());
    if !live.command(withdrawal(subject, scope.clone())) {
        return Ok(());
    }
    let mut steps = tale.after.iter();
    loop {
        for ask in &tale.asks {
            let (request, at) = live.asked(ask);
            let request = sayso_consent::Request { subject: Some(subject), ..request };
            let answer = live.snapshot.decide(&request, at);
            let needs_no_yes = [Reason::Contract, Reason::LegalObligation, Reason::VitalInterests];
            if scope.overlaps(&request.scope()) {
                prop_assert!(
                    !answer.allow() || needs_no_yes.contains(&answer.reason),
                    "{:?} of {:?} against {:?}",
                    answer,
                    request,
                    scope
                );
            }
        }
        let Some(step) = steps.next() else { return Ok(()) };
        live.at = live.at.plus_ms(step.after_ms);
        for command in live.commands(&step.act).into_iter().filter(|command| !grants(command)) {
            live.command(command);
        }
    }
}

#[test]
fn a_withdrawal_denies_from_its_position_on() {
    let law = |tale: Tale| a_no_is_a_no(&tale, faithful);
    TestRunner::new(config()).run(&tale(), law).unwrap_or_else(|error| panic!("{error}"));
}

#[test]
fn a_withdrawal_that_is_lost_is_missed() {
    fn lose(entry: &mut Entry) {
        let is_no = |event: &Event| matches!(event, Event::ChoiceRecorded(no) if no.effect == Effect::Denial);
        entry.events.retain(|event| !is_no(event));
    }
    let config = ProptestConfig { max_shrink_iters: 0, cases: 512, ..config() };
    let law = |tale: Tale| a_no_is_a_no(&tale, lose);
    assert!(TestRunner::new(config).run(&tale(), law).is_err(), "nobody noticed");
}
