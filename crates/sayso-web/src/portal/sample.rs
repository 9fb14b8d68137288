//! The pages as the sample company would show them; the person is never named.

use sayso_consent::{
    catalog::{LegalBasis, RecipientKind},
    choice::Effect,
    id::Position,
    time::{Span, Timestamp},
};

use super::{
    Banner, Card, ChoiceBox, DataItem, EffectState, Gone, Happened, HistoryEntry, Link, NoticeText,
    Page, Problem, ProblemKind, RecipientItem, SystemEffect, Voice,
};
use crate::frame::{Frame, Refreshing};

/// 22 Nov 2026, 06:14:05 UTC.
const SAVED: Timestamp = Timestamp(1_795_328_045_000);

impl Page {
    /// The page right after a no to offers by e-mail: two systems have followed, one is on its
    /// way, one is late, one had nothing to do.
    pub fn sample(language: &str) -> Self {
        let say = Say(language);
        Self {
            frame: Frame::sample(language),
            now: SAVED.plus_ms(17_000),
            action: "/me".into(),
            csrf: "c3JmLXNhbXBsZQ".into(),
            catalog: Position::at(2),
            left_out: None,
            banner: Some(Banner::Saved {
                at: SAVED,
                position: Position::at(10_417),
                receipt_href: "/me/receipts/10417".into(),
            }),
            effects: effects(say),
            refreshing: Refreshing::Every { seconds: 2, stop_href: "/me?still".into() },
            yours: yours(say),
            always: always(say),
            promises: promises(say),
            history: Some(history(say)),
            older_href: Some("/me?before=2".into()),
            contact: "privacy@hearth.example".into(),
        }
    }

    /// The page as the person finds it on another day, with nothing under way.
    pub fn sample_calm(language: &str) -> Self {
        let refreshing = Refreshing::Off;
        Self { banner: None, effects: Vec::new(), refreshing, ..Self::sample(language) }
    }

    /// The page as a mailed link opens it, right after a no.
    pub fn sample_weak(language: &str) -> Self {
        let calm = Self::sample_calm(language);
        Self { banner: Some(Banner::InForce), history: None, older_href: None, ..calm }
    }

    /// The page once every system has followed.
    pub fn sample_settled(language: &str) -> Self {
        let mut page = Self::sample(language);
        page.refreshing = Refreshing::Off;
        for effect in &mut page.effects {
            if effect.state != EffectState::NotNeeded {
                effect.state = EffectState::Applied;
                effect.received_at = Some(SAVED.plus_ms(1_000));
                effect.applied_at = Some(SAVED.plus_ms(1_400));
            }
        }
        page
    }
}

impl Link {
    /// The page behind a fresh link.
    pub fn sample(language: &str) -> Self {
        let frame = Frame { leave: None, ..Frame::sample(language) };
        Self { frame, action: "/open".into(), token: "dG9rZW4tc2FtcGxl".into() }
    }
}

impl Gone {
    /// The page for a link that opens nothing.
    pub fn sample(language: &str) -> Self {
        let frame = Frame { leave: None, ..Frame::sample(language) };
        Self { frame, contact: "privacy@hearth.example".into(), ask_href: None }
    }
}

impl Problem {
    /// The page for a form that could not be read.
    pub fn sample(language: &str) -> Self {
        Self {
            frame: Frame { leave: None, ..Frame::sample(language) },
            kind: ProblemKind::BadForm,
            reference: Some("01JD9Z6T".into()),
            back_href: Some("/me".into()),
        }
    }
}

/// Picks the text of a language.
#[derive(Clone, Copy)]
struct Say<'a>(&'a str);

impl Say<'_> {
    fn say(self, en: &str, de: &str) -> String {
        if self.0 == "de" { de.into() } else { en.into() }
    }
}

