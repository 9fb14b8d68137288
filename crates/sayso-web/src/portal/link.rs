//! The door to the person's page. Opening a link shows a button and changes nothing, because mail
//! scanners open links too; only the button's POST uses the link up.

use askama::Template;

use super::page::mailto;
use crate::{frame::Frame, words::Words};

/// The page behind a one-time link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Link {
    /// What stands around it.
    pub frame: Frame,
    /// Where the button posts to.
    pub action: String,
    /// The value of the form's hidden field `token`.
    pub token: String,
}

/// The page for a link that opens nothing. One page for used, expired and unknown links: it must
/// not tell a stranger whether a link was ever good.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gone {
    /// What stands around it.
    pub frame: Frame,
    /// Where the person can write to.
    pub contact: String,
    /// Where a new link can be asked for, if there is such a page.
    pub ask_href: Option<String>,
}

#[derive(Template)]
#[template(path = "portal/link.html")]
struct LinkHtml<'a> {
    frame: &'a Frame,
    words: &'static Words,
    link: &'a Link,
}

#[derive(Template)]
#[template(path = "portal/gone.html")]
struct GoneHtml<'a> {
    frame: &'a Frame,
    words: &'static Words,
    gone: &'a Gone,
}

impl Link {
    /// The page as HTML.
    pub fn render(&self) -> askama::Result<String> {
        LinkHtml { frame: &self.frame, words: self.frame.words(), link: self }.render()
    }
}

impl Gone {
    /// The page as HTML.
    pub fn render(&self) -> askama::Result<String> {
        GoneHtml { frame: &self.frame, words: self.frame.words(), gone: self }.render()
    }

    pub(crate) fn mailto(&self) -> Option<String> {
        mailto(&self.contact)
    }
}
