//! The person's own page: what is used for what, a box for each choice, what every system did
//! about it, and all that happened so far.

use askama::Template;
use sayso_consent::{
    catalog::{LegalBasis, RecipientKind},
    id::Position,
    time::{Span, Timestamp},
};

use super::history::HistoryEntry;
use crate::{
    frame::{Frame, Refreshing},
    words::Words,
};

/// The person's own page. It knows no name and no address: a page left open on a shared device
/// must not say whose it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// What stands around it.
    pub frame: Frame,
    /// The moment that it shows.
    pub now: Timestamp,
    /// Where the form of choices is posted.
    pub action: String,
    /// The value of the form's hidden field `csrf`.
    pub csrf: String,
    /// The value of its hidden field `catalog`: which texts the page shows.
    pub catalog: Position,
    /// What became of the form that was just sent.
    pub banner: Option<Banner>,
    /// What that form asked for and did not get.
    pub left_out: Option<LeftOut>,
    /// What each system has done about the last choice; empty if there is nothing to tell.
    pub effects: Vec<SystemEffect>,
    /// Whether the page refreshes itself. While it does, the boxes are locked: a refresh would
    /// silently throw away what the person is just ticking.
    pub refreshing: Refreshing,
    /// What the person decides: consent, legitimate interests, public task.
    pub yours: Vec<Card>,
    /// What has no box: contract, legal obligation, vital interests.
    pub always: Vec<Card>,
    /// What the company will never do.
    pub promises: Vec<String>,
    /// What happened, newest first; none for somebody who may not read it and may only say no.
    pub history: Option<Vec<HistoryEntry>>,
    /// Where older entries are, if there are any.
    pub older_href: Option<String>,
    /// Where the person can write to.
    pub contact: String,
}

/// What became of the form that was just sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Banner {
    /// It is on record and in force.
    Saved {
        /// When it was recorded.
        at: Timestamp,
        /// Where.
        position: Position,
        /// Its receipt.
        receipt_href: String,
    },
    /// The same for somebody who may not read where.
    InForce,
    /// It said nothing new.
    Unchanged,
    /// Its token or session was too old; nothing was recorded.
    Expired,
    /// Its denials are in force, but the disk has not taken them yet.
    NotYetDurable,
}

/// What a form asked for and did not get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum LeftOut {
    /// To share what none of the ways above allows to be used.
    Sharing,
    /// A yes, over a link that may only say no.
    Yes,
    /// A yes to texts that have changed since they were shown.
    Unread,
    /// A yes that the rules refuse.
    Refused,
}

impl LeftOut {
    /// Every kind there is.
    pub const ALL: [Self; 4] = [Self::Sharing, Self::Yes, Self::Unread, Self::Refused];

    /// Its name in an address.
    pub(crate) fn tag(self) -> &'static str {
        match self {
            Self::Sharing => "sharing",
            Self::Yes => "yes",
            Self::Unread => "unread",
            Self::Refused => "refused",
        }
    }
}

/// What a system has done about the last choice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SystemEffect {
    /// The system's name for people.
    pub title: String,
    /// How far it is.
    pub state: EffectState,
    /// Since when it is tried to tell it, while it has not taken the message.
    pub trying_since: Option<Timestamp>,
    /// When it was told, if that is known.
    pub told_at: Option<Timestamp>,
    /// When it took the message, if that is known.
    pub received_at: Option<Timestamp>,
    /// When it applied the choice.
    pub applied_at: Option<Timestamp>,
    /// When it was read back and held the choice.
    pub verified_at: Option<Timestamp>,
    /// By when it has to.
    pub due: Option<Timestamp>,
    /// What it did, in its own words, such as `2 rows`.
    pub detail: Option<String>,
}

/// How far a system is with a choice.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EffectState {
    /// It has not been told yet.
    Waiting,
    /// It is being told.
    Told,
    /// It took the message.
    Received,
    /// It has applied the choice.
    Applied,
    /// It was read back after that, and holds the choice.
    Verified,
    /// It is past its deadline, and may not use the data.
    Late,
    /// It will not apply the choice, and somebody accepted that by name.
    Excepted,
    /// It may know the person under a name that is not known here.
    Unresolved,
    /// It knows the person by no identifier, so there is nothing to apply.
    NotNeeded,
}

/// One processing activity.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Card {
    /// Its name.
    pub title: String,
    /// One or two plain sentences; may be empty.
    pub description: String,
    /// What is used.
    pub data: Vec<DataItem>,
    /// Who uses it.
    pub recipients: Vec<RecipientItem>,
    /// For how long it is kept.
    pub retention: Span,
    /// On what ground.
    pub basis: LegalBasis,
    /// The text that the choice is made on.
    pub notice: Option<NoticeText>,
    /// The boxes: one for each channel, or one in all. None on a card that is always on.
    pub boxes: Vec<ChoiceBox>,
    /// Boxes for each third party that may have the data, labelled by [`Words::shared_with`].
    pub sharing: Vec<ChoiceBox>,
}

/// A category of data on a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DataItem {
    /// Its name.
    pub title: String,
    /// Special category or otherwise sensitive.
    pub sensitive: bool,
    /// Concerns everyone who lives with the device that it comes from.
    pub household: bool,
}

