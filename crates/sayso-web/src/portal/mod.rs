//! The pages for people: their own page, the door to it, and what is shown when it stays shut.

mod history;
mod link;
mod page;
mod problem;
mod sample;

pub use history::{Happened, HistoryEntry, Voice};
pub use link::{Gone, Link};
pub use page::{
    Banner, Card, ChoiceBox, DataItem, EffectState, LeftOut, NoticeText, Page, RecipientItem,
    SystemEffect,
};
pub use problem::{Problem, ProblemKind};
