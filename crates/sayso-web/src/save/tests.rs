use std::sync::Arc;

use sayso_consent::{Entry, Event, event::VERSION};

use super::*;

const ANA: SubjectId = SubjectId(1);

/// Two activities of one purpose, and a third party.
const CATALOG: &str = r#"{
    "sayso": 1, "organisation": {"name": "H", "contact": "c", "country": "DE"}, "languages": ["en"],
    "time_zone": "UTC", "data": {"contact": {"title": {}}, "contact.email": {"title": {}},
        "contact.phone": {"title": {}}, "usage": {"title": {}}},
    "device_types": {"oven": {"title": {}}},
    "purposes": {"offers": {"title": {}}, "offers.summer": {"title": {}}},
    "recipients": {
        "mailer": {"title": {}, "kind": "processor", "country": "DE"},
        "crm": {"title": {}, "kind": "own", "country": "DE"},
        "dealer": {"title": {}, "kind": "processor", "country": "DE"},
        "partner": {"title": {}, "kind": "third_party", "country": "US"}},
    "channels": {"email": {"title": {}}, "sms": {"title": {}}, "post": {"title": {}}},
    "activities": {
        "offers": {"title": {}, "purpose": "offers", "data": ["contact"], "recipients": ["mailer", "partner"],
            "basis": "consent", "channels": ["email", "sms"], "retention": "1 year"},
        "usage": {"title": {}, "purpose": "offers", "data": ["usage"], "recipients": ["mailer"],
            "basis": "consent", "channels": ["email"], "retention": "1 year"}}}"#;

struct Ledger {
    snapshot: Snapshot,
    head: u64,
}

impl Ledger {
    fn new() -> Self {
        let catalog: Catalog = serde_json::from_str(CATALOG).unwrap();
        let mut ledger = Self { snapshot: Snapshot::default(), head: 0 };
        ledger.record(None, vec![Event::CatalogApplied { catalog: Box::new(catalog) }]);
        ledger
            .record(Some(ANA), vec![Event::SubjectCreated { is_active: true, minor_until: None }]);
        ledger
    }

    /// Brings another catalog into force.
    fn alter(&mut self, change: impl FnOnce(&mut Catalog)) {
        let mut catalog = self.with(|standing| Catalog::clone(&standing.in_force.catalog));
        change(&mut catalog);
        self.record(None, vec![Event::CatalogApplied { catalog: Box::new(catalog) }]);
    }

    fn record(&mut self, subject: Option<SubjectId>, events: Vec<Event>) {
        self.head += 1;
        let position = Position::at(self.head);
        let entry =
            Entry { v: VERSION, position, at: Timestamp(0), subject, by: "test".into(), events };
        self.snapshot.apply(&[entry]);
    }

    fn with<T>(&self, look: impl FnOnce(&Standing) -> T) -> T {
        let in_force = self.snapshot.in_force().unwrap();
        let state: Arc<SubjectState> = self.snapshot.subject(ANA).unwrap();
        let (snapshot, at) = (&self.snapshot, Timestamp(0));
        look(&Standing { in_force: &in_force, snapshot, subject: ANA, state: &state, at })
    }

    /// Gives the person a device.
    fn own(&mut self, device: &str) {
        let device = device.parse().unwrap();
        self.record(Some(ANA), vec![Event::DeviceAcquired { device, second_hand: false }]);
    }

    /// The form as the page has it now, with these boxes ticked.
    fn form(&self, ticked: &[&str]) -> Sent {
        Sent {
            catalog: self.snapshot.in_force().map(|now| now.position),
            shown: self.boxes().iter().map(Choosing::name).collect(),
            shown_ticked: self.ticked(),
            ticked: names(ticked),
        }
    }

    /// The choices of a form.
    fn said(&self, sent: &Sent) -> Vec<Choice> {
        self.with(|standing| {
            let widening = standing.widening(sent, "en");
            [standing.narrowing(sent), widening].concat()
        })
    }

