//! Questions that are heard together are answered as each by itself.

use std::cell::Cell;

use proptest::{collection::vec, prelude::*, test_runner::TestRunner};
use sayso_consent::{Decision, Request, Timestamp};
use sayso_decision::{Brief, Question, Snapshot};

use super::{
    asks::ask,
    history::story,
    live::{Live, config, faithful},
};

/// Each answer of a hearing, whole, where a look was enough.
fn heard(snapshot: &Snapshot, requests: &[Request], at: Timestamp) -> Vec<Option<Decision>> {
    let questions: Vec<Question> = requests.iter().map(Question::of).collect();
    let hearing = snapshot.hear(&questions, at);
    let briefs = hearing.briefs();
    assert_eq!(briefs.len(), requests.len());
    let whole = |(kind, brief): (usize, Option<Brief>)| {
        assert!(kind < hearing.kinds());
        let Brief { reason, grant } = brief?;
        Some(Decision { grant, ..hearing.whole(kind, reason) })
    };
    briefs.into_iter().map(whole).collect()
}

#[test]
fn what_is_heard_together_is_answered_as_if_each_was_asked_alone() {
    let (looked, yes) = (Cell::new(0), Cell::new(0));
    let law = |(story, asks): (_, Vec<_>)| {
        let live = Live::through(&story, faithful);
        let asked: Vec<_> = asks.iter().map(|ask| live.asked(ask)).collect();
        let Some((_, at)) = asked.first() else { return Ok(()) };
        // Each about everybody, and one after the other.
        let about = |(request, _): &(Request, Timestamp)| {
            let request = request.clone();
            let people = (0..5).map(|who| live.subject(who)).map(Some).chain([None]);
            let all = people.map(move |subject| Request { subject, ..request.clone() });
            all.collect::<Vec<_>>()
        };
        let requests: Vec<Request> = asked.iter().flat_map(about).collect();
        for (request, heard) in requests.iter().zip(heard(&live.snapshot, &requests, *at)) {
            let alone = live.snapshot.decide(request, *at);
            if let Some(heard) = heard {
                looked.set(looked.get() + 1);
                yes.set(yes.get() + usize::from(heard.allow()));
                prop_assert_eq!(heard, alone, "{:?} at {}", request, at);
            } else if request.device.is_none() {
                // A look is not enough here either.
                prop_assert_eq!(live.snapshot.answer(&Question::of(request), *at), None);
            }
        }
        Ok(())
    };
    let runs = (story(), vec(ask(), 1..8));
    TestRunner::new(config()).run(&runs, law).unwrap_or_else(|error| panic!("{error}"));
    assert!(looked.get() > 1_000 && yes.get() > 100, "{} {}", looked.get(), yes.get());
}
