//! What ends by itself, to the very millisecond, however it is asked about; and those whose time
//! has passed, summed up anew.

use sayso_consent::{
    Choice, Command, Id, Reason, Request, Scope, SubjectId, Timestamp,
    choice::{Authority, Effect},
};

use super::{
    catalogs::First,
    history::Story,
    live::{Live, faithful},
};

const DAY_MS: i64 = 86_400_000;
/// Not the beginning of a minute.
const ODD_MS: i64 = 12_345;

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn live() -> Live {
    Live::begin(&Story { first: First::Patient, steps: Vec::new() }, faithful)
}

fn asked(subject: Option<SubjectId>) -> Request {
    Request {
        subject,
        data: id("contact.email"),
        purpose: id("marketing.offers"),
        recipient: id("mailer"),
        channel: Some(id("email")),
        device: None,
    }
}

fn grant(live: &mut Live, who: usize, until: Option<Timestamp>) {
    let scope = Scope { purpose: Some(id("marketing.offers")), ..Scope::default() };
    let choices = vec![Choice { until, ..Choice::of_person(Effect::Grant, scope) }];
    let (subject, authority) = (live.subject(who), Authority::Strong);
    assert!(live.command(Command::Choose { subject, choices, authority }));
    // What a system owes would be a moment of its own at which something changes.
    for report in live.report_all(who) {
        assert!(live.command(report));
    }
}

/// Somebody says something else, so that this moment is one that the ledger has seen.
fn tick(live: &mut Live, at: Timestamp) {
    live.at = at;
    grant(live, 2, Some(at.plus_ms(1_000 * DAY_MS)));
    assert_eq!(live.snapshot.latest(), at);
}

/// Holds every way to ask to what the oracle says, and gives whom it allows.
fn everywhere(live: &Live, at: Timestamp) -> Vec<SubjectId> {
    let people: Vec<SubjectId> = live.world.subjects().map(|(subject, _)| subject).collect();
    let reason = |subject: &SubjectId| live.world.decide(&asked(Some(*subject)), at).reason;
    let allowed: Vec<_> = people.iter().copied().filter(|who| reason(who).allows()).collect();
    let mut reasons = [Vec::new()];
    let all: Vec<_> = people.iter().copied().map(Some).collect();
    live.snapshot.reasons(&[asked(None)], &all, at, &mut reasons);
    for (subject, told) in people.iter().zip(&reasons[0]) {
        let expected = reason(subject);
        assert_eq!(*told, expected, "in a column at {at}");
        let request = asked(Some(*subject));
        assert_eq!(live.snapshot.decide(&request, at).reason, expected, "alone at {at}");
        let question = sayso_decision::Question::of(&request);
        let known = live.snapshot.answer(&question, at).map(|answer| answer.reason);
        assert!(known.is_none_or(|known| known == expected), "{known:?} at {at}");
        let prepared = live.snapshot.engine().prepare(&question).unwrap();
        // An engine knows no clock: whoever asks it keeps time from running backwards.
        let seen = at.max(live.snapshot.latest());
        let known = live.snapshot.engine().allows(prepared, *subject, seen);
        assert!(known.is_none_or(|known| known == expected.allows()), "{known:?} at {at}");
    }
    let list = live.snapshot.audience(&asked(None), SubjectId(0), usize::MAX, at);
    assert_eq!(list.subjects, allowed, "in a list at {at}");
    assert_eq!(live.snapshot.reach(&asked(None), at).people, allowed.len() as u64, "at {at}");
    allowed
}

#[test]
fn a_grant_holds_until_its_very_end_and_no_longer() {
    let mut live = live();
    for until in [live.at.plus_ms(DAY_MS), live.at.plus_ms(DAY_MS + ODD_MS)] {
        grant(&mut live, 0, Some(until));
        let ana = live.subject(0);
        for (ms, is_allowed) in [(-60_000, true), (-1, true), (0, false), (1, false)] {
            let allowed = everywhere(&live, until.plus_ms(ms));
            assert_eq!(allowed.contains(&ana), is_allowed, "{ms} ms from its end");
        }
        // Time that was seen once is not forgotten: an entry at the end ends it for good.
        tick(&mut live, until);
        assert!(!everywhere(&live, until.plus_ms(-1)).contains(&ana));
        assert_eq!(live.snapshot.decide(&asked(Some(ana)), until).reason, Reason::Expired);
    }
}

#[test]
fn whoever_lapsed_is_counted_right_under_another_catalog() {
    let mut live = live();
    let until = live.at.plus_ms(DAY_MS);
    for who in 0..3 {
        grant(&mut live, who, (who < 2).then_some(until));
    }
    let all = everywhere(&live, until.plus_ms(-1));
    let mut catalog = (*live.catalog()).clone();
    catalog.purposes.insert(id("nothing.else"), catalog.purposes[&id("marketing.offers")].clone());
    assert!(live.command(Command::ApplyCatalog { catalog: Box::new(catalog) }));
    assert_eq!(everywhere(&live, until.plus_ms(-1)), all);
    assert_eq!(everywhere(&live, until).len() + 2, all.len());
    tick(&mut live, until.plus_ms(ODD_MS));
    assert_eq!(everywhere(&live, live.at).len() + 2, all.len());
}

#[test]
fn whoever_lapsed_is_answered_by_the_engine_once_settled() {
    let mut live = live();
    let until = live.at.plus_ms(DAY_MS + ODD_MS);
    for who in 0..3 {
        grant(&mut live, who, (who < 2).then_some(until));
    }
    let [ana, ben] = [0, 1].map(|who| live.subject(who));
    let is_known = |live: &Live, subject| {
        let request = asked(Some(subject));
        live.snapshot.answer(&sayso_decision::Question::of(&request), live.at).is_some()
    };
    // Within the minute there is nothing to be settled yet: it would not hold.
    tick(&mut live, until);
    assert_eq!(live.snapshot.settle(10), 0);
    assert!(!is_known(&live, ana) && !is_known(&live, ben));
    tick(&mut live, until.plus_ms(60_000));
    let before = everywhere(&live, live.at);
    assert_eq!(live.snapshot.settle(1), 1, "no more than asked for");
    assert_eq!(
        [ana, ben].map(|who| is_known(&live, who)).iter().filter(|known| **known).count(),
        1
    );
    assert_eq!(everywhere(&live, live.at), before);
    assert_eq!(live.snapshot.settle(10), 1);
    assert_eq!(live.snapshot.settle(10), 0, "nobody is settled twice");
    assert!(is_known(&live, ana) && is_known(&live, ben));
    assert_eq!(everywhere(&live, live.at), before);
    // What they say next counts as ever.
    let until = live.at.plus_ms(DAY_MS);
    grant(&mut live, 0, Some(until));
    assert!(everywhere(&live, live.at).contains(&ana));
    tick(&mut live, until.plus_ms(DAY_MS));
    assert_eq!(live.snapshot.settle(10), 1);
    assert!(!everywhere(&live, live.at).contains(&ana) && is_known(&live, ana));
}