    /// Sends a form; the boxes that are ticked on the page after it.
    fn send(&mut self, sent: &Sent) -> BTreeSet<String> {
        let choices = self.said(sent);
        if !choices.is_empty() {
            self.choose(choices);
        }
        self.ticked()
    }

    /// Sends today's form with these boxes ticked.
    fn save(&mut self, ticked: &[&str]) -> BTreeSet<String> {
        self.send(&self.form(ticked))
    }

    fn choose(&mut self, choices: Vec<Choice>) {
        self.record(Some(ANA), choices.into_iter().map(Event::ChoiceRecorded).collect());
    }

    fn tick(&self, name: &str) -> Tick {
        self.with(|standing| standing.tick(&Choosing::read(name).unwrap()))
    }

    fn boxes(&self) -> Vec<Choosing> {
        self.with(|standing| {
            let catalog = &standing.in_force.catalog;
            let of = |(id, activity): (&Id, &Activity)| {
                let (main, sharing) = boxes(catalog, id, activity);
                main.into_iter().chain(sharing)
            };
            catalog.activities.iter().flat_map(of).collect()
        })
    }

    fn ticked(&self) -> BTreeSet<String> {
        let ticked = |own: &Choosing| self.with(|standing| standing.tick(own).is_ticked());
        self.boxes().iter().filter(|own| ticked(own)).map(Choosing::name).collect()
    }
}

