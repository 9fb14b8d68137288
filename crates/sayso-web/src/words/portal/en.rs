//! English.

use sayso_consent::{
    catalog::{LegalBasis, RecipientKind},
    choice::Effect,
};

use super::Portal;
use crate::portal::{Happened, LeftOut, ProblemKind, Voice};

pub(in crate::words) const EN: Portal = Portal {
    title: "Your data, your say",
    hello: "Hello.",
    heading: |organisation| format!("You decide what {organisation} may do with your data"),
    lead: "Tick what you like, untick what you do not. It counts from the moment you save, and you \
           can watch every system follow.",
    lead_weak: "With this link you can only say no: untick what you do not like, and it counts from the \
                moment you save. To say yes, or to see what happened so far, ask for a link where you \
                are known.",
    summary: |yes, all| match (yes, all) {
        (0, _) => "Right now you say no to everything here.".into(),
        (yes, all) if yes == all => "Right now you say yes to everything here.".into(),
        (yes, all) => format!("Right now you say yes to {yes} of {all}."),
    },
    on_this_page: "On this page",

    saved: "In force now",
    saved_text: "Your choices are on record. From this moment every question is answered by them.",
    saved_at: "Recorded",
    receipt_of_save: "Download your receipt",
    unchanged: "Nothing changed",
    unchanged_text: "Your choices were already as you sent them. They stay in force.",
    left_out: |left_out| match left_out {
        LeftOut::Sharing => {
            "Passing on to others was left out: it counts only together with one of the ways above \
             it. Tick one of them too and save again."
        }
        LeftOut::Yes => {
            "What you ticked was left out: the link that you came by can only say no. Ask for a \
             new one to say yes."
        }
        LeftOut::Unread => {
            "What you ticked was left out: the texts have changed since you opened the page. Please \
             read them as they are now, and tick once more what you like."
        }
        LeftOut::Refused => {
            "What you ticked was left out: that yes has to be given in another way. Please write to us."
        }
    },
    expired: "Nothing was saved",
    expired_text: "This page had been open for too long to be sure that it was you. Please look \
                   at your choices again and save them once more.",
    not_yet_durable: "In force now, being written down",
    not_yet_durable_text: "Your no counts already. Our records are slow to store it just now; we \
                           keep trying and you need not do anything.",

    effects: "What each system has done",
    effects_all: "Every system has applied your choice.",
    effects_some: |applied, all| format!("{applied} of {all} systems have applied your choice."),
    waiting: "about to be told",
    being_told: "being told",
    told: "told",
    received: "received",
    applied: "applied",
    late: "late",
    verified: "checked",
    excepted: "not applied",
    excepted_text: "It will not apply your choice for now, and somebody here has taken that on by \
                    name. It may not use your data meanwhile.",
    unresolved: "cannot be told",
    unresolved_text: "It may know you by a name that we do not have. As soon as we learn it, it is told.",
    not_needed: "not needed",
    not_needed_text: "It holds nothing that would tell it who you are.",
    its_words: "In its own words:",
    trying_since: "It has not answered. We have been trying since",
    deadline: "Its deadline is",
    late_since: "Late since",
    late_text: "that was its deadline. Until it answers, it may not use your data, except where the \
                law or a life demands it.",
    locked: "You can change your choices as soon as this page stands still.",
    change_something: "Change something now",

    yours: "Yours to decide",
    yours_text: "Nothing here is needed for what you bought. Say no as freely as you say yes.",
    always: "Always on",
    always_text: "These have no box, because we could not do our duty without them. Each says why.",
    always_on: "Always on",
    nothing_yours: "There is nothing to decide here at the moment.",
    save: "Save my choices",
    none: "Say no to everything",
    sharing: "Passed on to others",
    shared_with: |recipient| format!("May be shared with: {recipient}"),
    sharing_waits: "Counts only together with one of the ways above.",
    in_part: "A part of this is allowed, not all. Untick it to say no to all of it; tick it again after \
              that to say yes to all of it.",

    what: "What we use",
    with_whom: "Who uses it",
    how_long: "For how long",
    why: "Why we may",
    sensitive: "sensitive",
    household: "concerns all who live with you",
    full_text: "Read the full text",
    version: "version",
    kind,
    basis,

    promises: "What we will never do",
    promises_text: "Whatever is ticked or not ticked above.",

    history: "What happened so far",
    history_text: "The newest first. Every entry comes with a signed receipt that is yours to keep.",
    history_empty: "Nothing has been recorded yet.",
    older: "Show older entries",
    receipt: "Receipt",
    receipt_of: "of entry",
    happened,
    everything: "everything",
    systems_applied: |count| format!("{count} systems applied your choice"),

    contact: "Questions? Write to us:",

    link_title: "Your page is ready",
    link_text: "It shows what your data is used for, and lets you change it.",
    link_open: "Open my page",
    link_once: "This link works once. If this is not your own device, press Leave when you are done.",
    gone_title: "This link does not open a page",
    gone_text: "One of these has happened, and nobody can tell which from the link alone:",
    gone_reasons: [
        "it was opened before: each link works once;",
        "too much time went by since it was made;",
        "a part of it was lost on the way, perhaps when it was copied.",
    ],
    gone_do: "Ask for a new link where you got this one, or write to us:",
    gone_ask: "Ask for a new link",
    gone_safe: "Your choices are untouched and stay in force.",
    problem,
    problem_back: "Back to my page",
    problem_reference: "If you write to us about this, please name",
};

