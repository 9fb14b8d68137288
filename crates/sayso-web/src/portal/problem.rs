//! The page for everything that went wrong: what it is, and what to do now.

use askama::Template;

use crate::{frame::Frame, words::Words};

/// A page that says what went wrong and what to do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// What stands around it.
    pub frame: Frame,
    /// What went wrong.
    pub kind: ProblemKind,
    /// The id of the request, by which the operator finds it in the log.
    pub reference: Option<String>,
    /// The person's page, if there is a session.
    pub back_href: Option<String>,
}

/// What went wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ProblemKind {
    /// No page has this address (404).
    NotFound,
    /// There is no session (any more) (401).
    SessionOver,
    /// The form could not be read, or was too large (400, 413, 415).
    BadForm,
    /// The rules refuse the choice (409, 422).
    Refused,
    /// Too many requests (429).
    TooMany,
    /// Something is broken (500, 503).
    Unavailable,
    /// The key does not allow it (403).
    NotAllowed,
}

impl ProblemKind {
    /// Every kind there is.
    pub const ALL: [Self; 7] = [
        Self::NotFound,
        Self::SessionOver,
        Self::BadForm,
        Self::Refused,
        Self::TooMany,
        Self::Unavailable,
        Self::NotAllowed,
    ];
}

#[derive(Template)]
#[template(path = "portal/problem.html")]
struct ProblemHtml<'a> {
    frame: &'a Frame,
    words: &'static Words,
    problem: &'a Problem,
    title: &'static str,
    what_to_do: &'static str,
}

impl Problem {
    /// The page as HTML.
    pub fn render(&self) -> askama::Result<String> {
        let words = self.frame.words();
        let (title, what_to_do) = (words.portal.problem)(self.kind);
        ProblemHtml { frame: &self.frame, words, problem: self, title, what_to_do }.render()
    }
}