fn names(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn nothing_is_ticked_to_begin_with_and_saving_that_says_nothing() {
    let mut ledger = Ledger::new();
    assert_eq!(ledger.save(&[]), names(&[]));
    assert_eq!(ledger.head, 2);
}

#[test]
fn a_tick_allows_that_box_only_and_no_third_party() {
    let mut ledger = Ledger::new();
    assert_eq!(ledger.save(&["offers~email~"]), names(&["offers~email~"]));
    assert_eq!(
        ledger.save(&["offers~email~", "offers~~partner"]),
        names(&["offers~email~", "offers~~partner"])
    );
    assert_eq!(ledger.save(&["offers~email~"]), names(&["offers~email~"]));
}

#[test]
fn two_activities_of_one_purpose_do_not_speak_for_each_other() {
    let mut ledger = Ledger::new();
    let both = names(&["offers~email~", "usage~email~"]);
    assert_eq!(ledger.save(&["offers~email~", "usage~email~"]), both);
    assert_eq!(ledger.save(&["offers~email~"]), names(&["offers~email~"]));
    assert_eq!(ledger.save(&["offers~email~", "usage~email~"]), both);
    assert_eq!(ledger.save(&["usage~email~"]), names(&["usage~email~"]));
}

#[test]
fn what_is_ticked_after_a_no_to_everything_is_allowed_again() {
    let mut ledger = Ledger::new();
    ledger.save(&["offers~email~", "offers~sms~"]);
    let refusals = ledger.with(|standing| standing.refuse_everything());
    ledger.choose(refusals);
    assert_eq!(ledger.ticked(), names(&[]));
    assert_eq!(ledger.save(&["offers~sms~"]), names(&["offers~sms~"]));
}

#[test]
fn a_tick_is_never_wider_than_what_the_page_showed() {
    let mut ledger = Ledger::new();
    let usage: Id = "usage".parse().unwrap();
    ledger.alter(|catalog| drop(catalog.activities.remove(&usage)));
    let said = ledger.said(&ledger.form(&["offers~email~"]));
    assert!(!said.is_empty() && said.iter().all(|choice| choice.scope.data.is_some()));
    ledger.save(&["offers~email~"]);
    let offers: Id = "offers".parse().unwrap();
    ledger.alter(|catalog| {
        catalog.activities.get_mut(&offers).unwrap().data.push(usage.clone());
    });
    assert_eq!(ledger.tick("offers~email~"), Tick::Part, "what was added is not allowed");
    ledger.save(&["offers~email~", "offers~~partner"]);
    assert_eq!(ledger.tick("offers~email~"), Tick::Part, "nor is it with the next save");
}

#[test]
fn sharing_alone_is_noticed() {
    let mut ledger = Ledger::new();
    let is_idle = |ledger: &Ledger, ticked: &[&str]| {
        ledger.with(|standing| standing.has_idle_sharing(&ledger.form(ticked)))
    };
    assert_eq!(ledger.save(&["offers~~partner"]), names(&[]));
    assert!(is_idle(&ledger, &["offers~~partner"]));
    assert!(!is_idle(&ledger, &["offers~~partner", "offers~sms~"]));
    assert!(!is_idle(&ledger, &["offers~sms~"]));
}

#[test]
fn an_older_and_narrower_no_is_overcome_by_a_tick() {
    let mut ledger = Ledger::new();
    let narrow = Scope {
        data: Some("contact".parse().unwrap()),
        recipient: Some("mailer".parse().unwrap()),
        ..Scope::default()
    };
    ledger.choose(vec![of_portal(Effect::Denial, narrow)]);
    assert_eq!(ledger.save(&["offers~sms~"]), names(&["offers~sms~"]));
}

fn scope(purpose: &str, data: &str, recipient: &str) -> Scope {
    let id = |text: &str| (!text.is_empty()).then(|| text.parse::<Id>().unwrap());
    Scope { purpose: id(purpose), data: id(data), recipient: id(recipient), ..Scope::default() }
}

#[test]
fn an_old_page_does_not_undo_what_was_said_since() {
    let mut ledger = Ledger::new();
    ledger.save(&["offers~email~", "offers~sms~", "offers~~partner"]);
    let old = ledger.form(&["offers~email~", "offers~~partner"]);
    ledger.choose(vec![of_portal(Effect::Denial, scope("offers", "", ""))]);
    assert_eq!(ledger.send(&old), names(&[]), "all that was done to it was to untick sms");

    let mut ledger = Ledger::new();
    ledger.save(&["offers~email~", "offers~~partner"]);
    let old = ledger.form(&["offers~email~", "offers~sms~", "offers~~partner"]);
    ledger.choose(vec![of_portal(Effect::Denial, scope("offers", "", "partner"))]);
    let both = names(&["offers~email~", "offers~sms~"]);
    assert_eq!(ledger.send(&old), both, "sharing was taken back, and a new way does not share");
}

#[test]
fn nobody_says_yes_to_a_text_that_was_not_shown_and_everybody_can_say_no() {
    let mut ledger = Ledger::new();
    ledger.save(&["offers~email~"]);
    let old = ledger.form(&["offers~sms~"]);
    ledger.alter(|catalog| {
        catalog.organisation.name = "Another".into();
    });
    assert!(ledger.with(|standing| old.widens() && !standing.is_of_today(&old)));
    assert_eq!(ledger.send(&old), names(&[]));
    let sent = Sent { catalog: None, ..ledger.form(&["offers~sms~"]) };
    assert_eq!(ledger.send(&sent), names(&[]), "a page that does not say what it showed");
}

#[test]
fn a_box_that_is_gone_can_still_be_unticked() {
    let mut ledger = Ledger::new();
    ledger.choose(vec![of_portal(Effect::Grant, scope("offers", "", ""))]);
    let old = ledger.form(&["usage~email~", "offers~~partner"]);
    let offers: Id = "offers".parse().unwrap();
    ledger.alter(|catalog| catalog.activities.get_mut(&offers).unwrap().channels.clear());
    assert!(ledger.tick("offers~~").is_ticked());
    let after = ledger.send(&old);
    assert!(!after.contains("offers~~") && after.contains("usage~email~"), "{after:?}");
}

#[test]
fn a_box_is_ticked_wherever_anything_of_it_is_allowed_and_unticking_ends_that() {
    let device = |device: &str| Scope {
        device: Some(device.parse().unwrap()),
        ..scope("offers", "contact", "")
    };
    for narrow in [
        scope("offers", "contact.email", "mailer"),
        scope("", "contact.phone", ""),
        scope("offers.summer", "", "mailer"),
        device("oven/1"),
        device("oven"),
    ] {
        let mut ledger = Ledger::new();
        ledger.own("oven/1");
        ledger.choose(vec![of_portal(Effect::Grant, narrow.clone())]);
        assert_eq!(ledger.tick("offers~sms~"), Tick::Part, "{narrow:?}");
        let after = ledger.save(&["offers~email~", "offers~~partner"]);
        assert!(!after.contains("offers~sms~") && after.contains("offers~email~"), "{narrow:?}");
    }
    let mut ledger = Ledger::new();
    ledger.choose(vec![
        of_portal(Effect::Grant, scope("offers", "contact", "")),
        of_portal(Effect::Denial, scope("offers", "contact.email", "")),
    ]);
    assert_eq!(ledger.tick("offers~sms~"), Tick::Part, "the telephone is left");
    ledger.choose(vec![of_portal(Effect::Denial, scope("offers", "contact.phone", ""))]);
    ledger.choose(vec![of_portal(Effect::Denial, scope("offers", "contact", ""))]);
    assert_eq!(ledger.tick("offers~sms~"), Tick::No);
}

#[test]
fn what_stands_in_part_is_not_widened_in_passing() {
    let mut ledger = Ledger::new();
    ledger.choose(vec![of_portal(Effect::Grant, scope("offers", "contact.email", "mailer"))]);
    let before = ledger.ticked();
    let all: Vec<&str> = before.iter().map(String::as_str).collect();
    assert_eq!(ledger.said(&ledger.form(&all)), [], "nothing was done to any box");
    let shared = [all, vec!["offers~~partner"]].concat();
    assert_eq!(ledger.save(&shared), before);
}

#[test]
fn activities_of_one_purpose_and_data_do_not_speak_for_each_other() {
    let mut ledger = Ledger::new();
    ledger.alter(|catalog| {
        let offers = catalog.activities[&"offers".parse::<Id>().unwrap()].clone();
        let dealer: Id = "dealer".parse().unwrap();
        let crm: Id = "crm".parse().unwrap();
        let at_dealers =
            Activity { recipients: vec![dealer], channels: Vec::new(), ..offers.clone() };
        let inside = Activity {
            recipients: vec![crm, "partner".parse().unwrap()],
            channels: vec!["post".parse().unwrap()],
            ..offers
        };
        catalog.activities.insert("dealers".parse().unwrap(), at_dealers);
        catalog.activities.insert("inside".parse().unwrap(), inside);
    });
    let boxes =
        ["dealers~~", "offers~email~", "offers~~partner", "inside~post~", "inside~~partner"];
    let all = names(&boxes);
    assert_eq!(ledger.save(&boxes), all);
    for (place, own) in boxes.iter().enumerate() {
        let mut rest = boxes.to_vec();
        rest.remove(place);
        let mut left = names(&rest);
        // What is not used over any way is not shared either.
        let shared = own.replace("~email~", "~~partner").replace("~post~", "~~partner");
        left.remove(&shared);
        assert_eq!(ledger.save(&rest), left, "without {own}");
        ledger.save(&[]);
        assert_eq!(ledger.save(&boxes), all);
    }
}

#[test]
fn a_no_to_everything_fits_into_one_entry() {
    let mut ledger = Ledger::new();
    ledger.alter(|catalog| {
        let offers = catalog.activities[&"offers".parse::<Id>().unwrap()].clone();
        for number in 0..2_000 {
            let data: Id = format!("data{number}").parse().unwrap();
            let own = Activity { data: vec![data.clone()], ..offers.clone() };
            catalog.activities.insert(data, own);
        }
        let summer = Activity { purpose: "offers.summer".parse().unwrap(), ..offers };
        catalog.activities.insert("summer".parse().unwrap(), summer);
    });
    let all = ledger.with(|standing| standing.refuse_everything());
    assert_eq!(all, [of_portal(Effect::Denial, scope("offers", "", ""))]);
}
