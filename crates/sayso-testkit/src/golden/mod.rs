//! The golden examples: stories in Markdown with answers that run as tests.
//!
//! The format is described for its writers in `golden/README.md`. Here it is read
//! ([`parse`], [`line`], [`answer`]) into plain [`step`]s, which run against anything that implements
//! [`Surface`]: the oracle in process, or a server that only speaks HTTP. A step never holds a
//! value of the write lane that a surface outside this process could not send; [`Deed::command`]
//! makes one for those inside.

pub mod answer;
pub mod bless;
mod command;
pub mod line;
pub mod parse;
pub mod run;
pub mod step;
pub mod surface;

pub use bless::bless;
pub use parse::{Library, Mistake, parse};
pub use run::{Mismatch, Summary, check, run};
pub use step::{Deed, Example, Question, Section, Step};
pub use surface::{Answer, OracleSurface, Surface};
