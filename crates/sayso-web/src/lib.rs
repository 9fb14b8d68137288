//! Pages for people and operators: typed view models, templates, words and one style sheet.
//!
//! A view model holds what a page shows and nothing of where it came from; `render` is pure, so a
//! page can be looked at, tested and translated without a server. No page needs a script, asks
//! another origin for anything or carries an inline style ([`assets::CONTENT_SECURITY_POLICY`]).
//! Every text is a field of [`Words`], so a language that lacks one does not compile.
//!
//! Reading order: [`frame`], [`portal`], [`console`], [`docs`], then [`words`].

pub mod assets;
pub mod console;
pub mod docs;
pub mod frame;
mod handlers;
pub mod portal;
mod save;
mod session;
mod view;
pub mod words;

pub use frame::{Frame, LanguageLink, Leave, Refreshing};
pub use handlers::{Web, router};
pub use words::Words;
