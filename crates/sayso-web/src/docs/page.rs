//! What the API reference shows.

use askama::Template;

use super::shape::Shape;
use crate::{frame::Frame, words::Words};

/// The API reference. Made by [`Page::of`] from an OpenAPI 3.1 document.
#[derive(Clone, Debug, PartialEq)]
pub struct Page {
    /// What stands around it.
    pub frame: Frame,
    /// Where the document itself is.
    pub openapi_href: String,
    /// The name of the API.
    pub title: String,
    /// Its version.
    pub version: String,
    /// What it is for.
    pub description: String,
    /// The operations by tag, in the document's order.
    pub groups: Vec<Group>,
    /// The named schemas.
    pub schemas: Vec<Section>,
}

/// The operations of one tag.
#[derive(Clone, Debug, PartialEq)]
pub struct Group {
    /// The tag.
    pub title: String,
    /// What they are for.
    pub description: String,
    /// Its place on the page.
    pub anchor: String,
    /// The operations.
    pub operations: Vec<Operation>,
}

/// A method on a path.
#[derive(Clone, Debug, PartialEq)]
pub struct Operation {
    /// Its place on the page.
    pub anchor: String,
    /// `GET`.
    pub method: String,
    /// `/v1/subjects/{id}`.
    pub path: String,
    /// One line.
    pub summary: String,
    /// As much as there is to say.
    pub description: String,
    /// Whether it goes away.
    pub is_deprecated: bool,
    /// The security schemes, one of which it needs.
    pub needs: Vec<String>,
    /// What it takes beside a body.
    pub parameters: Vec<Parameter>,
    /// The bodies it takes, by media type.
    pub body: Vec<Sample>,
    /// Whether it takes none without a body.
    pub is_body_required: bool,
    /// How it answers.
    pub answers: Vec<Answer>,
}

/// Something an operation takes in its path, query or headers.
#[derive(Clone, Debug, PartialEq)]
pub struct Parameter {
    /// Its name.
    pub name: String,
    /// `path`, `query`, `header` or `cookie`.
    pub place: String,
    /// Whether it has to be given.
    pub is_required: bool,
    /// What it is.
    pub description: String,
    /// Its schema.
    pub shape: Shape,
}

/// A body of one media type, with examples.
#[derive(Clone, Debug, PartialEq)]
pub struct Sample {
    /// `application/json`.
    pub media_type: String,
    /// Its schema.
    pub shape: Option<Shape>,
    /// Examples: a name, which may be empty, and the text.
    pub examples: Vec<(String, String)>,
}

/// A response.
#[derive(Clone, Debug, PartialEq)]
pub struct Answer {
    /// `200`, `4XX` or `default`.
    pub status: String,
    /// When it is given.
    pub description: String,
    /// Its bodies, by media type.
    pub bodies: Vec<Sample>,
}

/// A named schema.
#[derive(Clone, Debug, PartialEq)]
pub struct Section {
    /// Its name.
    pub name: String,
    /// Its place on the page.
    pub anchor: String,
    /// The schema.
    pub shape: Shape,
}

#[derive(Template)]
#[template(path = "docs/page.html")]
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
}

impl Operation {
    /// What it is called in the table of contents.
    pub(crate) fn name(&self) -> &str {
        if self.summary.is_empty() { &self.path } else { &self.summary }
    }

    pub(crate) fn verb_class(&self) -> &'static str {
        match self.method.as_str() {
            "GET" | "HEAD" => "reads",
            "DELETE" => "deletes",
            _ => "writes",
        }
    }
}