fn kind(kind: RecipientKind) -> &'static str {
    match kind {
        RecipientKind::Own => "our own team",
        RecipientKind::Processor => "works for us, on our instructions",
        RecipientKind::JointController => "decides together with us",
        RecipientKind::ThirdParty => "a third party",
    }
}

fn basis(basis: LegalBasis) -> &'static str {
    match basis {
        LegalBasis::Consent => "Only if you say yes.",
        LegalBasis::Contract => "We need it to do what we agreed with you.",
        LegalBasis::LegalObligation => "The law tells us to.",
        LegalBasis::VitalInterests => "It can protect somebody's life or health.",
        LegalBasis::PublicTask => "It serves the public. You can still say no.",
        LegalBasis::LegitimateInterests => "It helps us to run things well. You can still say no.",
    }
}

fn happened(what: &Happened) -> String {
    match what {
        Happened::Chose { voice, effect, what } => chose(*voice, *effect, what),
        Happened::Drifted { system } => {
            format!("{system} held something else than you chose, and was told again")
        }
        Happened::Excepted { system } => {
            format!("It was accepted that {system} does not apply your choice for now")
        }
        Happened::Applied { system } => format!("{system} applied your choice"),
        Happened::BecameKnown => "We got to know you".into(),
        Happened::IdentifierAdded { kind } => format!("We learned how to recognise you: {kind}"),
        Happened::IdentifierRemoved { kind } => format!("We stopped recognising you by: {kind}"),
        Happened::RelationshipChanged { is_active: true } => "Your contract with us began".into(),
        Happened::RelationshipChanged { is_active: false } => "Your contract with us ended".into(),
        Happened::RestrictionChanged { is_restricted: true } => {
            "The use of your data was put on hold".into()
        }
        Happened::RestrictionChanged { is_restricted: false } => {
            "The hold on the use of your data was lifted".into()
        }
        Happened::MinorityChanged { is_minor: true } => {
            "It was noted that a guardian says yes for you".into()
        }
        Happened::MinorityChanged { is_minor: false } => {
            "It was noted that you decide for yourself".into()
        }
        Happened::GuardianChanged { is_guardian: true } => "Somebody became your guardian".into(),
        Happened::GuardianChanged { is_guardian: false } => {
            "Somebody is no longer your guardian".into()
        }
        Happened::DeviceAcquired { device } => format!("This became yours: {device}"),
        Happened::DeviceReleased { device } => format!("This is no longer yours: {device}"),
        Happened::HouseholdChanged { device } => {
            format!("Who lives with it has changed: {device}")
        }
        Happened::ErasureRequested => "You asked to be forgotten".into(),
    }
}

fn chose(voice: Voice, effect: Effect, what: &str) -> String {
    let said = match effect {
        Effect::Grant => "yes",
        Effect::Denial => "no",
    };
    match voice {
        Voice::Person => format!("You said {said} to {what}"),
        Voice::Guardian => format!("Your guardian said {said} to {what}"),
        Voice::Agent => format!("Our team noted your {said} to {what}"),
        Voice::Browser => format!("Your browser's privacy signal said {said} to {what}"),
        Voice::Unsubscribed => format!("You unsubscribed: {said} to {what}"),
        Voice::TextMessage => format!("Your text message said {said} to {what}"),
        Voice::OlderSystem => format!("Brought over from an older system: {said} to {what}"),
        Voice::Restored => format!("Put back in force from our records: {said} to {what}"),
    }
}

fn problem(kind: ProblemKind) -> (&'static str, &'static str) {
    match kind {
        ProblemKind::NotFound => (
            "There is no such page",
            "Please check the address, or open your page with the link you were given.",
        ),
        ProblemKind::SessionOver => (
            "Your visit has ended",
            "You were away for a while, so we closed your page to keep it yours. Open it again \
             with a new link. Your choices stay in force.",
        ),
        ProblemKind::BadForm => (
            "We could not read that",
            "Nothing was saved. Please go back to your page and try once more.",
        ),
        ProblemKind::Refused => (
            "That is not possible here",
            "Nothing was saved. This choice has to be made in another way; please write to us.",
        ),
        ProblemKind::TooMany => (
            "That was very fast",
            "We got more requests than a person sends. Please wait a minute and try again.",
        ),
        ProblemKind::Unavailable => (
            "We cannot show your page just now",
            "Something is broken on our side, and somebody has been called. What you chose before \
             stays in force. Please try again in a few minutes.",
        ),
        ProblemKind::NotAllowed => (
            "This page is not for you",
            "It needs a key with more rights. Please ask whoever runs Sayso for one.",
        ),
    }
}
