//! Texts of the pages for people: plain, kind, without the language of lawyers.

mod de;
mod en;

use sayso_consent::catalog::{LegalBasis, RecipientKind};

pub(super) use de::DE;
pub(super) use en::EN;

use crate::portal::{Happened, LeftOut, ProblemKind};

/// Texts of the pages for people.
pub(crate) struct Portal {
    pub(crate) title: &'static str,
    pub(crate) hello: &'static str,
    pub(crate) heading: fn(&str) -> String,
    pub(crate) lead: &'static str,
    pub(crate) lead_weak: &'static str,
    pub(crate) summary: fn(usize, usize) -> String,
    pub(crate) on_this_page: &'static str,

    pub(crate) saved: &'static str,
    pub(crate) saved_text: &'static str,
    pub(crate) saved_at: &'static str,
    pub(crate) receipt_of_save: &'static str,
    pub(crate) unchanged: &'static str,
    pub(crate) unchanged_text: &'static str,
    pub(crate) left_out: fn(LeftOut) -> &'static str,
    pub(crate) expired: &'static str,
    pub(crate) expired_text: &'static str,
    pub(crate) not_yet_durable: &'static str,
    pub(crate) not_yet_durable_text: &'static str,

    pub(crate) effects: &'static str,
    pub(crate) effects_all: &'static str,
    pub(crate) effects_some: fn(usize, usize) -> String,
    pub(crate) waiting: &'static str,
    pub(crate) being_told: &'static str,
    pub(crate) told: &'static str,
    pub(crate) received: &'static str,
    pub(crate) applied: &'static str,
    pub(crate) late: &'static str,
    pub(crate) verified: &'static str,
    pub(crate) excepted: &'static str,
    pub(crate) excepted_text: &'static str,
    pub(crate) unresolved: &'static str,
    pub(crate) unresolved_text: &'static str,
    pub(crate) not_needed: &'static str,
    pub(crate) not_needed_text: &'static str,
    pub(crate) its_words: &'static str,
    pub(crate) trying_since: &'static str,
    pub(crate) deadline: &'static str,
    pub(crate) late_since: &'static str,
    pub(crate) late_text: &'static str,
    pub(crate) locked: &'static str,
    pub(crate) change_something: &'static str,

    pub(crate) yours: &'static str,
    pub(crate) yours_text: &'static str,
    pub(crate) always: &'static str,
    pub(crate) always_text: &'static str,
    pub(crate) always_on: &'static str,
    pub(crate) nothing_yours: &'static str,
    pub(crate) save: &'static str,
    pub(crate) none: &'static str,
    pub(crate) sharing: &'static str,
    pub(crate) shared_with: fn(&str) -> String,
    pub(crate) sharing_waits: &'static str,
    pub(crate) in_part: &'static str,

    pub(crate) what: &'static str,
    pub(crate) with_whom: &'static str,
    pub(crate) how_long: &'static str,
    pub(crate) why: &'static str,
    pub(crate) sensitive: &'static str,
    pub(crate) household: &'static str,
    pub(crate) full_text: &'static str,
    pub(crate) version: &'static str,
    pub(crate) kind: fn(RecipientKind) -> &'static str,
    pub(crate) basis: fn(LegalBasis) -> &'static str,

    pub(crate) promises: &'static str,
    pub(crate) promises_text: &'static str,

    pub(crate) history: &'static str,
    pub(crate) history_text: &'static str,
    pub(crate) history_empty: &'static str,
    pub(crate) older: &'static str,
    pub(crate) receipt: &'static str,
    pub(crate) receipt_of: &'static str,
    pub(crate) happened: fn(&Happened) -> String,
    pub(crate) everything: &'static str,
    pub(crate) systems_applied: fn(usize) -> String,

    pub(crate) contact: &'static str,

    pub(crate) link_title: &'static str,
    pub(crate) link_text: &'static str,
    pub(crate) link_open: &'static str,
    pub(crate) link_once: &'static str,
    pub(crate) gone_title: &'static str,
    pub(crate) gone_text: &'static str,
    pub(crate) gone_reasons: [&'static str; 3],
    pub(crate) gone_do: &'static str,
    pub(crate) gone_ask: &'static str,
    pub(crate) gone_safe: &'static str,
    pub(crate) problem: fn(ProblemKind) -> (&'static str, &'static str),
    pub(crate) problem_back: &'static str,
    pub(crate) problem_reference: &'static str,
}