/// Who uses the data of a card.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RecipientItem {
    /// Its name.
    pub title: String,
    /// What it is to the company.
    pub kind: RecipientKind,
    /// Where it works, ISO 3166-1 alpha-2.
    pub country: String,
}

/// A notice as it is in force.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NoticeText {
    /// Its version.
    pub version: u32,
    /// Its text; blank lines part paragraphs.
    pub text: String,
}

/// A box to tick. In the form it sends `shown=<name>` always, `shown_ticked=<name>` if it was ticked
/// when the page was made, and `<name>=yes` when ticked: only what the person did to it counts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChoiceBox {
    /// The field of the form; unique on the page, and none of those named here.
    pub name: String,
    /// What ticking it allows: `Offers by e-mail`.
    pub label: String,
    /// Whether any of it is allowed now.
    pub ticked: bool,
    /// What else to know, such as why a tick does not count yet.
    pub note: Option<String>,
}

#[derive(Template)]
#[template(path = "portal/page.html")]
struct PageHtml<'a> {
    frame: &'a Frame,
    words: &'static Words,
    page: &'a Page,
}

impl Page {
    /// The page as HTML.
    pub fn render(&self) -> askama::Result<String> {
        PageHtml { frame: &self.frame, words: self.frame.words(), page: self }.render()
    }

    /// Whether every system that had to has applied the choice.
    pub fn is_settled(&self) -> bool {
        self.applied() == self.needed()
    }

    pub(crate) fn applied(&self) -> usize {
        self.effects.iter().filter(|effect| effect.state.is_applied()).count()
    }

    pub(crate) fn needed(&self) -> usize {
        self.effects.iter().filter(|effect| effect.state.is_needed()).count()
    }

    /// Nothing was lost and nothing is under way any more.
    pub(crate) fn is_good_news(&self) -> bool {
        let is_worry = matches!(self.banner, Some(Banner::Expired | Banner::NotYetDurable));
        self.is_settled() && !is_worry && self.left_out.is_none()
    }

    /// Whether there is something to tell before the choices; the introduction makes room for it.
    pub(crate) fn has_status(&self) -> bool {
        self.banner.is_some() || !self.effects.is_empty()
    }

    pub(crate) fn is_locked(&self) -> bool {
        matches!(self.refreshing, Refreshing::Every { .. })
    }

    /// The history in runs: what systems applied one after the other is one, all else stands alone.
    pub(crate) fn runs(&self) -> impl Iterator<Item = &[HistoryEntry]> {
        self.history
            .as_deref()
            .unwrap_or_default()
            .chunk_by(|newer, older| newer.is_applied() && older.is_applied())
    }

    /// Whether the visitor may only say no, and not read what happened.
    pub(crate) fn is_weak(&self) -> bool {
        self.history.is_none()
    }

    fn all_boxes(&self) -> impl Iterator<Item = &ChoiceBox> {
        self.yours.iter().flat_map(|card| card.boxes.iter().chain(&card.sharing))
    }

    pub(crate) fn summary(&self, words: &Words) -> String {
        let ticked = self.all_boxes().filter(|choice| choice.ticked).count();
        (words.portal.summary)(ticked, self.all_boxes().count())
    }

    /// The address as a link, if it looks like one of e-mail.
    pub(crate) fn mailto(&self) -> Option<String> {
        mailto(&self.contact)
    }
}

/// `mailto:` and the address, if it is plainly an e-mail address.
pub(super) fn mailto(contact: &str) -> Option<String> {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "@.-_+".contains(c);
    let is_address = contact.matches('@').count() == 1 && contact.chars().all(is_plain);
    is_address.then(|| format!("mailto:{contact}"))
}

impl EffectState {
    pub(crate) fn is_applied(self) -> bool {
        matches!(self, Self::Applied | Self::Verified)
    }

    pub(crate) fn is_needed(self) -> bool {
        !matches!(self, Self::NotNeeded | Self::Unresolved)
    }

    pub(crate) fn word(self, words: &Words) -> &'static str {
        match self {
            Self::Waiting => words.portal.waiting,
            Self::Told => words.portal.being_told,
            Self::Received => words.portal.received,
            Self::Applied => words.portal.applied,
            Self::Verified => words.portal.verified,
            Self::Excepted => words.portal.excepted,
            Self::Unresolved => words.portal.unresolved,
            Self::Late => words.portal.late,
            Self::NotNeeded => words.portal.not_needed,
        }
    }

    pub(crate) fn class(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Told => "told",
            Self::Received => "received",
            Self::Applied | Self::Verified => "applied",
            Self::Excepted => "late",
            Self::Unresolved => "not-needed",
            Self::Late => "late",
            Self::NotNeeded => "not-needed",
        }
    }
}

impl SystemEffect {
    /// The steps and when each was taken. Not every system can be read back.
    pub(crate) fn steps(&self, words: &Words) -> Vec<(&'static str, Option<Timestamp>)> {
        let mut steps = vec![
            (words.portal.told, self.told_at),
            (words.portal.received, self.received_at),
            (words.portal.applied, self.applied_at),
        ];
        steps.extend(self.verified_at.map(|at| (words.portal.verified, Some(at))));
        steps
    }
}

impl NoticeText {
    pub(crate) fn paragraphs(&self) -> impl Iterator<Item = &str> {
        self.text.split("\n\n").map(str::trim).filter(|text| !text.is_empty())
    }
}
