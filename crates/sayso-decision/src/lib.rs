//! The snapshot: everyone's state in memory, and the decision that is read from it.
//!
//! A decision is a hash, a slot and a byte, without a lock and without I/O. The snapshot is the
//! first follower of the ledger: [`Snapshot::apply`] is the only way in, whether an entry was
//! written a microsecond ago or is replayed at start-up, so live equals replay.
//!
//! This crate is pure. It refuses to know how entries are stored, what time it is, and who asks.
//! So it can be embedded in anything that is told the entries of a ledger:
//!
//! ```
//! use std::sync::Arc;
//!
//! use sayso_consent::{
//!     Choice, Entry, Event, Position, Scope, SubjectId, Timestamp, choice::Effect, event::VERSION,
//! };
//! use sayso_decision::{Question, Snapshot};
//!
//! let catalog = sayso_catalog::read(
//!     "
//! sayso: 1
//! organisation: { name: Hearth, contact: privacy@hearth.example, country: DE }
//! languages: [en]
//! time_zone: Europe/Berlin
//! data: { email: { title: { en: E-mail } } }
//! purposes: { offers: { title: { en: Offers } } }
//! recipients: { mailer: { title: { en: Mailer }, kind: own, country: DE } }
//! notices: { terms: [{ version: 1, text: { en: We send you offers. } }] }
//! activities:
//!   offers:
//!     title: { en: Offers }
//!     purpose: offers
//!     data: [email]
//!     recipients: [mailer]
//!     basis: consent
//!     notice: terms
//!     retention: 30 days
//! ",
//!     "catalog.yaml",
//! )
//! .map_err(|problems| problems[0].to_string())?;
//! let ana = SubjectId(0xa7a);
//! let at: Timestamp = "2026-02-01T18:30:00Z".parse()?;
//! let entry = |number, subject, events| Entry {
//!     v: VERSION,
//!     position: Position::at(number),
//!     at,
//!     subject,
//!     by: "example".into(),
//!     events,
//! };
//! let created = Event::SubjectCreated { is_active: true, minor_until: None };
//! let offers = Scope { purpose: Some("offers".parse()?), ..Scope::default() };
//! let chose = |effect| Event::ChoiceRecorded(Choice::of_person(effect, offers.clone()));
//!
//! let snapshot = Arc::new(Snapshot::default());
//! snapshot.apply(&[
//!     entry(1, None, vec![Event::CatalogApplied { catalog: Box::new(catalog) }]),
//!     entry(2, Some(ana), vec![created, chose(Effect::Grant)]),
//! ]);
//! let question = Question {
//!     subject: Some(ana),
//!     purpose: "offers",
//!     data: "email",
//!     recipient: "mailer",
//!     channel: None,
//!     device: None,
//! };
//! let answer = snapshot.answer(&question, at).ok_or("the rule has to say")?;
//! assert!(answer.allow());
//! assert_eq!(answer.grant, Some(Position::at(2)), "what the yes rests on");
//!
//! // She unticks the box: from the moment that `apply` returns, on every thread.
//! snapshot.apply(&[entry(3, Some(ana), vec![chose(Effect::Denial)])]);
//! let answer = snapshot.answer(&question, at).ok_or("the rule has to say")?;
//! assert_eq!(answer.reason.code(), "withdrawn");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```
//!
//! Reading order: [`decide`] (the rule over states, held equal to `sayso_consent::oracle` by
//! property test), [`snapshot`], `engine`, [`audience`], [`columns`],
//! [`hearing`], [`permission`], [`staged`].

#[cfg(test)]
mod alike;
pub mod audience;
pub mod columns;
pub mod decide;
mod engine;
pub mod hearing;
pub mod image;
mod index;
mod layers;
pub mod permission;
mod settle;
pub mod snapshot;
pub mod staged;

pub use engine::{Brief, Engine, Sum, many::Prepared, plan::Question, whom::Whom};
pub use permission::{Permission, permissions};
pub use snapshot::Snapshot;
pub use staged::Staged;