fn effects(say: Say<'_>) -> Vec<SystemEffect> {
    let at = |ms| Some(SAVED.plus_ms(ms));
    let of = |title: String, state, times: [Option<Timestamp>; 3], due| SystemEffect {
        title,
        state,
        trying_since: times[0].filter(|_| times[1].is_none()),
        told_at: times[0].filter(|_| times[1].is_some()),
        received_at: times[1],
        applied_at: times[2],
        verified_at: None,
        due,
        detail: None,
    };
    let mailer = say.say("Mailer", "E-Mail-Versand");
    let mut mailer = of(mailer, EffectState::Applied, [at(80), at(90), at(310)], at(15_000));
    mailer.detail = Some("2 rows".into());
    (mailer.state, mailer.verified_at) = (EffectState::Verified, at(1_900));
    vec![
        mailer,
        of(
            say.say("Customer records", "Kundenkartei"),
            EffectState::Applied,
            [at(80), at(120), at(1_450)],
            at(15_000),
        ),
        of(
            say.say("Service cloud", "Kundendienst"),
            EffectState::Received,
            [at(80), at(2_210), None],
            at(60_000),
        ),
        of("Nimbus Ads".into(), EffectState::Late, [at(80), None, None], at(15_000)),
        of(say.say("Dealer", "Händler"), EffectState::NotNeeded, [None; 3], None),
    ]
}

fn yours(say: Say<'_>) -> Vec<Card> {
    [offers(say), voice(say), diagnosis(say)].into_iter().flatten().collect()
}

fn offers(say: Say<'_>) -> Option<Card> {
    let choice = |name: &str, en, de, ticked| ChoiceBox {
        name: format!("offers.{name}"),
        label: say.say(en, de),
        ticked,
        note: None,
    };
    Some(Card {
        title: say.say("Offers", "Angebote"),
        description: say.say(
            "Recipes, filters and spare parts that suit the machines you own. Each offer says why you got it.",
            "Rezepte, Filter und Ersatzteile, die zu Ihren Geräten passen. Jedes Angebot sagt, warum Sie es bekommen.",
        ),
        data: vec![
            data(say.say("E-mail address", "E-Mail-Adresse")),
            data(say.say("Postal address", "Postanschrift")),
            data(say.say("Birthday", "Geburtstag")),
        ],
        recipients: vec![
            recipient(say.say("Mailer", "E-Mail-Versand"), RecipientKind::Processor, "IE"),
            recipient("Nimbus Ads".into(), RecipientKind::ThirdParty, "US"),
        ],
        retention: span("2 years")?,
        basis: LegalBasis::Consent,
        notice: Some(NoticeText {
            version: 3,
            text: say.say(
                "We send you at most two offers a month.\n\nWe never use recordings or camera pictures for them.",
                "Wir senden Ihnen höchstens zwei Angebote im Monat.\n\nAufnahmen und Kamerabilder verwenden wir dafür nie.",
            ),
        }),
        boxes: vec![
            choice("email", "Offers by e-mail", "Angebote per E-Mail", false),
            choice("post", "Offers by post", "Angebote per Post", true),
            choice("device", "Offers on the display of a machine", "Angebote auf dem Display eines Geräts", false),
        ],
        sharing: vec![ChoiceBox {
            name: "share.ad-partner".into(),
            label: crate::Words::of(say.0).shared_with("Nimbus Ads"),
            ticked: false,
            note: Some(say.say(
                "Nimbus Ads works in the United States.",
                "Nimbus Ads arbeitet in den USA.",
            )),
        }],
    })
}

fn voice(say: Say<'_>) -> Option<Card> {
    Some(Card {
        title: say.say("Better listening", "Besser zuhören"),
        description: say.say(
            "Short recordings help your voice assistant to understand you in a noisy kitchen.",
            "Kurze Aufnahmen helfen Ihrem Sprachassistenten, Sie auch in einer lauten Küche zu verstehen.",
        ),
        data: vec![DataItem {
            title: say.say("Voice recordings", "Sprachaufnahmen"),
            sensitive: true,
            household: true,
        }],
        recipients: vec![recipient("Hearth Voice".into(), RecipientKind::Own, "DE")],
        retention: span("30 days")?,
        basis: LegalBasis::Consent,
        notice: None,
        boxes: vec![ChoiceBox {
            name: "voice".into(),
            label: say.say("Learn from my voice recordings", "Aus meinen Sprachaufnahmen lernen"),
            ticked: true,
            note: Some(say.say(
                "Counts only while nobody who lives with you says no.",
                "Gilt nur, solange niemand, der mit Ihnen wohnt, Nein sagt.",
            )),
        }],
        sharing: Vec::new(),
    })
}

