//! What stands around every page: the name of the organisation, the languages, the way out.

use crate::words::Words;

/// What stands around a page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Frame {
    /// The language of the page, as [`Words::of`] takes it.
    pub language: String,
    /// The name of the organisation.
    pub organisation: String,
    /// The zone that times are shown in.
    pub zone: jiff::tz::TimeZone,
    /// The languages to switch to, the present one included.
    pub languages: Vec<LanguageLink>,
    /// How to end the session, if there is one.
    pub leave: Option<Leave>,
}

/// A way to the same page in a language.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LanguageLink {
    /// The language.
    pub language: String,
    /// Where the page is in it.
    pub href: String,
}

/// The button that ends a session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Leave {
    /// Where the form is posted.
    pub action: String,
    /// The value of its hidden field `csrf`.
    pub csrf: String,
}

/// Whether the page asks to be loaded again. The handler sends the `Refresh` header; the page only
/// says so and offers the way out of it (WCAG 2.2.1).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refreshing {
    /// It does not, and there is nothing to wait for.
    Off,
    /// It does.
    Every {
        /// How often.
        seconds: u32,
        /// The same page, standing still.
        stop_href: String,
    },
    /// The person stopped it while there is still something to wait for.
    Stopped {
        /// The same page, refreshing.
        resume_href: String,
    },
}

impl Frame {
    /// The words of its language.
    pub fn words(&self) -> &'static Words {
        Words::of(&self.language)
    }

    /// The frame of the sample company.
    pub fn sample(language: &str) -> Self {
        let link =
            |tag: &str| LanguageLink { language: tag.into(), href: format!("?language={tag}") };
        Self {
            language: language.into(),
            organisation: "Hearth".into(),
            zone: jiff::tz::TimeZone::UTC,
            languages: vec![link("en"), link("de")],
            leave: Some(Leave { action: "/me/leave".into(), csrf: "c3JmLXNhbXBsZQ".into() }),
        }
    }
}

impl LanguageLink {
    /// Its words.
    pub(crate) fn words(&self) -> &'static Words {
        Words::of(&self.language)
    }

    /// Whether the page is shown in it.
    pub(crate) fn is_current(&self, words: &Words) -> bool {
        self.words().tag == words.tag
    }
}
