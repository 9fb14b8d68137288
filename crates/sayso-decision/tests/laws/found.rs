//! What the laws found once, kept where chance cannot miss it.

use sayso_consent::{Choice, SubjectId};
use sayso_consent::{
    Command, Entry, Event, Id, Reason, Request, Scope,
    choice::{Authority, Effect},
};

use super::{
    catalogs::First,
    history::Story,
    live::{Live, faithful},
};

/// Three people who live with an assistant and a webcam of the first.
fn home() -> Live {
    Live::begin(&Story { first: First::Patient, steps: Vec::new() }, faithful)
}

fn id(text: &str) -> Id {
    text.parse().unwrap()
}

fn asked(subject: SubjectId, data: &str, purpose: &str) -> Request {
    Request {
        subject: Some(subject),
        data: id(data),
        purpose: id(purpose),
        recipient: id("service-cloud"),
        channel: None,
        device: None,
    }
}

/// The owner is on the way out and so is told nothing any more; then one who lived there is
/// erased, and the device goes on to the third.
#[test]
fn a_device_that_changes_hands_brings_nobody_back() {
    let mut live = home();
    let [ana, ben, cara] = [0, 1, 2].map(|who| live.subject(who));
    // Somebody has to be told for an erasure to wait.
    let mut catalog = (*live.catalog()).clone();
    let mailer = catalog.recipients.get_mut("mailer").unwrap();
    mailer.effect_deadline = Some("2 days".parse().unwrap());
    assert!(live.command(Command::ApplyCatalog { catalog: Box::new(catalog) }));
    assert!(live.command(Command::Erase { subject: ana, at_once: false }));
    assert!(live.command(Command::Erase { subject: ben, at_once: false }));
    for report in live.report_all(1) {
        assert!(live.command(report));
    }
    let (device, from) = (id("assistant/1"), Some(ana));
    assert!(live.command(Command::AcquireDevice { subject: cara, device, from }));

    let mut about_ben = live.world.entries().iter().filter(|entry| entry.subject == Some(ben));
    let last = about_ben.next_back().unwrap();
    assert_eq!(last.events.last(), Some(&Event::SubjectErased), "{last:?}");
    assert!(live.snapshot.subject(ben).is_none());
}

#[test]
fn an_entry_about_somebody_erased_brings_nobody_back() {
    let mut live = home();
    let ben = live.subject(1);
    assert!(live.command(Command::Erase { subject: ben, at_once: true }));
    let newest = live.world.entries().last().unwrap().clone();
    let events = vec![Event::DeviceReleased { device: id("assistant/1") }];
    let late = Entry { position: newest.position.next(), subject: Some(ben), events, ..newest };
    live.snapshot.apply(&[late]);

    assert!(live.snapshot.subject(ben).is_none());
    let answer = live.snapshot.decide(&asked(ben, "device.usage", "improvement"), live.at);
    assert_eq!(answer.reason, Reason::Objected);
}

/// Of two devices that are another's, one yes has ended and one was never given: the reason is
/// that of the device whose name comes last, whichever was heard of last.
#[test]
fn a_reason_does_not_depend_on_the_device_that_was_heard_of_last() {
    for shared_last in ["assistant/1", "webcam/1"] {
        let mut live = home();
        let [ana, ben, cara] = [0, 1, 2].map(|who| live.subject(who));
        let grant = |device: Option<&str>, until| Choice {
            until,
            ..Choice::of_person(Effect::Grant, Scope { device: device.map(id), ..Scope::default() })
        };
        let until = Some(live.at.plus_ms(1));
        for (subject, choice) in
            [(ana, grant(Some("assistant/1"), until)), (cara, grant(None, None))]
        {
            let (choices, authority) = (vec![choice], Authority::Strong);
            assert!(live.command(Command::Choose { subject, choices, authority }));
        }
        let (device, members) = (id(shared_last), vec![cara, ben]);
        assert!(live.command(Command::SetHousehold { subject: ana, device, members }));
        let request = asked(cara, "voice.recording", "improvement.speech");
        let at = live.at.plus_ms(5);
        let answer = live.snapshot.decide(&request, at);
        assert_eq!(answer, live.world.decide(&request, at));
        assert_eq!(answer.reason, Reason::NeverAsked, "{shared_last} was shared last");
    }
}