fn diagnosis(say: Say<'_>) -> Option<Card> {
    Some(Card {
        title: say.say("Finding faults early", "Fehler früh finden"),
        description: say.say(
            "Your oven tells us how often it runs, so that a worn part is found before it breaks.",
            "Ihr Backofen meldet, wie oft er läuft, damit ein verschlissenes Teil auffällt, bevor es bricht.",
        ),
        data: vec![data(say.say("Oven usage", "Nutzung des Backofens"))],
        recipients: vec![recipient(
            say.say("Service cloud", "Kundendienst"),
            RecipientKind::Processor,
            "DE",
        )],
        retention: span("P1Y6M")?,
        basis: LegalBasis::LegitimateInterests,
        notice: None,
        boxes: vec![ChoiceBox {
            name: "diagnosis".into(),
            label: say.say("Look for faults from afar", "Aus der Ferne nach Fehlern suchen"),
            ticked: true,
            note: None,
        }],
        sharing: Vec::new(),
    })
}

fn always(say: Say<'_>) -> Vec<Card> {
    let card = |title, description, item, retention, basis| {
        Some(Card {
            title,
            description,
            data: vec![data(item)],
            recipients: vec![recipient(
                say.say("Customer records", "Kundenkartei"),
                RecipientKind::Own,
                "DE",
            )],
            retention: span(retention)?,
            basis,
            notice: None,
            boxes: Vec::new(),
            sharing: Vec::new(),
        })
    };
    [
        card(
            say.say("Your warranty", "Ihre Garantie"),
            say.say(
                "So that we know what you bought and can repair it.",
                "Damit wir wissen, was Sie gekauft haben, und es reparieren können.",
            ),
            say.say("Purchases", "Einkäufe"),
            "5 years",
            LegalBasis::Contract,
        ),
        card(
            say.say("Safety recalls", "Sicherheitsrückrufe"),
            say.say(
                "If a machine can hurt you, we have to be able to reach you.",
                "Wenn ein Gerät Ihnen schaden kann, müssen wir Sie erreichen können.",
            ),
            say.say("Postal address", "Postanschrift"),
            "10 years",
            LegalBasis::LegalObligation,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn promises(say: Say<'_>) -> Vec<String> {
    vec![
        say.say(
            "How you use a machine is never a reason to refuse you a warranty.",
            "Wie Sie ein Gerät nutzen, ist nie ein Grund, Ihnen die Garantie zu verweigern.",
        ),
        say.say(
            "Camera pictures are never used for advertising.",
            "Kamerabilder werden nie für Werbung verwendet.",
        ),
        say.say(
            "Your friends' addresses are never used to write to them.",
            "Die Adressen Ihrer Freunde werden nie benutzt, um ihnen zu schreiben.",
        ),
    ]
}

fn history(say: Say<'_>) -> Vec<HistoryEntry> {
    let offers = say.say("Offers by e-mail", "Angebote per E-Mail");
    let post = say.say("Offers by post", "Angebote per Post");
    let entry = |number: u64, earlier_ms: i64, happened| HistoryEntry {
        at: SAVED.plus_ms(-earlier_ms),
        position: Position::at(number),
        happened,
        receipt_href: format!("/me/receipts/{number}"),
    };
    let chose =
        |voice, effect, what: &String| Happened::Chose { voice, effect, what: what.clone() };
    let mailer = say.say("Mailer", "E-Mail-Versand");
    vec![
        entry(10_418, -310, vec![Happened::Applied { system: mailer }]),
        entry(10_417, 0, vec![chose(Voice::Person, Effect::Denial, &offers)]),
        entry(8_802, 86_400_000, vec![chose(Voice::Agent, Effect::Grant, &post)]),
        entry(
            2,
            7_776_000_000,
            vec![
                Happened::BecameKnown,
                Happened::IdentifierAdded { kind: say.say("E-mail address", "E-Mail-Adresse") },
                chose(Voice::OlderSystem, Effect::Grant, &offers),
            ],
        ),
    ]
}

fn data(title: String) -> DataItem {
    DataItem { title, sensitive: false, household: false }
}

fn recipient(title: String, kind: RecipientKind, country: &str) -> RecipientItem {
    RecipientItem { title, kind, country: country.into() }
}

/// None of the sample spans is unreadable: a card would be missing, which the tests see.
fn span(text: &str) -> Option<Span> {
    text.parse().ok()
}
