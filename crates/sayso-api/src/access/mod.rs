//! OpenID AuthZEN Authorization API 1.0.
//!
//! The one boundary where words are translated: AuthZEN's `subject` is our recipient, its
//! `action.name` our purpose, its `resource` a category of data of a person.

mod answers;
pub(crate) mod ask;
pub(crate) mod configuration;
pub(crate) mod evaluation;
pub(crate) mod evaluations;
pub(crate) mod finder;
pub(crate) mod form;
pub(crate) mod page;
pub(crate) mod search_action;
pub(crate) mod search_resource;
pub(crate) mod search_subject;
pub(crate) mod text;
