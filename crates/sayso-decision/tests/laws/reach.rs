//! Whom a recipient reaches, and what it may do, are its decisions gathered.

use proptest::{collection::vec, prelude::*};
use sayso_consent::{Reason, Request, SubjectId};

use super::{
    asks::ask,
    history::{PEOPLE, story},
    live::{Live, config, faithful},
};

proptest! {
    #![proptest_config(config())]

    #[test]
    fn an_audience_is_everybody_for_whom_the_answer_is_yes(
        story in story(),
        asks in vec(ask(), 1..6),
        limit in 1usize..4,
    ) {
        let live = Live::through(&story, faithful);
        for ask in &asks {
            let (request, at) = live.asked(ask);
            let is_reached = |subject: &SubjectId| {
                let request = Request { subject: Some(*subject), ..request.clone() };
                live.snapshot.decide(&request, at).allow()
            };
            let known = live.world.subjects().map(|(subject, _)| subject);
            let expected: Vec<_> = known.filter(is_reached).collect();
            let mut reached = Vec::new();
            let mut from = Some(SubjectId(0));
            while let Some(next) = from {
                let page = live.snapshot.audience(&request, next, limit, at);
                prop_assert!(page.subjects.len() <= limit && page.as_of == live.snapshot.head());
                reached.extend(page.subjects);
                from = page.next;
            }
            prop_assert_eq!(live.snapshot.reach(&request, at).people, expected.len() as u64);
            prop_assert_eq!(reached, expected);
        }
    }

    /// Quiet hours and lateness aside, for these pass.
    #[test]
    fn a_permission_is_the_decision_that_it_stands_for(
        story in story(),
        who in 0..=PEOPLE,
        after_ms in 0i64..100_000_000,
    ) {
        let live = Live::through(&story, faithful);
        let (catalog, at) = (live.catalog(), live.at.plus_ms(after_ms));
        let subject = if who == PEOPLE { SubjectId(0xdead) } else { live.subject(who) };
        for recipient in catalog.recipients.keys() {
            let permissions = live.snapshot.permissions(subject, recipient, at);
            prop_assert_eq!(permissions.len(), catalog.cells(recipient).count());
            for permission in permissions {
                let request = Request {
                    subject: Some(subject),
                    data: permission.data.clone(),
                    purpose: permission.purpose.clone(),
                    recipient: recipient.clone(),
                    channel: permission.channel.clone(),
                    device: None,
                };
                let decision = live.snapshot.decide(&request, at);
                if matches!(decision.reason, Reason::QuietHours | Reason::Overdue) {
                    continue;
                }
                let told = (permission.reason, permission.until, permission.grant);
                let asked = (decision.reason, decision.until, decision.grant);
                prop_assert_eq!(told, asked, "{:?}", permission);
            }
        }
    }
}
